"""Who may do what on a running fabric: `tiara auth`, both policy files, the profile "deny", and mistakes in them."""
import json
import re
import signal
import struct
import unittest

import fabric
from fabric import TIARA, run, tiara, wait_until
from raw_peer import EVENT, REQUEST, RawPeer, dxl_message, packet, publish_packet

REPORT = "/mcafee/event/external/file/report"
LOOKUP = "/mcafee/service/tie/file/reputation"
REGISTER = "/mcafee/service/dxl/svcregistry/register"


def settled(peer):
    """Topics of what was delivered before the broker's answer to a ping sent now."""
    peer.send(packet(0xC0))
    topics = []
    while True:
        first, body = peer.receive()
        if first == 0xD0:
            return topics
        if first >> 4 == 3:
            length = struct.unpack(">H", body[:2])[0]
            topics.append(body[2:2 + length].decode())


class AuthTest(fabric.FabricTest):
    def auth(self, *arguments, code=0):
        done = run(TIARA, "auth", arguments[0], "--state", self.fabric.state, *arguments[1:])
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def peer(self, config):
        peer = RawPeer(config).connect()
        self.addCleanup(peer.__exit__)
        return peer

    def member(self, name):
        members = json.loads(self.auth("list", "--json").stdout)["members"]
        return next(m for m in members if m["name"] == name)

    @property
    def policy(self):
        return self.fabric.state / "authorization.toml"

    def change_policy(self, text):
        """Replaces the text for this test, with the members provisioned so far."""
        before = self.policy.read_text()
        self.addCleanup(self.policy.write_text, before)
        self.policy.write_text(text + before[before.index("\n[[member]]"):])

    def reload(self):
        """By SIGHUP; returns what the log says about it."""
        before = len(self.fabric.log())
        self.fabric.process.child.send_signal(signal.SIGHUP)
        return wait_until(lambda: re.search(r"authorization: .*in force|[^\n]*not reloaded.*",
                                            self.fabric.log()[before:]), "the reload").group()

    def deliver(self, sender, receiver, topic):
        """Whether an event reaches a subscriber."""
        receiver.subscribe(topic)
        sender.send(publish_packet(topic, dxl_message(EVENT, b"x")))
        settled(sender)
        return topic in settled(receiver)


