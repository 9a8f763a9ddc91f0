"""Starts the real `tiara` program for tests: a fabric in a temporary directory, clients, commands.

Every wait has a deadline, every port comes from the kernel, and nothing outlives the test.
"""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("TIARA_BIN", "build/release/bin")).resolve()
TIARA = BIN / "tiara"
# Sanitizers and a busy machine are slow; a test that passes never waits this long.
DEADLINE = float(os.environ.get("TIARA_TEST_DEADLINE", "60"))

GROUP_EXTERNAL = "TIE Server Set External Reputation"
GROUP_ENTERPRISE = "TIE Server Set Enterprise Reputation"
GROUP_SANDBOX = "TIE Server Report Sandbox Reputation"


def run(*arguments, timeout=DEADLINE, **more):
    """Runs a program to its end; stdout and stderr as text, stdin closed."""
    return subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, **more)


def wait_until(condition, what, deadline=DEADLINE):
    """Returns the first truthy value of `condition()`."""
    end = time.monotonic() + deadline
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:.0f} s for {what}")
        time.sleep(pause)  # between two looks, not instead of one
        pause = min(pause * 1.5, 0.1)


class Process:
    """A child whose stdout is read line by line and whose stderr goes to a file."""

    def __init__(self, arguments, stderr_path, stdin=subprocess.DEVNULL, **more):
        self.arguments = [str(a) for a in arguments]
        self.stderr_path = pathlib.Path(stderr_path)
        self._stderr = open(self.stderr_path, "ab")
        self.child = subprocess.Popen(self.arguments, stdin=stdin,
                                      stdout=subprocess.PIPE, stderr=self._stderr, **more)
        os.set_blocking(self.child.stdout.fileno(), False)
        self._buffer = b""

    def line(self, deadline=DEADLINE):
        """The next line of stdout without its end, or None at the end of the stream."""
        end = time.monotonic() + deadline
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no line from {self.arguments[:3]} in {deadline:.0f} s\n"
                                     + self.log())
            if select.select([self.child.stdout], [], [], left)[0]:
                block = self.child.stdout.read()
                if not block:
                    return None
                self._buffer += block
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode()

    def log(self):
        return self.stderr_path.read_text(errors="replace")

    def running(self):
        return self.child.poll() is None

    def stop(self, how=signal.SIGTERM, deadline=DEADLINE):
        """Sends a signal and returns the exit code."""
        if self.running():
            self.child.send_signal(how)
        try:
            return self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.arguments[:3]} did not end\n" + self.log()) from None
        finally:
            self.child.stdout.close()
            self._stderr.close()


class Fabric:
    """`tiara up` on a state directory. start() may be called again after stop() or kill()."""

    def __init__(self, root, name="state"):
        self.root = pathlib.Path(root)
        self.state = self.root / name
        self.process = None
        self.port = None

    def start(self, *extra, port=0, **environment):
        self.process = Process([TIARA, "up", "--state", self.state, "--port", str(port), "--ws-port",
                                "0", "--https-port", "0", *extra], self.root / "up.log",
                               env={**os.environ, **environment})
        line = self.process.line()
        if line is None or not line.startswith("ready mqtts://"):
            raise AssertionError(f"expected the ready line, got {line!r}\n{self.process.log()}")
        self.ready = line
        self.port = json.loads((self.state / "run" / "ports.json").read_text())["mqtts"]
        return self

    @property
    def admin(self):
        return self.state / "clients" / "admin" / "dxlclient.config"

    def provision(self, name, *groups):
        """Path of the new client's dxlclient.config."""
        directory = self.root / name
        arguments = [TIARA, "provision", directory, "--state", self.state, "--name", name]
        for group in groups:
            arguments += ["--group", group]
        done = run(*arguments)
        if done.returncode != 0:
            raise AssertionError(f"provision {name}: exit {done.returncode}: {done.stderr}")
        return directory / "dxlclient.config"

    def deny_by_default(self, *rules):
        """Restarts with the profile "deny" and (direction, topic) for every certificate of the client CA."""
        self.stop()
        policy = self.state / "authorization.toml"
        text = policy.read_text()
        assert text.count('\nprofile = "open"\n') == 1
        authority = run("openssl", "x509", "-in", self.state / "keystore" / "ca-client.crt", "-noout", "-fingerprint",
                        "-sha256").stdout.split("=")[1].strip().replace(":", "")
        policy.write_text(text.replace('\nprofile = "open"\n', '\nprofile = "deny"\n') + "".join(
            f'\n[[topic]]\ndirection = "{direction}"\ntopic = "{topic}"\ncertificates = ["{authority}"]\n'
            for direction, topic in rules))
        return self.start()

    def log(self):
        return self.process.log()

    def stop(self):
        code = self.process.stop()
        self.process = None
        return code

    def kill(self):
        code = self.process.stop(signal.SIGKILL)
        self.process = None
        return code


def tiara(config, *arguments, **more):
    return run(TIARA, "--config", config, *arguments, **more)


def levels(config, file_or_hash):
    """{providerId: trustLevel} of what a lookup returns."""
    done = tiara(config, "--json", "rep", "get", file_or_hash)
    if done.returncode != 0:
        raise AssertionError(f"rep get {file_or_hash}: exit {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)
    return {entry["providerId"]: entry["trustLevel"] for entry in answer["reputations"]}


class FabricTest(unittest.TestCase):
    """One fabric per test class, in a directory of its own."""

    up_options = ()
    settings = None  # the text of tiara.toml, if not the defaults

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        if cls.settings is not None:
            (cls.root / "state").mkdir(0o700)
            (cls.root / "state" / "tiara.toml").write_text(cls.settings)
        cls.fabric = Fabric(cls.root).start(*cls.up_options)
        cls.addClassCleanup(cls._stop)

    @classmethod
    def _stop(cls):
        if cls.fabric.process is not None:
            log = cls.fabric.process
            code = cls.fabric.stop()
            if code != 0:
                raise AssertionError(f"the fabric ended with exit code {code}\n{log.log()}")

    def start_process(self, *arguments, **more):
        process = Process(arguments, self.root / f"{self.id()}.stderr", **more)
        self.addCleanup(lambda: process.running() and process.stop(signal.SIGKILL))
        return process

    def make_file(self, name, content=None):
        """A new file whose content, and so its digests, no other test uses."""
        path = self.root / name
        path.write_bytes(content if content is not None else os.urandom(64))
        return path
