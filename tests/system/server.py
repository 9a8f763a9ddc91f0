#!/usr/bin/python3
"""`tiara server` beside a fabric: who may change what, reloads, and a second service on the same fabric."""
import json
import os
import pathlib
import signal
import socket
import unittest

import fabric
from fabric import DEADLINE, GROUP_ENTERPRISE, GROUP_EXTERNAL, TIARA, levels, run, tiara, wait_until
from management import Management
from tie_server import TieServer, member, thumbprint

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUP_TIE_SERVER = "TIE Server"
BOTH = (GROUP_ENTERPRISE, GROUP_EXTERNAL)
# The registry is asked once a minute.
MINUTE = 60 + DEADLINE


class BesideABroker(fabric.FabricTest):
    """The broker would let both clients write; the service's own list has the operator alone."""

    up_options = ("--no-service",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.fabric.provision("tie", GROUP_TIE_SERVER)
        cls.operator = cls.fabric.provision("operator", *BOTH)
        cls.stranger = cls.fabric.provision("stranger", *BOTH)

    def setUp(self):
        self.server = self.make_server("server")

    def make_server(self, name, more=""):
        server = TieServer(self.root / f"{self.id().rsplit('.', 1)[1]}-{name}", self.client, more)
        server.admit(self.block("operator"))
        self.addCleanup(server.end)
        return server

    def block(self, name):
        return member(name, BOTH, sha1=thumbprint(self.root / name / "client.crt"))

    def set(self, config, level, file):
        return tiara(config, "rep", "set", level, file)

    def assert_exit(self, code, done):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)

    def test_a_store_that_was_there_is_not_made_anew(self):
        first = self.server.start().store_id
        self.server.stop()
        place, elsewhere = self.server.directory / "store", self.server.directory / "elsewhere"
        place.rename(elsewhere)
        for prepare in (lambda: None, place.mkdir):
            prepare()
            self.assertIsNone(self.server.launch().line())
            self.assertEqual(self.server.stop(), 8)
            self.assertIn(f"{place}: the store was there before and is missing; mount",
                          (self.root / f"{self.server.directory.name}.log").read_text())
        place.rmdir()
        elsewhere.rename(place)
        self.assertEqual(self.server.start().store_id, first)

    def test_a_fabric_without_a_service_says_what_is_missing(self):
        file = self.make_file("nowhere.exe")
        for command in (("get",), ("set", "KNOWN_TRUSTED"), ("external", "--level", "70")):
            done = tiara(self.operator, "rep", *command, file)
            self.assert_exit(7, done)
            self.assertIn("no TIE service on this fabric answers /mcafee/service/tie/file/reputation", done.stderr)
            self.assertIn("`tiara server` adds one", done.stderr)

    def test_only_members_of_its_own_list_may_write(self):
        self.server.start()
        file = self.make_file("members.exe")
        self.assert_exit(0, self.set(self.operator, "KNOWN_TRUSTED", file))
        self.assert_exit(0, tiara(self.operator, "rep", "external", file, "--level", "30", "--force"))
        written = levels(self.stranger, file)
        self.assertEqual((written[3], written[15]), (99, 30))
        topic = "/mcafee/event/external/file/report"
        self.assert_exit(0, run(TIARA, "auth", "test", "--state", self.fabric.state, "--no-service", "stranger",
                                "send", topic))
        refused = self.set(self.stranger, "KNOWN_MALICIOUS", file)
        self.assert_exit(5, refused)
        # Its group at the broker, which `auth list` shows, does not count here.
        own = "of the TIE service's own members file (authorization.toml)"
        self.assertIn(f'not in group "{GROUP_ENTERPRISE}" {own}', refused.stderr)
        refused = tiara(self.stranger, "rep", "external", file, "--level", "1", "--force")
        self.assert_exit(5, refused)
        self.assertIn(f'not in group "{GROUP_EXTERNAL}" {own}', refused.stderr)
        self.assertEqual(levels(self.operator, file), written)
        reports = self.server.status()["tie"]["reports"]
        self.assertEqual((reports["accepted"], reports["refused.unauthorized"]), (1, 1))

    def test_the_rules_of_the_document_keep_the_topics_for_the_group(self):
        topic = "/mcafee/service/tie/file/reputation"
        may = lambda name: run(TIARA, "auth", "test", "--state", self.fabric.state, "--no-service", name, "receive", topic)
        self.assertIn("any client may serve the TIE topics", self.fabric.log())
        self.assert_exit(0, may("stranger"))
        policy = self.fabric.state / "authorization.toml"
        before = policy.read_text()
        text = (ROOT / "docs" / "authorization.md").read_text()
        rules = text.split("to look at what is in force then):\n\n```toml\n")[1].split("```")[0]
        self.assertEqual(rules.count("[[topic]]"), 4)
        policy.write_text(before + "\n" + rules)
        self.addCleanup(lambda: run(TIARA, "reload", "--state", self.fabric.state))
        self.addCleanup(policy.write_text, before)
        self.assert_exit(0, run(TIARA, "reload", "--state", self.fabric.state))
        self.assert_exit(1, may("stranger"))
        self.assert_exit(0, may("tie"))
        self.server.start()
        file = self.make_file("kept.exe")
        self.assert_exit(0, self.set(self.operator, "KNOWN_TRUSTED", file))
        self.assertEqual(levels(self.stranger, file)[3], 99)

    def test_a_report_that_is_dropped_is_no_success(self):
        server = self.make_server("slow", "[limits]\nrequests_per_second = 1\n")
        server.start()
        files = [self.make_file(f"dropped-{number}.exe") for number in range(2)]
        # The question about the first uses up the share that the second would need.
        done = tiara(self.operator, "--json", "rep", "external", *files, "--level", "70", "--force")
        self.assert_exit(7, done)
        self.assertEqual([result["outcome"] for result in json.loads(done.stdout)], ["accepted", "refused"])
        self.assertIn("the report had no effect: unavailable: more messages than the service takes", done.stderr)
        self.assertEqual(levels(self.stranger, files[0])[15], 70)
        self.assertNotIn(15, levels(self.fabric.admin, files[1]))

    def test_a_report_to_a_service_that_does_not_answer_is_a_time_out(self):
        self.server.start()
        self.server.process.child.send_signal(signal.SIGSTOP)
        try:
            done = tiara(self.operator, "rep", "external", self.make_file("stopped.exe"), "--level", "70", "--force",
                         "--timeout", "2")
        finally:
            self.server.process.child.send_signal(signal.SIGCONT)
        self.assert_exit(6, done)
        self.assertIn("may be lost: the service did not answer", done.stderr)

    def test_without_a_list_nobody_may_write_and_the_log_says_so(self):
        self.server.members.unlink()
        self.server.start()
        self.assertIn("nobody may change a reputation: the file is not there", self.server.log())
        file = self.make_file("nobody.exe")
        self.assert_exit(5, self.set(self.operator, "KNOWN_TRUSTED", file))
        self.assertEqual(levels(self.operator, file)[3], 0)

    def test_a_signal_reads_the_list_again_and_a_bad_one_changes_nothing(self):
        self.server.start()
        file = self.make_file("reload.exe")
        self.server.admit(self.block("operator"), self.block("stranger"))
        self.server.reload()
        wait_until(lambda: "2 members are in force" in self.server.log(), "the reload")
        self.assert_exit(0, self.set(self.stranger, "KNOWN_TRUSTED", file))
        self.server.admit('[[member]]\nname = "x"\n')
        self.server.reload()
        wait_until(lambda: "not reloaded, what was in force stays" in self.server.log(), "the refusal")
        self.assert_exit(0, self.set(self.stranger, "KNOWN_MALICIOUS", file))
        self.server.members.unlink()
        self.server.reload()
        wait_until(lambda: "nobody may change a reputation" in self.server.log(), "the reload")
        self.assert_exit(5, self.set(self.operator, "KNOWN_TRUSTED", file))

    def test_a_signal_applies_settings(self):
        self.server.start()
        with self.server.settings.open("a") as settings:
            settings.write("[external]\nenabled = false\n[store]\ndirectory = \"/elsewhere\"\n")
        self.server.reload()
        wait_until(lambda: "external.enabled is false now" in self.server.log(), "the reload")
        wait_until(lambda: "store.directory has changed; the next start applies it" in self.server.log(), "the notice")
        done = tiara(self.operator, "rep", "external", self.make_file("off.exe"), "--level", "30")
        self.assert_exit(7, done)
        self.assertIn("disabled", done.stderr)

    def test_a_members_ca_counts_only_where_the_broker_is_trusted(self):
        authority = thumbprint(self.fabric.state / "keystore" / "ca-client.crt")
        file = self.make_file("ca.exe")
        self.server.admit(member("everybody", BOTH, sha1=authority))
        self.server.start()
        self.assert_exit(5, self.set(self.operator, "KNOWN_TRUSTED", file))
        self.assertEqual(self.server.stop(), 0)
        self.server.start("--set", "server.trust_broker_certs=true")
        self.assert_exit(0, self.set(self.operator, "KNOWN_TRUSTED", file))

    def test_it_comes_back_with_the_broker_and_with_its_new_certificate(self):
        self.server.start()
        before = thumbprint(self.root / "tie" / "client.crt")
        self.assert_exit(0, run(TIARA, "provision", self.root / "tie", "--state", self.fabric.state, "--name", "tie",
                                "--group", GROUP_TIE_SERVER, "--force"))
        self.server.reload()
        wait_until(lambda: "members are in force" in self.server.log(), "the reload")
        port = self.fabric.port
        self.fabric.stop()
        wait_until(lambda: not self.server.status()["tie"]["ready"], "the connection to end")
        self.fabric.start("--no-service", "--set", "log.format=json", port=port)
        wait_until(lambda: self.server.status()["tie"]["ready"], "the service to come back")
        after = thumbprint(self.root / "tie" / "client.crt")
        self.assertNotEqual(before, after)
        lines = [line for line in self.fabric.log().splitlines() if '"client.connected"' in line and "CN=tie" in line]
        self.assertEqual(json.loads(lines[-1])["thumbprint"], after)
        self.assert_exit(0, self.set(self.operator, "KNOWN_TRUSTED", self.make_file("back.exe")))

    def test_what_it_cannot_start_with(self):
        self.server.start()
        second = run(TIARA, "server", "--config", self.server.settings)
        self.assert_exit(8, second)
        self.assertEqual(self.server.stop(), 0)
        self.server.admit(member("short", BOTH, sha256="0" * 64))
        for arguments in ((), ("--check-config",)):
            done = run(TIARA, "server", "--config", self.server.settings, *arguments)
            self.assert_exit(2, done)
            self.assertIn('member "short" needs sha1', done.stderr)
        self.server.admit()
        self.assertEqual(run(TIARA, "server", "--config", self.server.settings, "--check-config").stdout, "ok\n")
        with self.server.settings.open("a") as settings:
            settings.write("[listen]\nport = 1\n")
        done = run(TIARA, "server", "--config", self.server.settings)
        self.assert_exit(2, done)
        self.assertRegex(done.stderr, r"tiara.toml:\d+: unknown key listen.port")
        self.assert_exit(2, run(TIARA, "server", "--config", self.root / "none.toml"))

    def test_nobody_listens(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            config = self.root / "nowhere" / "dxlclient.config"
            config.parent.mkdir()
            text = pathlib.Path(self.client).read_text().replace(f";{self.fabric.port};", f";{taken.getsockname()[1]};")
            for name in ("client.crt", "client.key", "brokercerts.crt"):
                (config.parent / name).symlink_to(self.client.parent / name)
            config.write_text(text)
            server = TieServer(self.root / "alone", config)
            done = run(TIARA, "server", "--config", server.settings, timeout=2 * DEADLINE)
        self.assert_exit(3, done)
        self.assertEqual(done.stdout, "")
        self.assertIn("not registered with the fabric: ", done.stderr)

    def test_the_service_manager_hears_of_it(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.root / "notify.sock"))
            manager.settimeout(DEADLINE)
            self.server.start(NOTIFY_SOCKET=str(self.root / "notify.sock"))
            self.assertEqual(manager.recv(4096), b"READY=1\n")
            self.server.reload()
            self.assertRegex(manager.recv(4096), b"^RELOADING=1\n")
            self.assertEqual(manager.recv(4096), b"READY=1\n")
            self.assertEqual(self.server.stop(), 0)
            self.assertEqual(manager.recv(4096), b"STOPPING=1\n")

    def test_acknowledged_sets_and_the_store_outlive_a_restart(self):
        self.server.start()
        file, identity = self.make_file("restart.exe"), self.server.store_id
        self.assert_exit(0, self.set(self.operator, "KNOWN_TRUSTED", file))
        self.server.process.stop(signal.SIGKILL)
        self.server.start()
        self.assertEqual(self.server.store_id, identity)
        self.assertEqual(levels(self.operator, file)[3], 99)
        metrics = run(TIARA, "status", "--metrics", "--socket", self.server.directory / "run" / "control.sock").stdout
        self.assertIn("\ntiara_tie_audit_entries 1\n", metrics)
        self.assertNotIn("tiara_broker_", metrics)
        mode = os.stat(self.server.directory / "run" / "control.sock").st_mode & 0o777
        self.assertEqual(mode, 0o600)


