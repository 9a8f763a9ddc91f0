"""What `tiara provision` writes, and that it takes effect on a running broker at once."""
import json
import resource
import stat
import subprocess
import unittest

import fabric
from fabric import TIARA, levels, run, tiara
from raw_peer import read_config

EXTERNAL_TOPIC = "/mcafee/event/external/file/report"


class Provision(fabric.FabricTest):
    def test_files_relative_paths_and_modes(self):
        config = self.fabric.provision("files")
        self.assertEqual({p.name for p in config.parent.iterdir()},
                         {"dxlclient.config", "client.crt", "client.key", "brokercerts.crt"})
        self.assertNotIn(str(self.root), config.read_text())
        self.assertEqual(stat.S_IMODE((config.parent / "client.key").stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.fabric.state.stat().st_mode), 0o700)
        self.assertEqual(read_config(config)[1], self.fabric.port)
        key = (config.parent / "client.key").read_text()
        self.assertTrue(key.startswith("-----BEGIN PRIVATE KEY-----"), key[:40])  # PKCS#8, for Java

    def test_a_moved_directory_still_works(self):
        config = self.fabric.provision("before-the-move")
        moved = config.parent.rename(self.root / "after-the-move") / config.name
        self.assertEqual(levels(moved, self.make_file("moved")), {1: 0, 3: 0})

    def test_group_is_in_force_when_provision_returns(self):
        path = self.make_file("group")
        for number in range(5):
            config = self.fabric.provision(f"group-{number}", fabric.GROUP_EXTERNAL)
            done = tiara(config, "rep", "external", path, "--level",
                         str((15, 30, 50, 70, 85)[number]))
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_provisioning_one_client_leaves_the_others_as_they_were(self):
        first = self.fabric.provision("first", fabric.GROUP_ENTERPRISE)
        self.fabric.provision("second")
        path = self.make_file("others")
        self.assertEqual(tiara(first, "rep", "set", "known_trusted", path).returncode, 0)
        self.assertEqual(levels(first, path), {1: 0, 3: 99})

    def test_of_two_at_once_into_one_directory_one_loses(self):
        several = [subprocess.Popen([TIARA, "provision", self.root / "same", "--state", self.fabric.state, "--name",
                                     f"same-{i}"], stderr=subprocess.PIPE, text=True) for i in range(3)]
        said = [one.communicate(timeout=fabric.DEADLINE)[1] for one in several]
        self.assertEqual(sorted(one.returncode for one in several), [0, 2, 2], said)
        self.assertEqual(sum("holds a client; --force replaces it" in text for text in said), 2)
        self.assertEqual((self.fabric.state / "authorization.toml").read_text().count('name = "same-'), 1)

    def test_a_full_quota_is_a_failed_write(self):
        policy = self.fabric.state / "authorization.toml"
        before = policy.read_text()
        done = run(TIARA, "provision", self.root / "quota", "--state", self.fabric.state, "--name", "quota",
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)))
        self.assertEqual(done.returncode, 8, done.stderr)
        self.assertIn("cannot write: File too large", done.stderr)
        self.assertEqual(policy.read_text(), before)

    def test_names_that_a_request_may_not_carry_are_refused_here_too(self):
        for name, words in (("admin", "is reserved"), ("TiaraService", "is reserved"), ("tiara-2", "is reserved"),
                            ("  ", "blanks at an end"), ("x ", "blanks at an end"), ("a\u200bb", "cannot be seen"),
                            ("a\nb", "cannot be seen"), ("x" * 65, "65 characters; 1 to 64"),
                            ("", "0 characters; 1 to 64")):
            with self.subTest(name):
                done = run(TIARA, "provision", self.root / "refused", "--state", self.fabric.state, "--name", name)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("--name: ", done.stderr)
                self.assertIn(words, done.stderr)
                self.assertFalse((self.root / "refused").exists())

    def provision_again(self, directory, name, *options):
        done = run(TIARA, "provision", directory, "--force", "--state", self.fabric.state, "--name", name, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def groups(self, name):
        done = run(TIARA, "auth", "list", "--json", "--state", self.fabric.state)
        return [each["groups"] for each in json.loads(done.stdout)["members"] if each["name"] == name]

    def test_a_replaced_client_keeps_its_groups_unless_others_are_given(self):
        directory = self.fabric.provision("again", fabric.GROUP_ENTERPRISE).parent
        self.assertIn(f"again: its groups stay: {fabric.GROUP_ENTERPRISE}\n", self.provision_again(directory, "again"))
        self.assertEqual(self.groups("again"), [[fabric.GROUP_ENTERPRISE]])
        done = tiara(directory / "dxlclient.config", "rep", "set", "99", self.make_file("again.exe"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("stay", self.provision_again(directory, "again", "--group", fabric.GROUP_EXTERNAL))
        self.assertEqual(self.groups("again"), [[fabric.GROUP_EXTERNAL]])
        self.assertIn("another: in no group: ", self.provision_again(directory, "another"))
        self.assertEqual((self.groups("again"), self.groups("another")), ([], [[]]))
        self.assertIn("another: in no group, as before\n", self.provision_again(directory, "another"))

    def test_a_name_that_another_client_has_is_noted(self):
        said = []
        for directory in ("guest-1", "guest-2"):
            done = run(TIARA, "provision", self.root / directory, "--state", self.fabric.state, "--name", "guest")
            self.assertEqual(done.returncode, 0, done.stderr)
            said.append("tiara: note: another client has the name guest, too" in done.stderr)
        self.assertEqual(said, [False, True])
        only = self.fabric.provision("only").parent
        self.assertNotIn("note: another", self.provision_again(only, "only"))

    def test_a_certificate_that_somebody_put_there_hands_nothing_on(self):
        mighty = self.fabric.provision("mighty", fabric.GROUP_ENTERPRISE).parent
        done = run(TIARA, "provision", self.root / "weak", "--state", self.fabric.state, "--name", "mighty")
        self.assertEqual(done.returncode, 0, done.stderr)
        (self.root / "weak" / "client.crt").write_bytes((mighty / "client.crt").read_bytes())
        self.assertIn("mighty: in no group: ", self.provision_again(self.root / "weak", "mighty"))
        self.assertNotIn([fabric.GROUP_ENTERPRISE], self.groups("mighty"))

    def test_a_revoked_client_keeps_no_groups(self):
        directory = self.fabric.provision("stolen", fabric.GROUP_ENTERPRISE).parent
        revoked = self.fabric.state / "keystore" / "revokedcerts.lst"
        self.addCleanup(revoked.write_text, "")
        thumbprint = run("openssl", "x509", "-in", directory / "client.crt", "-noout", "-fingerprint", "-sha1").stdout
        revoked.write_text(thumbprint.split("=")[1].strip().replace(":", "").lower() + "\n")
        self.assertIn("stolen: in no group: ", self.provision_again(directory, "stolen"))
        self.assertEqual(self.groups("stolen"), [[]])

    def test_provisioning_without_a_running_broker(self):
        other = fabric.Fabric(self.root, "stopped").start()
        other.stop()
        done = run(TIARA, "provision", self.root / "later", "--state", other.state, "--name", "later",
                   "--group", fabric.GROUP_EXTERNAL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.root / "later" / "dxlclient.config").exists())

    def test_admin_is_in_every_group(self):
        path = self.make_file("admin")
        self.assertEqual(tiara(self.fabric.admin, "rep", "external", path, "--level", "70").returncode, 0)
        self.assertEqual(tiara(self.fabric.admin, "rep", "set", "99", path).returncode, 0)
        self.assertEqual(levels(self.fabric.admin, path), {1: 0, 3: 99, 15: 70})


if __name__ == "__main__":
    unittest.main()
