"""The management port among guessers, slow peers and crowds: it brakes them, and others are served."""
import json
import pathlib
import re
import shutil
import socket
import tempfile
import time
import unittest

from base64 import b64encode

import fabric
from fabric import TIARA, Fabric, levels, run, wait_until
from management import BROKERS, BUNDLE, Management

CROWD = 200
CONNECTIONS = 128  # HttpsLimits::connections
GUESSES = 60


class HostileManagement(fabric.FabricTest):
    def served(self):
        """An administrator and a DXL client get their answers."""
        Management(self.fabric).command(BROKERS)
        self.assertEqual(levels(self.fabric.admin, self.make_file(f"{self.id()}.exe")), {1: 0, 3: 0})

    def test_a_crowd_of_silent_connections(self):
        management = Management(self.fabric)
        silent = [socket.create_connection(("127.0.0.1", management.port), fabric.DEADLINE)
                  for _ in range(CROWD)]
        self.addCleanup(lambda: [peer.close() for peer in silent])
        self.served()
        for peer in silent[:CROWD - CONNECTIONS]:  # the oldest made room
            self.assertEqual(peer.recv(1), b"")

    def test_slow_requests_do_not_hold_up_others(self):
        management = Management(self.fabric)
        slow = [management.connect() for _ in range(20)]
        self.addCleanup(lambda: [peer.close() for peer in slow])
        for peer in slow:
            peer.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        self.served()

    def resident(self):
        status = pathlib.Path(f"/proc/{self.fabric.process.child.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+([0-9]+) kB", status)[1])

    def test_slow_and_greedy_peers_end_at_the_deadline(self):
        """Slowloris, more of them than the port takes, beside peers that ask on and on and take no answer."""
        management = Management(self.fabric)
        before, refused = self.resident(), self.counters()["refused_total"]
        greedy = [management.connect() for _ in range(5)]
        slow = [management.connect() for _ in range(CONNECTIONS + 20)]
        self.addCleanup(lambda: [peer.close() for peer in slow + greedy])
        requests = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 20_000
        for peer in greedy:
            peer.settimeout(0.2)
            with self.assertRaises(OSError):  # it is not read any more, or closed for a new one
                while True:
                    peer.sendall(requests)
        began, open_ones = time.monotonic(), list(slow)
        while open_ones:
            self.assertLess(time.monotonic() - began, fabric.DEADLINE)
            for peer in list(open_ones):
                try:
                    peer.sendall(b"X")
                except OSError:
                    open_ones.remove(peer)
            self.served()
            time.sleep(0.2)  # the peers that this is about are slow
        self.assertGreaterEqual(self.counters()["refused_total"] - refused, len(slow))
        self.assertLess(self.resident() - before, 64 * 1024)

    def test_garbage_leaves_it_standing(self):
        management = Management(self.fabric)
        for garbage in (b"\0" * 5000 + b"\r\n\r\n", b"GET\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000):
            with management.connect() as peer:
                try:
                    peer.sendall(garbage)
                    self.assertRegex(peer.recv(100), rb"^HTTP/1.1 4\d\d ")
                except (ConnectionError, OSError):
                    pass  # it may be closed before all of it is sent
        with socket.create_connection(("127.0.0.1", management.port), fabric.DEADLINE) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertNotIn(b"200", plain.recv(100))
        self.served()

    def counters(self):
        """The metrics of the port, by its own account and by the command's: they are the same text."""
        management = Management(self.fabric)
        asked = run(TIARA, "status", "--state", self.fabric.state, "--metrics").stdout
        for text in (management.ask("/metrics")[2], asked):
            found = dict(re.findall(r"^tiara_management_([a-z_]+) ([0-9]+)$", text, re.MULTILINE))
            self.assertEqual(sorted(found), ["connections", "refused_total", "requests_total"])
        return {name: int(value) for name, value in found.items()}

    def test_it_counts_requests_and_refusals(self):
        management = Management(self.fabric)
        before = self.counters()
        for _ in range(5):
            management.ask("/healthz")
        with socket.create_connection(("127.0.0.1", management.port), fabric.DEADLINE) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while plain.recv(100):
                pass
        with management.connect() as peer:
            peer.sendall(b"nonsense\r\n\r\n")
            self.assertRegex(peer.recv(100), rb"^HTTP/1.1 400 ")
        after = self.counters()
        self.assertGreaterEqual(after["requests_total"] - before["requests_total"], 5)
        self.assertGreaterEqual(after["refused_total"] - before["refused_total"], 2)

    def test_a_taken_port_is_named(self):
        port = Management(self.fabric).port
        done = run(TIARA, "up", "--state", self.root / "second", "--port", "0", "--ws-port", "0",
                   "--https-port", port)
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}", done.stderr)


