"""A fabric with limits of its own, and what tests of limits look at: counters, log, resident memory."""
import json
import pathlib
import re
import shutil
import socket
import ssl
import tempfile

import fabric
from fabric import DEADLINE, wait_until
from raw_peer import RawPeer, read_config, tls_context

MIB = 1024 * 1024


class Template:
    """One state, made once for all test classes of a program: making keys is what takes time."""

    root = None

    @classmethod
    def state(cls):
        if cls.root is None:
            cls.root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-test-"))
            fabric.unittest.addModuleCleanup(shutil.rmtree, cls.root, ignore_errors=True)
            made = fabric.Fabric(cls.root).start()
            if made.stop() != 0:
                raise AssertionError((cls.root / "up.log").read_text())
        return cls.root / "state"


def settings_text(limits):
    # A number or a string is the same in JSON and in TOML.
    # Many connections with one certificate end in these tests, and each line is looked for.
    return ("[log]\nrepeats_per_minute = 0\n[limits]\n"
            + "".join(f"{key} = {json.dumps(value)}\n" for key, value in limits.items()))


def narrow_socket(config, receive_bytes=65536):
    """A TLS socket that takes little before the sender has to wait."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plain.settimeout(DEADLINE)
    try:
        plain.connect(read_config(config)[:2])
        return tls_context(config).wrap_socket(plain)
    except BaseException:
        plain.close()
        raise


class LimitedFabricTest(fabric.FabricTest):
    limits = {}

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        shutil.copytree(Template.state(), cls.root / "state", ignore=shutil.ignore_patterns("run"))
        (cls.root / "state" / "tiara.toml").write_text(settings_text(cls.limits))
        cls.fabric = fabric.Fabric(cls.root).start(*cls.up_options)
        cls.addClassCleanup(cls._stop)
        cls.config = cls.fabric.provision("peer")
        cls.context = tls_context(cls.config)

    def tearDown(self):
        self.assertTrue(self.fabric.process.running(), self.fabric.log())

    def open_peer(self):
        """A TLS connection without CONNECT."""
        peer = RawPeer(self.config, self.context)
        self.addCleanup(peer.socket.close)
        # Two writes in a row would otherwise cost a delayed acknowledgement: 40 ms, a thousand times.
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def peer(self, *topics):
        return self.settle(self.open_peer(), *topics)

    def narrow_peer(self, *topics):
        peer = RawPeer(self.config, stream=narrow_socket(self.config))
        self.addCleanup(peer.socket.close)
        return self.settle(peer, *topics)

    @staticmethod
    def settle(peer, *topics):
        peer.connect().subscribe(peer.reply_to)
        for start in range(0, len(topics), 10):
            peer.subscribe(*topics[start:start + 10])
        return peer

    def status(self):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(DEADLINE)
            control.connect(str(self.fabric.state / "run" / "control.sock"))
            control.sendall(b"status\n")
            answer = b""
            while not answer.endswith(b"\n"):
                block = control.recv(65536)
                if not block:
                    break
                answer += block
        return json.loads(answer)

    def hits(self, limit):
        return self.status()["limits"].get(limit, 0)

    def assert_hit(self, limit, before):
        self.assertGreater(self.hits(limit), before, limit)

    def end_of(self, peer):
        """The log line that tells how this peer's connection ended."""
        name = "%s:%d" % stream_of(peer).getsockname()[:2]
        pattern = re.compile(rf"^.* client {re.escape(name)}\b.* (?:closed|refused): .*$", re.MULTILINE)
        return wait_until(lambda: pattern.search(self.fabric.log()), f"the end of {name} in the log").group()

    def assert_closed(self, peer, *words):
        """The broker has closed it and says why."""
        self.assertTrue(read_to_the_end(stream_of(peer)))
        line = self.end_of(peer)
        for word in words:
            self.assertIn(word, line)

    def memory(self, field="VmRSS"):
        """Bytes of the broker's process; VmHWM is the peak since forget_peak()."""
        text = pathlib.Path(f"/proc/{self.fabric.process.child.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.fabric.process.child.pid}/clear_refs").write_text("5")


def widen(peer):
    """Undoes what made it narrow, so that it can read what waits in less than minutes."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)


def stream_of(peer):
    """The socket of a RawPeer, or the socket itself."""
    return getattr(peer, "socket", peer)


def read_to_the_end(stream):
    """True once the other side has closed; what it sent before is thrown away."""
    try:
        while stream.recv(65536):
            pass
    except socket.timeout:
        return False
    except (ConnectionError, ssl.SSLError):
        pass
    return True