class BesideAnother(fabric.FabricTest):
    """Two services with two stores on one fabric."""

    def test_each_finds_the_other_and_says_so(self):
        client = self.fabric.provision("tie", GROUP_TIE_SERVER)
        server = TieServer(self.root / "second", client)
        self.addCleanup(server.end)
        server.start()
        own = json.loads(run(TIARA, "status", "--state", self.fabric.state).stdout)["tie"]["storeId"]
        wait_until(lambda: "another TIE service is on this fabric" in server.log(), "the second one to notice")
        others = server.status()["tie"]["otherServices"]
        self.assertEqual([other["storeId"] for other in others], [own])
        self.assertEqual(self.ready()[0], 200)
        status, body = wait_until(lambda: "another" in self.ready()[1] and self.ready(), "the first one to notice",
                                  MINUTE)
        self.assertEqual(status, 200)  # it serves, and says what is wrong
        self.assertRegex(body, "^ready\nanother TIE service answers on this fabric: "
                               r"{[0-9a-f-]+} \(/opendxl-tiara/service/tie\), with store " + server.store_id + "\n$")
        self.assertIn("another TIE service is on this fabric with store " + server.store_id, self.fabric.log())
        metrics = run(TIARA, "status", "--state", self.fabric.state, "--metrics").stdout
        self.assertIn("\ntiara_tie_other_services 1\n", metrics)

    def ready(self):
        status, _, body, _ = Management(self.fabric).ask("/readyz")
        return status, body


