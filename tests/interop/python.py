"""An independent Python peer publishes the External report exactly as the original client does."""
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import unittest

import fabric
from fabric import levels, run, wait_until

PEER = pathlib.Path(__file__).resolve().parent / "python_external_report.py"


class Python(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.fabric.provision("python", fabric.GROUP_EXTERNAL)

    def setUp(self):
        self.path = self.make_file(f"{self._testMethodName}.exe")
        content = self.path.read_bytes()
        self.hashes = [argument for name in ("md5", "sha1", "sha256")
                       for argument in (f"--{name}", hashlib.new(name, content).hexdigest())]

    def peer(self, *arguments):
        return [sys.executable, PEER, "--config", self.config, *self.hashes, *arguments]

    def test_external_report_reaches_the_store(self):
        done = run(*self.peer("--score", "70", "--type", "18", "--filename", "random.exe", "--get"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        wait_until(lambda: levels(self.config, self.path).get(15) == 70, "provider 15 at 70")

    def test_a_python_subscriber_sees_the_change(self):
        watcher = subprocess.Popen(
            [str(a) for a in self.peer("--score", "15", "--watch", "30", "--count", "1")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        output, _ = watcher.communicate(timeout=60)
        self.assertEqual(watcher.returncode, 0, output)
        self.assertIn('"newReputations"', output)
        self.assertRegex(output, r'"providerId": ?15')


class DeniedByDefault(Python):
    """The same under the profile "deny": with a rule for lookups and one for change events."""

    @classmethod
    def setUpClass(cls):
        super(Python, cls).setUpClass()
        cls.fabric.deny_by_default(("send", "/mcafee/service/tie/#"), ("receive", "/mcafee/event/tie/#"))
        cls.config = cls.fabric.provision("python", fabric.GROUP_EXTERNAL)


class DeniedWithoutRules(Python):
    """The profile "deny" without a rule, for a client in no group."""

    test_external_report_reaches_the_store = test_a_python_subscriber_sees_the_change = None

    @classmethod
    def setUpClass(cls):
        super(Python, cls).setUpClass()
        cls.fabric.deny_by_default()
        cls.config = cls.fabric.provision("python")

    def test_a_lookup_is_answered_with_an_error(self):
        done = run(*self.peer("--get"))
        self.assertEqual(done.returncode, 0, done.stderr)
        error = json.loads(done.stdout)["error"]
        self.assertEqual(error["code"], 0x80000013)
        self.assertEqual(error["message"], "not authorized to send to /mcafee/service/tie/file/reputation")

    def test_a_report_is_dropped_and_logged(self):
        before = len(self.fabric.log())
        done = run(*self.peer("--score", "70"))
        self.assertEqual(done.returncode, 0, done.stderr)  # the protocol has no answer to an event
        line = wait_until(lambda: re.search(r"[^\n]*CN=python[^\n]* refused [^\n]*", self.fabric.log()[before:]),
                          "the log line").group()
        self.assertIn("message to /mcafee/event/external/file/report refused (not_authorised)", line)
        self.assertIn(fabric.GROUP_EXTERNAL, line)


if __name__ == "__main__":
    unittest.main()
