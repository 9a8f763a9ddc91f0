#!/usr/bin/python3
"""The systemd units, and the messages to the service manager that it relies on."""
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import tempfile
import unittest

from fabric import DEADLINE, Fabric, Process, TIARA, levels, run
from management import BUNDLE, Management

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ROOT / "packaging" / "systemd"
NAMES = ("tiara.service", "tiara-tie.service")


class Units(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tiara-systemd-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        for name in NAMES:
            # The program stands elsewhere until it is installed.
            text = (UNITS / name).read_text().replace("/usr/bin/tiara", str(TIARA))
            (self.root / name).write_text(text)

    def test_verify_without_a_complaint(self):
        for name in NAMES:
            with self.subTest(name):
                done = run("systemd-analyze", "verify", "--man=no", self.root / name)
                complaints = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
                self.assertEqual((done.returncode, complaints), (0, []))

    def test_exposure_is_what_the_document_says(self):
        said = re.search(r"exposure level of ([0-9]+[.][0-9]+)", (ROOT / "docs" / "operation.md").read_text())
        for name in NAMES:
            with self.subTest(name):
                done = run("systemd-analyze", "security", "--offline=yes", "--no-pager", self.root / name)
                found = re.search(rf"Overall exposure level for {name}: ([0-9.]+)", done.stdout)
                self.assertIsNotNone(found, done.stdout + done.stderr)
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


class HandedOver(unittest.TestCase):
    """What systemd hands to a service by variables: a runtime directory and credentials."""

    PASSWORD = "a password that the administrator chose"

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tiara-handed-over-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.fabric = Fabric(self.root)
        self.addCleanup(lambda: self.fabric.process and self.fabric.stop())
        self.credentials = self.root / "credentials"
        self.credentials.mkdir(0o700)

    def hand_over(self, name, text, mode=0o400):
        path = self.credentials / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def start(self, *extra):
        return self.fabric.start(*extra, CREDENTIALS_DIRECTORY=str(self.credentials))

    def refused(self, words):
        """Start and check name the credential, and exit code 2 says that the configuration is bad."""
        environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(self.credentials)}
        for command in (["up", "--port", "0", "--ws-port", "0", "--https-port", "0"], ["config", "check"]):
            done = run(TIARA, *command, "--state", self.fabric.state, env=environment)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(words, done.stderr)

    def test_the_password_is_the_credential_and_stays_out_of_state_and_log(self):
        self.hand_over("admin.token", self.PASSWORD + "\n")
        self.start("--no-service")
        self.assertFalse((self.fabric.state / "admin.token").exists())
        self.assertEqual(Management(self.fabric, password=self.PASSWORD).ask(f"/remote/{BUNDLE}")[0], 200)
        self.assertEqual(Management(self.fabric, password="another password").ask(f"/remote/{BUNDLE}")[0], 401)
        self.assertIn("the credential admin.token is used", self.fabric.log())
        self.assertNotIn(self.PASSWORD, self.fabric.log())
        self.fabric.stop()
        for file in self.fabric.state.rglob("*"):
            if file.is_file():
                self.assertNotIn(self.PASSWORD.encode(), file.read_bytes(), file)
        # Without it, the state gets a password of its own.
        self.fabric.start("--no-service")
        self.assertEqual(Management(self.fabric).ask(f"/remote/{BUNDLE}")[0], 200)

    def test_credentials_that_others_may_read_or_that_are_nothing_stop_the_start(self):
        for text, mode, words in ((self.PASSWORD, 0o644, "others may read or change it"), ("", 0o400, "is empty")):
            with self.subTest(words):
                self.hand_over("admin.token", text, mode)
                self.refused(f"credential {self.credentials}/admin.token: {words}")
        self.hand_over("admin.token", "short")
        done = run(TIARA, "up", "--state", self.fabric.state, "--port", "0", "--ws-port", "0", "--https-port", "0",
                   env={**os.environ, "CREDENTIALS_DIRECTORY": str(self.credentials)})
        self.assertEqual(done.returncode, 2)
        self.assertIn("admin.token: expected one line of 16 to 1024 ASCII characters", done.stderr)
        self.assertNotIn("short", done.stderr)

    def test_keys_may_be_kept_out_of_the_keystore(self):
        self.fabric.start("--no-service").stop()
        keystore = self.fabric.state / "keystore"
        for name in ("ca-client.key", "ca-broker.key", "broker.key"):
            (keystore / name).rename(self.credentials / name)
        done = run(TIARA, "up", "--state", self.fabric.state, "--port", "0", "--ws-port", "0", "--https-port", "0")
        self.assertEqual(done.returncode, 8, done.stderr)  # without them it does not start
        self.start()
        self.assertIn("the credential broker.key is used", self.fabric.log())
        (self.root / "file").write_bytes(b"content")
        self.assertEqual(levels(self.fabric.admin, self.root / "file"), {1: 0, 3: 0})
        # Who provisions needs the client CA's key, as the service does.
        command = [TIARA, "provision", self.root / "peer", "--state", self.fabric.state, "--name", "peer"]
        self.assertNotEqual(run(*command).returncode, 0)
        shutil.rmtree(self.root / "peer", ignore_errors=True)
        done = run(*command, env={**os.environ, "CREDENTIALS_DIRECTORY": str(self.credentials)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(levels(self.root / "peer" / "dxlclient.config", self.root / "file"), {1: 0, 3: 0})
        # A renewed key is written into the keystore, and is what counts from then on.
        done = run(TIARA, "cert-authority", "renew", "--state", self.fabric.state,
                   env={**os.environ, "CREDENTIALS_DIRECTORY": str(self.credentials)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((keystore / "broker.key").exists())
        self.assertEqual(levels(self.fabric.admin, self.root / "file"), {1: 0, 3: 0})
        self.fabric.stop()
        self.start("--no-service")
        self.assertRegex(self.fabric.log(), "the credential broker.key is not used, because .*/keystore/broker.key is there")

    def test_the_runtime_directory_holds_socket_and_ports_behind_a_link(self):
        given = self.root / "given"
        given.mkdir(0o700)
        self.fabric.start("--no-service", RUNTIME_DIRECTORY=str(given))
        self.assertEqual((self.fabric.state / "run").readlink(), given)
        self.assertEqual(stat.S_IMODE((given / "control.sock").stat().st_mode), 0o600)
        self.assertEqual(run(TIARA, "status", "--state", self.fabric.state).returncode, 0)
        second = run(TIARA, "up", "--state", self.root / "second", "--port", "0", "--ws-port", "0", "--https-port", "0",
                     env={**os.environ, "RUNTIME_DIRECTORY": str(given)})
        self.assertEqual(second.returncode, 8, second.stderr)
        self.assertIn(f"{given}/lock: held by", second.stderr)
        self.assertEqual(run(TIARA, "status", "--state", self.fabric.state).returncode, 0)
        self.assertEqual(self.fabric.stop(), 0)
        self.assertFalse((given / "ports.json").exists())
        shutil.rmtree(given)  # as systemd does
        self.assertEqual(run(TIARA, "status", "--state", self.fabric.state).returncode, 3)
        self.fabric.start("--no-service")
        self.assertTrue((self.fabric.state / "run").is_dir() and not (self.fabric.state / "run").is_symlink())
        self.fabric.stop()
        missing = run(TIARA, "up", "--state", self.fabric.state, "--port", "0", "--ws-port", "0", "--https-port", "0",
                      env={**os.environ, "RUNTIME_DIRECTORY": str(given)})
        self.assertEqual(missing.returncode, 8, missing.stderr)
        self.assertIn(f"RUNTIME_DIRECTORY {given}: ", missing.stderr)


if __name__ == "__main__":
    unittest.main()