class Commands(AuthTest):
    def report(self, config):
        return tiara(config, "rep", "external", self.make_file("auth"), "--level", "70").returncode

    def test_grant_and_revoke_are_in_force_when_they_return(self):
        config = self.fabric.provision("changing")
        self.assertEqual(self.report(config), 5)
        for _ in range(2):
            self.auth("grant", "changing", fabric.GROUP_EXTERNAL)
            self.assertEqual(self.report(config), 0)
        self.assertIn("already in", self.auth("grant", "changing", fabric.GROUP_EXTERNAL).stderr)
        self.auth("revoke", self.member("changing")["sha1"].upper(), fabric.GROUP_EXTERNAL)
        self.assertEqual(self.report(config), 5)
        self.assertIn("was not in", self.auth("revoke", "changing", fabric.GROUP_EXTERNAL).stderr)

    def test_a_live_connection_feels_the_change(self):
        peer = self.peer(self.fabric.provision("live"))
        peer.subscribe(peer.reply_to)
        ask = lambda: peer.request("/mcafee/service/tie/file/reputation/set", b"{}")["code"]
        self.assertEqual(ask(), 0x80000013)
        self.auth("grant", "live", fabric.GROUP_ENTERPRISE)
        self.assertNotEqual(ask(), 0x80000013)  # the service's own complaint
        self.auth("revoke", "live", fabric.GROUP_ENTERPRISE)
        self.assertEqual(ask(), 0x80000013)

    def test_the_log_counts_what_was_refused(self):
        config = self.fabric.provision("counted")
        for count, words in ((1, "; 1 of its messages was refused"), (2, "; 2 of its messages were refused")):
            with RawPeer(config).connect() as peer:
                peer.subscribe(peer.reply_to)
                for _ in range(count):
                    self.assertEqual(peer.request("/mcafee/service/tie/file/reputation/set", b"{}")["code"], 0x80000013)
            wait_until(lambda: words in self.fabric.log(), words)

    def test_test_explains(self):
        self.fabric.provision("sandbox")
        self.assertEqual(self.auth("test", "sandbox", "send", REPORT, code=1).stdout,
                         f'client sandbox may not send to {REPORT}: not in group "{fabric.GROUP_EXTERNAL}"\n')
        self.auth("grant", "sandbox", fabric.GROUP_EXTERNAL)
        self.assertEqual(self.auth("test", "sandbox", "send", REPORT).stdout,
                         f"client sandbox may send to {REPORT}\n")
        self.auth("test", "sandbox", "receive", REPORT, code=1)
        self.auth("test", "sandbox", "receive", REPORT, "--no-service")
        answer = json.loads(self.auth("test", "f" * 40, "send", REPORT, "--json", code=1).stdout)
        self.assertEqual((answer["allowed"], answer["groups"]), (False, [fabric.GROUP_EXTERNAL]))

    def test_a_revoked_certificate_is_marked_and_may_nothing(self):
        self.fabric.provision("stolen")
        revoked = self.fabric.state / "keystore" / "revokedcerts.lst"
        self.addCleanup(self.reload)
        self.addCleanup(revoked.write_text, "")
        self.auth("test", "stolen", "send", "/any")
        revoked.write_text(self.member("stolen")["sha1"] + "\n")
        self.assertEqual(self.auth("test", "stolen", "send", "/any", code=1).stdout,
                         "client stolen may not send to /any: its certificate is revoked\n")
        self.assertRegex(self.auth("list").stdout, r"(?m)^stolen \(revoked\) +[0-9a-f]{64}$")
        self.assertTrue(self.member("stolen")["revoked"])

    def test_a_certificate_of_a_ca_that_is_not_there_may_nothing(self):
        foreign = self.root / "stranger.crt"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.root / "stranger.key", "-out",
            foreign, "-subj", "/CN=stranger")
        done = self.auth("test", foreign, "send", "/any", code=1)
        self.assertRegex(done.stdout, "may not send to /any: it cannot connect: unknown CA: CN=stranger")
        config = self.fabric.provision("known")
        self.assertEqual(self.auth("test", config.parent / "client.crt", "send", "/any").stderr, "")
        self.assertEqual(self.auth("test", "admin", "send", "/any").stderr, "")  # its file is in the state
        self.assertIn("note: whether the CA that signed the certificate is still one of this fabric can be told from",
                      self.auth("test", "known", "send", "/any").stderr)

    def test_list(self):
        self.fabric.provision("listed", fabric.GROUP_EXTERNAL)
        text = self.auth("list").stdout
        self.assertIn("Profile: open", text)
        self.assertRegex(text, rf"(?m)^listed +[0-9a-f]{{64}}  {fabric.GROUP_EXTERNAL}$")
        self.assertEqual(self.member("listed")["groups"], [fabric.GROUP_EXTERNAL])

    def test_an_ambiguous_or_unknown_client_or_group_is_refused(self):
        self.fabric.provision("twin")
        done = run(TIARA, "provision", self.root / "other-twin", "--state", self.fabric.state, "--name", "twin")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.auth("grant", "twin", fabric.GROUP_EXTERNAL, code=2)
        thumbprints = re.findall(r"twin \(([0-9a-f]{64})\)", done.stderr)
        self.assertEqual(len(thumbprints), 2, done.stderr)
        self.auth("grant", thumbprints[1], fabric.GROUP_EXTERNAL)
        self.auth("test", thumbprints[0], "send", REPORT, code=1)
        self.auth("test", thumbprints[1], "send", REPORT)
        near = self.auth("grant", "twins", fabric.GROUP_EXTERNAL, code=2).stderr
        self.assertIn("no member twins; similar are twin; ", near)
        self.assertIn("certificate file", near)
        self.assertIn("no member nobody", self.auth("grant", "nobody", fabric.GROUP_EXTERNAL, code=2).stderr)
        self.assertIn(fabric.GROUP_EXTERNAL, self.auth("grant", "admin", "No Group", code=2).stderr)

    def test_a_certificate_file_is_as_good_as_a_name(self):
        config = self.fabric.provision("by-file")
        certificate = config.parent / "client.crt"
        self.auth("grant", certificate, fabric.GROUP_EXTERNAL)
        self.assertEqual(self.report(config), 0)
        self.assertEqual(self.member("by-file")["groups"], [fabric.GROUP_EXTERNAL])
        self.auth("test", certificate, "send", REPORT)
        self.assertEqual(json.loads(self.auth("list", certificate, "--json").stdout)["members"],
                         [self.member("by-file")])
        self.auth("revoke", certificate, fabric.GROUP_EXTERNAL)
        self.assertEqual(self.report(config), 5)
        key = self.auth("grant", config.parent / "client.key", fabric.GROUP_EXTERNAL, code=2).stderr
        self.assertIn("no certificate in PEM form", key)

    def test_a_certificate_that_nobody_recorded_can_be_granted(self):
        config = self.fabric.provision("unrecorded")
        before = self.policy.read_text()
        self.policy.write_text(before[:before.rindex("\n[[member]]")])
        sha256 = run("openssl", "x509", "-in", config.parent / "client.crt", "-noout", "-fingerprint",
                     "-sha256").stdout.split("=")[1].strip()
        done = self.auth("grant", sha256, fabric.GROUP_EXTERNAL)
        self.assertIn("note: no member has this thumbprint", done.stderr)
        self.assertEqual(self.report(config), 0)
        done = self.auth("grant", config.parent / "client.crt", fabric.GROUP_EXTERNAL)
        self.assertIn("already in", done.stderr)

    def test_a_ca_is_not_granted_by_its_file(self):
        done = self.auth("grant", self.fabric.state / "keystore" / "ca-client.crt", fabric.GROUP_EXTERNAL, code=2)
        self.assertIn("certificate of a CA", done.stderr)
        foreign = self.root / "foreign.crt"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.root / "foreign.key", "-out",
            foreign, "-subj", "/CN=foreign", "-addext", "basicConstraints=critical,CA:FALSE")
        done = self.auth("grant", foreign, fabric.GROUP_EXTERNAL)
        self.assertIn("not signed by a CA of this fabric", done.stderr)

    def test_a_revoke_without_effect_says_why(self):
        done = self.auth("revoke", "admin", fabric.GROUP_EXTERNAL, code=7)
        self.assertIn("Tiara Administrators", done.stderr)
        self.auth("grant", "admin", fabric.GROUP_EXTERNAL)

    def test_CVE_2017_7650_names_made_of_wildcards_bypass_nothing(self):
        for number, name in enumerate(("#", "+", "/mcafee/#")):
            with self.subTest(name):
                done = run(TIARA, "provision", self.root / f"wild-{number}", "--state", self.fabric.state,
                           "--name", name)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.report(self.root / f"wild-{number}" / "dxlclient.config"), 5)
                self.auth("test", name, "send", REPORT, code=1)


