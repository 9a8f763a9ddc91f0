"""The set-external-reputation workflow through real processes, outcome by outcome."""
import hashlib
import json
import re
import unittest

import fabric
from fabric import BIN, TIARA, levels, tiara, wait_until

SAMPLE = BIN / "basic_set_external_file_reputation"
ABORT = ("Abort: There is a reputation from another provider for the file, External Reputation is "
         "not necessary.\n")


class Workflow(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.inside = cls.fabric.provision("inside", fabric.GROUP_EXTERNAL)
        cls.outside = cls.fabric.provision("outside")

    def test_unknown_file_has_gti_and_enterprise_not_set(self):
        self.assertEqual(levels(self.outside, self.make_file("unknown")), {1: 0, 3: 0})

    def test_lookup_answers_in_wire_vocabulary(self):
        path = self.make_file("vocabulary", b"vocabulary")
        answer = json.loads(tiara(self.outside, "rep", "get", path, "--json").stdout)
        self.assertEqual(answer["hashes"], {
            name: hashlib.new(name, b"vocabulary").hexdigest() for name in ("md5", "sha1", "sha256")})
        self.assertEqual([e["providerId"] for e in answer["reputations"]], [1, 3])
        for entry in answer["reputations"]:
            self.assertEqual(set(entry), {"providerId", "trustLevel", "createDate", "attributes"})
        self.assertIn("serverTime", answer["props"])

    def test_tool_connects_over_websockets(self):
        config = self.fabric.provision("websockets")  # whose ports are those of now
        text = config.read_text().replace("#UseWebSockets = False", "UseWebSockets = true")
        # The way that must not be taken leads nowhere.
        config.write_text(re.sub(r"(\[Brokers\]\n.*?;)\d+;", r"\g<1>1;", text))
        self.assertEqual(levels(config, self.make_file("over websockets")), {1: 0, 3: 0})
        config.write_text(text.replace("UseWebSockets = true", "UseWebSockets = false").replace(
            f";{self.fabric.port};", ";1;"))
        done = tiara(config, "--timeout", "2", "rep", "get", self.make_file("nowhere"))
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_sample_sends_the_event_and_the_lookup_shows_it(self):
        path = self.make_file("reported")
        done = fabric.run(SAMPLE, self.inside, path)
        self.assertEqual((done.stdout, done.returncode), ("Event Sent\n", 0), done.stderr)
        wait_until(lambda: levels(self.outside, path).get(15) == 70, "provider 15 at 70")

    def test_sample_aborts_when_another_provider_is_definitive(self):
        path = self.make_file("approved")
        done = tiara(self.fabric.admin, "rep", "set", "known_trusted", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = fabric.run(SAMPLE, self.inside, path)
        self.assertEqual(done.stdout, ABORT, done.stderr)
        self.assertEqual(levels(self.outside, path), {1: 0, 3: 99})

    def test_tool_reports_and_says_what_became_of_it(self):
        path = self.make_file("tool")
        done = tiara(self.inside, "rep", "external", path, "--level", "might_be_malicious")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(levels(self.outside, path)[15], 30)

    def test_tool_aborts_when_another_provider_is_definitive_unless_forced(self):
        path = self.make_file("forced")
        tiara(self.fabric.admin, "rep", "set", "known_malicious", path)
        done = tiara(self.inside, "rep", "external", path, "--level", "might_be_trusted")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(levels(self.outside, path), {1: 0, 3: 1})
        done = tiara(self.inside, "rep", "external", path, "--level", "might_be_trusted", "--force")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(levels(self.outside, path), {1: 0, 3: 1, 15: 70})

    def test_a_report_of_no_level_is_refused_by_the_word_that_was_given(self):
        for level in "NOT_SET", "0":
            done = tiara(self.inside, "rep", "external", self.make_file("no-level"), "--level", level)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertEqual(done.stderr, f"tiara: --level {level}: a report gives a level, and NOT_SET is none\n")

    def test_report_without_the_group_is_refused_by_name(self):
        path = self.make_file("refused")
        done = tiara(self.outside, "rep", "external", path, "--level", "might_be_trusted")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(fabric.GROUP_EXTERNAL, done.stderr)
        self.assertEqual(levels(self.outside, path), {1: 0, 3: 0})

    def test_set_without_the_group_is_refused(self):
        path = self.make_file("set-refused")
        done = tiara(self.inside, "rep", "set", "known_trusted", path)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(levels(self.outside, path), {1: 0, 3: 0})

    def test_watcher_sees_old_and_new_snapshots(self):
        path = self.make_file("watched")
        watch = self.start_process(TIARA, "--config", self.outside, "--json", "watch")
        wait_until(lambda: "watching" in watch.log(), "the watcher's word that it watches")
        tiara(self.fabric.admin, "rep", "set", "known_trusted", path)
        wanted = json.loads(tiara(self.outside, "--json", "rep", "get", path).stdout)["hashes"]
        while True:  # other tests' changes may come first
            event = json.loads(watch.line())
            if event["hashes"] == wanted:
                break
        self.assertEqual(event["topic"], "/mcafee/event/tie/file/repchange/broadcast")
        snapshot = {name: {e["providerId"]: e["trustLevel"] for e in event[name]["reputations"]}
                    for name in ("oldReputations", "newReputations")}
        self.assertEqual(snapshot, {"oldReputations": {1: 0, 3: 0},
                                    "newReputations": {1: 0, 3: 99}})

    def test_reputations_survive_a_restart(self):
        path = self.make_file("restart")
        tiara(self.fabric.admin, "rep", "set", "most_likely_trusted", path)
        port = self.fabric.port
        self.assertEqual(self.fabric.stop(), 0)
        self.fabric.start(port=port)
        self.assertEqual(levels(self.fabric.admin, path), {1: 0, 3: 85})


if __name__ == "__main__":
    unittest.main()
