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

    def command(self, state, *arguments, kill_at=None):
        """The exit code of `tiara cert-authority`, negative if it was killed."""
        environment = {**os.environ, "LD_PRELOAD": str(BIN / "libkill_at.so"), "KILL_AT": str(kill_at)}
        return run(TIARA, "cert-authority", *arguments, "--state", state,
                   env=environment if kill_at else None).returncode

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


if __name__ == "__main__":
    unittest.main()
