"""Renewal and rotation killed before each of their file operations: nobody is locked out, and it can be done again."""
import base64
import itertools
import json
import os
import re
import shutil
import signal
import ssl
import unittest

import fabric
from fabric import BIN, TIARA, run, wait_until
from raw_peer import RESPONSE, RawPeer

GET = "/mcafee/service/tie/file/reputation"
LOOKUP = json.dumps({"hashes": [{"type": "sha256", "value": base64.b64encode(bytes(32)).decode()}]}).encode()
# More than any command has; what bounds the loop if the library does not count.
MOST_OPERATIONS = 100


class Killed(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.old = cls.fabric.provision("old").parent
        assert cls.fabric.stop() == 0

    def killed(self, *arguments, kill_at=None):
        """The exit code of `tiara`, negative if it was killed."""
        environment = {**os.environ, "LD_PRELOAD": str(BIN / "libkill_at.so"), "KILL_AT": str(kill_at)}
        return run(TIARA, *arguments, env=environment if kill_at else None).returncode

    def command(self, state, *arguments, kill_at=None):
        return self.killed("cert-authority", *arguments, "--state", state, kill_at=kill_at)

    def works(self, fabric_, client):
        """The client connects to that fabric and gets an answer; with its files as they are."""
        copy = self.root / "connecting"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(client, copy)
        config = copy / "dxlclient.config"
        config.write_text(re.sub(r";\d+;", f";{fabric_.port};", config.read_text()))
        with RawPeer(config).connect() as peer:
            peer.subscribe(peer.reply_to)
            self.assertEqual(peer.request(GET, LOOKUP)["type"], RESPONSE)

    def is_refused(self, fabric_, client):
        with self.assertRaises((ssl.SSLError, ConnectionError, EOFError)):
            self.works(fabric_, client)

    def reload(self, fabric_):
        before = len(fabric_.log())
        fabric_.process.child.send_signal(signal.SIGHUP)
        said = wait_until(lambda: re.search(r"authorization: .*in force|not reloaded.*", fabric_.log()[before:]),
                          "the reload").group()
        self.assertNotIn("not reloaded", said)

    def each_kill(self, base, command, clients, done):
        """Runs it on a running broker, killed before the first operation, the second and so on, until it ends by
        itself. Those `clients` get in after a reload, after a restart of the broker, and after the command again.
        """
        for number in itertools.count(1):
            self.assertLess(number, MOST_OPERATIONS)
            with self.subTest(command=command, number=number):
                name = "-".join(command).strip("-") + f"-{number}"
                shutil.copytree(base, self.root / name)
                other = fabric.Fabric(self.root, name).start()
                try:
                    everybody = [other.state / "clients" / "admin", *clients]
                    code = self.command(other.state, *command, kill_at=number)
                    self.reload(other)
                    for client in everybody:
                        self.works(other, client)
                    if code == 0:
                        break
                    self.assertEqual(code, -signal.SIGKILL)
                    other.kill()
                    other.start()
                    for client in everybody:
                        self.works(other, client)
                    # Refused if it had been done and only could not say so.
                    self.assertIn(self.command(other.state, *command), (0, 2))
                    for client in everybody:
                        self.works(other, client)
                    done(other)
                finally:
                    other.kill()
                    shutil.rmtree(other.state)
        self.assertGreater(number, 5)

    def certificates(self, state):
        shown = run(TIARA, "cert-authority", "show", "--json", "--state", state)
        return {each["role"]: each["sha256"] for each in json.loads(shown.stdout)["certificates"]}

    def each_number(self, command):
        """Calls it with 1, 2 and so on, to be killed in front of that operation, until it ends by itself."""
        for number in itertools.count(1):
            self.assertLess(number, MOST_OPERATIONS)
            with self.subTest(number=number):
                code = command(number)
                if code == 0:
                    self.assertGreater(number, 5)
                    return
                self.assertEqual(code, -signal.SIGKILL)

    def members(self, state, name):
        listed = run(TIARA, "auth", "list", "--json", "--state", state)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return [each for each in json.loads(listed.stdout)["members"] if each["name"] == name]

    def whole(self, state, client, name, groups):
        """One member, that of the client's certificate, and nothing half done."""
        found = [(each["sha256"], each["groups"]) for each in self.members(state, name)]
        shown = run("openssl", "x509", "-in", client / "client.crt", "-noout", "-fingerprint", "-sha256")
        self.assertEqual(found, [(shown.stdout.split("=")[1].strip().replace(":", "").lower(), groups)])
        left = [str(file) for file in (*state.rglob("*"), *client.rglob("*"))
                if file.name in ("client.change", "policy-add.crt", "policy-retire.crt") or ".next" in file.name]
        self.assertEqual(left, [])

    def roles(self, fabric_):
        return sorted(self.certificates(fabric_.state))

    def test_renew(self):
        whole = lambda other: self.assertEqual(self.roles(other), ["broker", "broker CA", "client CA", "service"])
        self.each_kill(self.fabric.state, ("renew",), [self.old], whole)

    def test_rotate(self):
        def is_rotating(other):
            self.assertIn("old client CA", self.roles(other))
            new = self.root / "new-in-between"
            done = run(TIARA, "provision", new, "--force", "--state", other.state, "--name", "new")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.works(other, new)

        self.each_kill(self.fabric.state, ("rotate",), [self.old], is_rotating)

    def test_finish(self):
        base = self.root / "rotating"
        shutil.copytree(self.fabric.state, base)
        self.assertEqual(self.command(base, "rotate"), 0)
        new = self.root / "new"
        done = run(TIARA, "provision", new, "--state", base, "--name", "new")
        self.assertEqual(done.returncode, 0, done.stderr)
        old_cas = [value for role, value in self.certificates(base).items() if role.startswith("old ")]
        self.assertEqual(len(old_cas), 2)

        def is_finished(other):
            revoked = (other.state / "keystore" / "revokedcerts.lst").read_text().split("\n")
            for ca in old_cas:
                self.assertIn(ca, revoked)
            self.assertEqual(self.roles(other), ["broker", "broker CA", "client CA", "service"])
            self.is_refused(other, self.old)

        self.each_kill(base, ("rotate", "--finish"), [new], is_finished)

    def test_finish_of_a_stopped_broker(self):
        base, ca_rule = self.root / "stopped", '\n[[topic]]\ndirection = "send"\ntopic = "/t"\ncertificates = ["{}"]\n'
        shutil.copytree(self.fabric.state, base)
        old_ca, policy = self.certificates(base)["client CA"], base / "authorization.toml"
        policy.write_text(policy.read_text() + ca_rule.format(old_ca))
        self.assertEqual(self.command(base, "rotate"), 0)
        new_ca = self.certificates(base)["client CA"]
        groups = self.members(base, "admin")[0]["groups"]

        def finish(number):
            other = fabric.Fabric(self.root, f"stopped-{number}")
            shutil.copytree(base, other.state)
            text = lambda: (other.state / "authorization.toml").read_text()
            try:
                code = self.command(other.state, "rotate", "--finish", kill_at=number)
                other.start()
                admin = other.state / "clients" / "admin"
                self.works(other, admin)
                self.whole(other.state, admin, "admin", groups)
                self.assertIn(new_ca, text())
                self.assertEqual(old_ca in text(), "old client CA" in self.roles(other))
                self.assertEqual(other.stop(), 0)
                self.assertIn(self.command(other.state, "rotate", "--finish"), (0, 2))
                self.whole(other.state, admin, "admin", groups)
                self.assertTrue(text().endswith(ca_rule.format(new_ca)), text())
                return code
            finally:
                other.process and other.kill()
                shutil.rmtree(other.state)

        self.each_number(finish)

    def test_a_replaced_client(self):
        client, groups = self.root / "replaced", [fabric.GROUP_EXTERNAL]
        provision = ("provision", client, "--name", "scanner", "--group", fabric.GROUP_EXTERNAL)

        def replace(number):
            state = self.root / f"replaced-{number}"
            shutil.copytree(self.fabric.state, state)
            try:
                self.assertEqual(self.killed(*provision, "--state", state), 0)
                code = self.killed(*provision, "--force", "--state", state, kill_at=number)
                self.whole(state, client, "scanner", groups)  # as any command or start finds it
                self.assertEqual(self.killed(*provision, "--force", "--state", state), 0)
                self.whole(state, client, "scanner", groups)
                return code
            finally:
                shutil.rmtree(state)
                shutil.rmtree(client)

        self.each_number(replace)

    def test_a_first_client(self):
        client = self.root / "first"
        provision = ("provision", client, "--name", "first")

        def make(number):
            state = self.root / f"first-{number}"
            shutil.copytree(self.fabric.state, state)
            try:
                code = self.killed(*provision, "--state", state, kill_at=number)
                complete = (client / "dxlclient.config").exists()
                if complete or self.members(state, "first"):
                    self.whole(state, client, "first", [])
                self.assertEqual(self.killed(*provision, "--force", "--state", state), 0)
                self.whole(state, client, "first", [])
                return code
            finally:
                shutil.rmtree(state)
                shutil.rmtree(client)

        self.each_number(make)


if __name__ == "__main__":
    unittest.main()