class Files(AuthTest):
    """authorization.toml and topicauth.policy together, changed while the broker runs."""

    def setUp(self):
        self.one, self.two = (self.fabric.provision(f"{name}-{self._testMethodName}") for name in ("one", "two"))
        self.topicauth = self.fabric.state / "topicauth.policy"
        self.addCleanup(self.topicauth.unlink, missing_ok=True)

    def sha1(self, config):
        return self.member(config.parent.name)["sha1"]

    def test_an_original_file_works_unchanged(self):
        sender, other, receiver = self.peer(self.one), self.peer(self.two), self.peer(self.two)
        self.assertTrue(self.deliver(other, receiver, "/s/one"))
        self.topicauth.write_text('// the original\'s\n{ "send": [ /* who */\n  {"topic": "/s/one", "clients":'
                                  f' ["{self.sha1(self.one)}", "ABC"]}}\n]}}\n')
        self.assertIn("1 topic rule and", self.reload())
        self.assertIn('topicauth.policy:3: client "ABC" can never match', self.fabric.log())
        self.assertTrue(self.deliver(sender, receiver, "/s/one"))
        self.assertFalse(self.deliver(other, receiver, "/s/one"))
        self.assertIn("topicauth.policy", self.auth("list").stdout)

    def test_CVE_2021_34434_a_revoked_right_ends_an_old_subscription(self):
        sender, receiver = self.peer(self.one), self.peer(self.two)
        self.assertTrue(self.deliver(sender, receiver, "/r/a"))
        self.topicauth.write_text('{"receive":[{"topic":"/r/#","clients":[]}]}')
        self.reload()
        self.assertFalse(self.deliver(sender, receiver, "/r/a"))

    def test_declared_groups(self):
        self.change_policy('profile = "open"\n[[group]]\nname = "order desk"\n[[topic]]\ndirection = "send"\n'
                           'topic = "/orders/#"\ngroups = ["order desk"]\n')
        self.reload()
        sender, receiver = self.peer(self.one), self.peer(self.two)
        self.assertFalse(self.deliver(sender, receiver, "/orders/new"))
        name = self.one.parent.name
        self.assertIn('not in group "order desk"', self.auth("test", name, "send", "/orders/new", code=1).stdout)
        self.auth("grant", name, "order desk")
        self.assertTrue(self.deliver(sender, receiver, "/orders/new"))
        self.fabric.provision("clerk", "order desk")
        self.auth("test", "clerk", "send", "/orders/new")

    def test_CVE_2018_12551_a_bad_file_keeps_the_policy_in_force(self):
        sender, receiver = self.peer(self.one), self.peer(self.two)
        self.topicauth.write_text('{"send":[{"topic":"/kept","clients":[]}]}')
        self.reload()
        for path, text, words in ((self.topicauth, '{"send":[\n{"topic":"/kept"}]}', "topicauth.policy:2:"),
                                  (self.topicauth, "", "topicauth.policy:1:"),
                                  (self.policy, "", "authorization.toml: says nothing"),
                                  (self.policy, "# emptied\n", "authorization.toml: says nothing"),
                                  (self.policy, 'profile = "open"\n\nprofiles = 1\n', "authorization.toml:3:")):
            with self.subTest(text):
                before = path.read_text()
                path.write_text(text)
                said = self.reload()
                self.assertIn("not reloaded", said)
                self.assertIn(words, said)
                self.assertFalse(self.deliver(sender, receiver, "/kept"))
                path.write_text(before)
        self.topicauth.unlink()
        self.reload()
        self.assertIn("topicauth.policy: its 1 topic rules are gone", self.fabric.log())
        self.assertTrue(self.deliver(sender, receiver, "/kept"))

    def test_nothing_is_added_to_an_emptied_policy(self):
        before = self.policy.read_text()
        self.addCleanup(self.policy.write_text, before)
        self.policy.write_text("")
        done = run(TIARA, "provision", self.root / "late", "--state", self.fabric.state, "--name", "late")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(self.policy.read_text(), "")
        self.auth("grant", "admin", fabric.GROUP_EXTERNAL, code=2)

    def test_CVE_2018_12550_an_emptied_policy_stops_the_start(self):
        other = fabric.Fabric(self.root, "emptied").start()
        other.stop()
        for file, text in (("authorization.toml", ""), ("authorization.toml", "# only this\n"),
                           ("topicauth.policy", "")):
            with self.subTest(file=file, text=text):
                path = other.state / file
                before = path.read_text() if path.exists() else None
                path.write_text(text)
                done = run(TIARA, "up", "--state", other.state, "--port", "0", "--ws-port", "0")
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(file, done.stderr)
                path.unlink() if before is None else path.write_text(before)
        other.start()
        self.assertEqual(other.stop(), 0)