class Guessing(unittest.TestCase):
    """On fabrics of its own: it locks this machine out for a while."""

    def start(self, name):
        root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-test-"))
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        it = Fabric(root, name).start()
        self.addCleanup(lambda: it.process and it.stop())
        return it

    def test_guesses_are_braked_logged_and_forgiven(self):
        it = self.start("guessing")
        wrong = Management(it, password="a wrong one")
        codes = [wrong.ask(f"/remote/{BUNDLE}")[0] for _ in range(GUESSES)]
        self.assertEqual(codes[:5], [401] * 5)
        self.assertGreater(codes.count(429), GUESSES // 2)
        right = Management(it)
        status, _, body, headers = right.ask(f"/remote/{BUNDLE}")
        self.assertEqual((status, "BEGIN" in body, headers["Retry-After"]), (429, False, "10"))
        self.assertEqual(right.ask("/healthz")[0], 200)
        self.assertIn("wrong user name or password", it.log())
        self.assertIn("too many wrong passwords", it.log())
        self.assertNotIn("a wrong one", it.log())
        wait_until(lambda: right.ask(f"/remote/{BUNDLE}")[0] == 200, "forgiveness")

    def test_guesses_in_a_heap_and_side_by_side_are_braked_as_one(self):
        it = self.start("heap")
        management = Management(it)
        guess = b64encode(b"admin:a wrong password").decode()
        request = f"GET /remote/{BUNDLE} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {guess}\r\n\r\n".encode()
        statuses, began = [], time.monotonic()
        peers = [management.connect(source=source) for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2")]
        self.addCleanup(lambda: [peer.close() for peer in peers])
        for peer in peers:
            peer.sendall(request * GUESSES)
        for peer in peers:
            with peer.makefile("rb") as stream:
                for _ in range(GUESSES):
                    while not (line := stream.readline()).startswith(b"HTTP/1.1 "):
                        self.assertTrue(line)
                    statuses.append(int(line.split()[1]))
        tried = statuses.count(401)
        forgiven = int((time.monotonic() - began) / 10) + 1  # one in ten seconds
        self.assertLessEqual(tried, 5 + forgiven)
        self.assertEqual(tried + statuses.count(429), len(peers) * GUESSES)

    def test_a_password_that_others_may_read_stops_the_start(self):
        it = self.start("open")
        it.stop()
        (it.state / "admin.token").chmod(0o644)
        done = run(TIARA, "up", "--state", it.state, "--port", "0", "--ws-port", "0", "--https-port", "0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("admin.token: others may read or change it; expected mode 0600", done.stderr)
        (it.state / "admin.token").unlink()
        it.start()
        self.assertEqual(Management(it).ask(f"/remote/{BUNDLE}")[0], 200)

    def test_the_ready_line_has_all_three(self):
        it = self.start("ready")
        ports = json.loads((it.state / "run" / "ports.json").read_text())
        self.assertEqual(it.ready, "ready mqtts://127.0.0.1:{mqtts} wss://127.0.0.1:{wss} https://127.0.0.1:{https}"
                         .format(**ports))


if __name__ == "__main__":
    unittest.main()
