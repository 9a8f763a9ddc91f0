#!/usr/bin/python3
"""The systemd unit, and the messages to the service manager that it relies on."""
import os
import pathlib
import re
import shutil
import signal
import socket
import tempfile
import unittest

from fabric import DEADLINE, Fabric, Process, TIARA, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging" / "systemd" / "tiara.service"


class Unit(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tiara-systemd-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        self.unit = self.root / "tiara.service"
        # The program stands elsewhere until it is installed.
        self.unit.write_text(UNIT.read_text().replace("/usr/bin/tiara", str(TIARA)))

    def test_verifies_without_a_complaint(self):
        done = run("systemd-analyze", "verify", "--man=no", self.unit)
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if "tiara.service" in line]
        self.assertEqual((done.returncode, complaints), (0, []))

    def test_exposure_is_what_the_document_says(self):
        done = run("systemd-analyze", "security", "--offline=yes", "--no-pager", self.unit)
        found = re.search(r"Overall exposure level for tiara.service: ([0-9.]+)", done.stdout)
        self.assertIsNotNone(found, done.stdout + done.stderr)
        said = re.search(r"exposure level of ([0-9]+[.][0-9]+)", (ROOT / "docs" / "operation.md").read_text())
        self.assertEqual(found.group(1), said.group(1))


class Notify(unittest.TestCase):
    def test_ready_alive_reloading_and_stopping_arrive(self):
        for name in ("plain", "abstract"):
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="tiara-notify-") as folder:
                self.converse(pathlib.Path(folder), name == "abstract")

    def converse(self, root, abstract):
        path = f"@tiara-test-{os.getpid()}" if abstract else str(root / "notify.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind("\0" + path[1:] if abstract else path)
            manager.settimeout(DEADLINE)
            environment = {**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"}
            process = Process([TIARA, "up", "--state", root / "state", "--port", "0", "--ws-port", "0",
                               "--no-service"], root / "up.log", env=environment)
            try:
                self.assertEqual(manager.recv(4096), b"READY=1\n", process.log())
                self.assertTrue(process.line().startswith("ready mqtts://"))
                self.assertEqual(manager.recv(4096), b"WATCHDOG=1\n")
                process.child.send_signal(signal.SIGHUP)
                message = self.next(manager)
                self.assertRegex(message, rb"^RELOADING=1\nMONOTONIC_USEC=[0-9]+\n$")
                self.assertEqual(self.next(manager), b"READY=1\n")
            finally:
                code = process.stop()
            self.assertEqual(code, 0)
            self.assertEqual(self.next(manager), b"STOPPING=1\n")

    def next(self, manager):
        """The next message that is no sign of life."""
        while True:
            message = manager.recv(4096)
            if message != b"WATCHDOG=1\n":
                return message

    def test_nobody_is_told_who_did_not_ask(self):
        with tempfile.TemporaryDirectory(prefix="tiara-notify-") as folder:
            self.assertNotIn("NOTIFY_SOCKET", os.environ)
            fabric = Fabric(folder).start("--no-service")
            self.assertEqual(fabric.stop(), 0)


if __name__ == "__main__":
    unittest.main()