class MembersOfUp(fabric.FabricTest):
    """Whom the broker knows by more than a SHA-1, the service beside it knows, too."""

    def test_members_by_sha256_and_by_their_ca_may_write(self):
        config = self.fabric.provision("scanner")
        policy = self.fabric.state / "authorization.toml"
        plain = policy.read_text()
        file = self.make_file("known.exe")
        done = tiara(config, "rep", "set", "KNOWN_TRUSTED", file)
        self.assertEqual(done.returncode, 5, done.stderr)
        for certificate in (self.root / "scanner" / "client.crt", self.fabric.state / "keystore" / "ca-client.crt"):
            policy.write_text(plain + "\n" + member("more", BOTH, sha256=thumbprint(certificate, "sha256")))
            self.fabric.process.child.send_signal(signal.SIGHUP)
            wait_until(lambda: tiara(config, "rep", "set", "KNOWN_TRUSTED", file).returncode == 0, "the policy")
            external = tiara(config, "rep", "external", self.make_file("more.exe"), "--level", "30")
            self.assertEqual(external.returncode, 0, external.stderr)
        exported = run(TIARA, "audit", "export", "--state", self.fabric.state).stdout.splitlines()
        actor = json.loads(exported[-1])["actor"]
        self.assertEqual(actor["certificate"], thumbprint(self.root / "scanner" / "client.crt", "sha256"))
        self.assertEqual(actor["name"], "scanner")


if __name__ == "__main__":
    unittest.main()