class Deny(AuthTest):
    """The whole workflow with profile = "deny"."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fabric.deny_by_default(("send", "/mcafee/service/tie/#"), ("send", "/opendxl-tiara/service/tie/#"),
                                   ("receive", "/mcafee/event/tie/#"))

    def test_reports_and_lookups_work(self):
        config = self.fabric.provision("scanner", fabric.GROUP_EXTERNAL)
        watch = self.start_process(TIARA, "--config", config, "watch", "--count", "1", "--timeout", "60")
        wait_until(lambda: "watching" in watch.log(), "the subscription")
        path = self.make_file("deny")
        done = tiara(config, "rep", "external", path, "--level", "70")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(fabric.levels(config, path), {1: 0, 3: 0, 15: 70})
        self.assertIn("MIGHT_BE_TRUSTED", watch.line())
        self.assertEqual(watch.stop(), 0)

    def test_a_refused_command_says_what_would_help(self):
        config = self.fabric.provision("outsider")
        before = self.policy.read_text()
        self.addCleanup(self.reload)
        self.addCleanup(self.policy.write_text, before)
        self.policy.write_text(re.sub(r"\n\[\[topic\]\]\n(?:\w+ = .*\n)+", "\n", before))
        self.reload()
        done = tiara(config, "rep", "get", "0" * 32)
        self.assertEqual(done.returncode, 5)
        self.assertIn('by the profile "deny"', done.stderr)
        self.assertIn("a [[topic]] rule in the broker's authorization.toml can allow it", done.stderr)
        # A member of the group may report, and may not look up first.
        reporter = self.fabric.provision("reporter", fabric.GROUP_EXTERNAL)
        done = tiara(reporter, "rep", "external", self.make_file("unseen"), "--level", "70")
        self.assertEqual(done.returncode, 5)
        self.assertIn('/mcafee/service/tie/file/reputation: ', done.stderr)
        self.assertIn('by the profile "deny"', done.stderr)
        done = tiara(reporter, "rep", "external", self.make_file("untold"), "--level", "70", "--force")
        self.assertEqual(done.returncode, 5)
        self.assertIn("/opendxl-tiara/service/tie/report/outcome: ", done.stderr)
        done = tiara(config, "watch", "--timeout", "60")
        self.assertEqual(done.returncode, 5)
        self.assertIn("not authorised to receive from /mcafee/event/tie/file/repchange/broadcast", done.stderr)
        self.assertNotIn("watching", done.stderr)

    def test_what_nobody_allows_is_denied(self):
        sender, receiver = (self.peer(self.fabric.provision(name)) for name in ("sender", "receiver"))
        self.assertFalse(self.deliver(sender, receiver, "/anything"))
        self.assertEqual(tiara(self.fabric.root / "sender" / "dxlclient.config", "rep", "external",
                               self.make_file("denied"), "--level", "70").returncode, 5)
        self.assertIn('profile "deny"', self.auth("test", "sender", "send", "/anything", code=1).stdout)

    def test_answers_reach_the_asker_and_nobody_else(self):
        asker, spy, sender = (self.peer(self.fabric.provision(name)) for name in ("asker", "spy", "answerer"))
        asker.subscribe(asker.reply_to)
        spy.subscribe(asker.reply_to, "/mcafee/client/#", "#")
        self.assertEqual(asker.request("/mcafee/service/dxl/brokerregistry/query", b"{}")["type"], 1)
        sender.send(publish_packet(asker.reply_to, dxl_message(EVENT, b"x")))
        settled(sender)
        self.assertEqual(settled(asker), [asker.reply_to])
        self.assertEqual(settled(spy), [])

    def test_a_service_needs_a_rule_for_what_it_serves(self):
        service, asker = (self.peer(self.fabric.provision(name)) for name in ("service", "customer"))
        for peer in (service, asker):
            peer.subscribe(peer.reply_to)
        service.subscribe("/svc")
        registration = {"serviceGuid": "{s}", "serviceType": "/svc", "requestChannels": ["/svc"], "ttlMins": 60}
        self.assertEqual(service.request(REGISTER, json.dumps(registration).encode())["type"], 1)
        self.assertEqual(asker.request("/svc", b"?")["code"], 0x80000013)
        rule = '\n[[topic]]\ndirection = "{}"\ntopic = "/svc"\ncertificates = ["{}"]\n'
        before = self.policy.read_text()
        self.addCleanup(self.policy.write_text, before)
        self.policy.write_text(before + rule.format("send", self.member("customer")["sha256"]))
        self.reload()
        self.assertEqual(asker.request("/svc", b"?")["code"], 0x80000001)
        self.policy.write_text(self.policy.read_text() + rule.format("receive", self.member("service")["sha1"]))
        self.reload()
        asker.send(publish_packet("/svc", dxl_message(REQUEST, b"?", "{id}", asker.reply_to)))
        self.assertEqual(service.message()[0], "/svc")


if __name__ == "__main__":
    unittest.main()
