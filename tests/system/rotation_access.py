"""Replacing the CAs changes what nobody may: our own clients keep what they have and get nothing back, and whoever is
admitted by his CA's thumbprint stays so, before, during and after."""
import json
import re
import shutil
import unittest

import fabric
from fabric import TIARA, levels, run, tiara
from raw_peer import RESPONSE, RawPeer
from rotation_killed import GET, LOOKUP

GROUPS = [fabric.GROUP_ENTERPRISE, fabric.GROUP_EXTERNAL, "TIE Server Report Sandbox Reputation", "TIE Server",
          "Tiara Administrators"]


class RotationTest(fabric.FabricTest):
    def setUp(self):
        self.other = fabric.Fabric(self.root, self._testMethodName)
        self.addCleanup(lambda: self.other.process and self.other.kill())

    @property
    def policy(self):
        return self.other.state / "authorization.toml"

    def command(self, *arguments, code=0):
        done = run(TIARA, *arguments, "--state", self.other.state)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def rotate(self, *arguments, code=0):
        return self.command("cert-authority", "rotate", *arguments, code=code).stderr

    def members(self, name):
        members = json.loads(self.command("auth", "list", "--json").stdout)["members"]
        return [each for each in members if each["name"] == name]

    def sha256(self, certificate):
        shown = run("openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
        return shown.stdout.split("=")[1].strip().replace(":", "").lower()

    def certificates(self):
        shown = json.loads(self.command("cert-authority", "show", "--json").stdout)["certificates"]
        return {each["role"]: each for each in shown}

    def works(self, config):
        """The client gets in and gets an answer from the TIE service."""
        with RawPeer(config).connect() as peer:
            peer.subscribe(peer.reply_to)
            answer = peer.request(GET, LOOKUP)
            self.assertEqual(answer["type"], RESPONSE, answer)


class OwnClients(RotationTest):
    """The broker is stopped, and each test has a copy of its state."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        assert cls.fabric.stop() == 0

    def setUp(self):
        super().setUp()
        shutil.copytree(self.fabric.state, self.other.state)
        self.admin = self.other.state / "clients" / "admin"
        self.old = self.sha256(self.admin / "client.crt")

    def test_the_admin_client_keeps_the_groups_it_has_and_no_others(self):
        for group in ("Tiara Administrators", fabric.GROUP_ENTERPRISE):
            self.command("auth", "revoke", "admin", group)
        before = self.members("admin")[0]["groups"]
        self.assertEqual(before, [group for group in GROUPS if group not in (fabric.GROUP_ENTERPRISE, GROUPS[4])])
        self.assertIn("admin client: trusts the new CA, too; `rotate --finish` renews it\nTIE service: renewed\n",
                      self.rotate())
        said = self.rotate("--finish")
        self.assertIn(f"admin client: renewed, its groups stay: {', '.join(before)}\n", said)
        self.assertIn("TIE service: renewed\n", said)
        after = self.members("admin")
        self.assertEqual([each["groups"] for each in after], [before])
        self.assertEqual(after[0]["sha256"], self.sha256(self.admin / "client.crt"))
        self.assertNotEqual(after[0]["sha256"], self.old)
        self.other.start()
        path = self.make_file("kept")
        self.assertEqual(tiara(self.other.admin, "rep", "set", "99", path).returncode, 5)
        self.assertEqual(tiara(self.other.admin, "rep", "external", path, "--level", "70").returncode, 0)
        self.assertEqual(len(self.members("admin")), 1)

    def test_rules_that_name_it_name_the_new_certificate(self):
        rule = '\n[[topic]]\ndirection = "send"\ntopic = "/mine"\ncertificates = ["{}"] # only me\n'
        before = self.policy.read_text()
        self.policy.write_text(before + rule.format(self.old))
        self.rotate()
        self.rotate("--finish")
        self.assertTrue(self.policy.read_text().endswith(rule.format(self.sha256(self.admin / "client.crt"))))

    def test_a_deleted_admin_client_stays_deleted(self):
        shutil.rmtree(self.admin)
        self.rotate()
        self.assertIn("admin client: not there, not renewed\n", self.rotate("--finish"))
        self.assertFalse(self.admin.exists())
        self.other.start()
        self.assertFalse(self.admin.exists())

    def test_an_admin_client_that_is_no_member_any_more_does_not_become_one(self):
        text = self.policy.read_text()
        self.policy.write_text(re.sub(r"\n\[\[member\]\]\n(?:\w+ = .*\n)+", "\n", text))
        self.assertEqual(self.members("admin"), [])
        self.rotate()
        self.assertIn("admin client: renewed, in no group, as before\n", self.rotate("--finish"))
        self.assertEqual(self.members("admin"), [])
        # Nor when its configuration is written anew.
        (self.admin / "dxlclient.config").unlink()
        self.other.start()
        self.assertEqual(self.members("admin"), [])
        self.assertEqual(levels(self.other.admin, self.make_file("member")), {1: 0, 3: 0})

    def test_a_revoked_admin_client_is_not_renewed(self):
        (self.other.state / "keystore" / "revokedcerts.lst").write_text(self.old.upper() + "\n")
        self.rotate()
        self.assertIn("admin client: revoked, not renewed\n", self.rotate("--finish"))
        self.assertEqual(self.sha256(self.admin / "client.crt"), self.old)
        self.other.start()
        self.assertEqual(tiara(self.other.admin, "rep", "get", "0" * 32).returncode, 4)

    def test_the_service_keeps_what_the_policy_says_of_it(self):
        certificate = self.other.state / "service" / "service.crt"
        for step in (["renew"], ["rotate"], ["rotate", "--finish"]):
            with self.subTest(step):
                if step == ["renew"]:
                    self.command("auth", "grant", certificate, fabric.GROUP_EXTERNAL)
                old = self.sha256(certificate)
                self.command("cert-authority", *step)
                members = json.loads(self.command("auth", "list", certificate, "--json").stdout)["members"]
                self.assertEqual([each["groups"] for each in members], [[fabric.GROUP_EXTERNAL]])
                self.assertNotEqual(self.sha256(certificate), old)
                self.assertNotIn(old, self.policy.read_text())
        (self.other.state / "keystore" / "revokedcerts.lst").write_text(self.sha256(certificate) + "\n")
        self.assertIn("does not hold for the new one", self.command("cert-authority", "renew").stderr)
        members = json.loads(self.command("auth", "list", certificate, "--json").stdout)["members"]
        self.assertEqual(members, [])

    def test_a_service_that_never_was_is_not_made(self):
        shutil.rmtree(self.other.state / "service")
        shutil.rmtree(self.other.state / "store")
        (self.other.state / "store-id").unlink()
        self.assertIn("TIE service: not there, not renewed\n", self.command("cert-authority", "renew").stderr)
        self.assertFalse((self.other.state / "service").exists())
        self.other.start()  # and so the start does not miss its store


class NamedAuthority(RotationTest):
    """Under "deny", by rules and a member that name the CA."""

    def test_clients_admitted_by_their_ca_work_before_during_and_after(self):
        self.other.start()
        self.other.deny_by_default(("send", "/mcafee/service/tie/#"), ("send", "/opendxl-tiara/service/tie/#"))
        old_ca = self.certificates()["client CA"]
        self.command("auth", "grant", old_ca["sha1"], fabric.GROUP_EXTERNAL)
        self.policy.write_text(re.sub("(?m)^certificates = ", "# everybody\ncertificates = ", self.policy.read_text()))
        behind, config = self.other.provision("behind"), self.other.provision("scanner")
        self.works(config)
        said = self.rotate()
        for each in ("send /mcafee/service/tie/#", "send /opendxl-tiara/service/tie/#", f"member {old_ca['sha1']}"):
            self.assertIn(f"policy: {each}: the new CA is named beside the old\n", said)
        new_ca = self.certificates()["client CA"]
        self.assertIn(f'certificates = ["{old_ca["sha256"].upper()}", "{new_ca["sha256"]}"]', self.policy.read_text())
        self.works(config)
        done = run(TIARA, "provision", config.parent, "--force", "--state", self.other.state, "--name", "scanner")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = lambda client, name: tiara(client, "rep", "external", self.make_file(name), "--level", "70").returncode
        for client in (behind, config):
            self.works(client)
            self.assertEqual(report(client, f"during-{client.parent.name}"), 0)
        again = self.policy.read_text()
        self.rotate(code=2)
        self.assertEqual(self.policy.read_text(), again)
        self.rotate("--finish")
        self.works(config)
        self.assertEqual(report(config, "after"), 0)
        text = self.policy.read_text()
        for thumbprint in (old_ca["sha1"], old_ca["sha256"]):
            self.assertNotIn(thumbprint, text.lower())
        self.assertEqual(text.count(f'# everybody\ncertificates = ["{new_ca["sha256"]}"]'), 2)
        self.assertEqual(self.other.stop(), 0)
        self.other.start()
        self.works(self.retarget(config))

    def retarget(self, config):
        config.write_text(re.sub(r";\d+;", f";{self.other.port};", config.read_text()))
        return config

    def test_the_end_is_refused_while_an_original_policy_names_the_old_ca_only(self):
        self.other.start()
        old_ca = self.certificates()["client CA"]
        original = self.other.state / "topicauth.policy"
        text = '{{"send": [{{"topic": "/o", "clients": [{}]}}]}} // ours'
        original.write_text(text.format(f'"{old_ca["sha1"]}"'))
        said = self.rotate()
        new_ca = self.certificates()["client CA"]
        words = (f"topicauth.policy: names the old CA {old_ca['sha1']} and not the new one beside it, whose clients are "
                 f"left out: send /o; write {new_ca['sha1']} beside it, or take the old one out")
        self.assertIn("note: ", said)
        self.assertIn(words, said)
        self.assertIn(words, self.rotate("--finish", code=2))
        self.assertIn("old client CA", self.certificates())
        original.write_text(text.format(f'"{old_ca["sha1"]}", "{new_ca["sha1"]}"'))
        self.assertNotIn("note: ", self.rotate("--finish"))

    def test_a_policy_that_cannot_be_edited_stops_the_beginning(self):
        self.other.start()
        self.other.stop()
        ca = self.certificates()["client CA"]["sha1"]
        self.policy.write_text(f'member = [{{sha1 = "{ca}", groups = []}}]\n')
        self.assertIn("cannot edit this file", self.rotate(code=2))
        self.assertNotIn("old client CA", self.certificates())


if __name__ == "__main__":
    unittest.main()
