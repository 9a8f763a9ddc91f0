#!/usr/bin/python3
"""Settings that change while clients are connected, what the log and the metrics say of it."""
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import pathlib
import unittest

import fabric
from fabric import DEADLINE, GROUP_EXTERNAL, TIARA, run, tiara, wait_until
from limited import Template
from raw_peer import EVENT, RawPeer, dxl_message, publish_packet, tls_context

HASH = "0123456789abcdef0123456789abcdef"


class ReloadTest(fabric.FabricTest):
    """Two I/O threads: a change must reach all of them."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-reload-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        shutil.copytree(Template.state(), cls.root / "state", ignore=shutil.ignore_patterns("run"))
        cls.fabric = fabric.Fabric(cls.root).start("--threads", "2")
        cls.addClassCleanup(cls._stop)
        cls.config = cls.fabric.provision("peer", GROUP_EXTERNAL)

    def setUp(self):
        self.addCleanup(self.reload, "")

    def control(self, command):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(DEADLINE)
            control.connect(str(self.fabric.state / "run" / "control.sock"))
            control.sendall(command.encode() + b"\n")
            with control.makefile() as answer:
                return json.loads(answer.readline())

    def reload(self, text):
        (self.fabric.state / "tiara.toml").write_text(text)
        return self.control("reload")

    def peer(self, *topics):
        peer = RawPeer(self.config, tls_context(self.config))
        self.addCleanup(peer.socket.close)
        peer.connect().subscribe(peer.reply_to, *topics)
        return peer

    def metric(self, name):
        text = run(TIARA, "status", "--state", self.fabric.state, "--metrics").stdout
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        self.assertIsNotNone(found, f"{name} in\n{text}")
        return float(found.group(1))

    def test_limits_change_for_clients_that_stay_connected(self):
        watchers = [self.peer("/tests/reload") for _ in range(3)]
        sender = self.peer()
        answer = self.reload("[limits]\nmessage_bytes = 2000\n")
        self.assertEqual((answer["applied"], answer["restart"]), (["limits.message_bytes"], []))
        for payload in (b"x" * 5000, b"next"):
            sender.send(publish_packet("/tests/reload", dxl_message(EVENT, payload)))
        for watcher in watchers:
            self.assertEqual(watcher.message()[1]["payload"], b"next")

    def test_a_bad_file_leaves_a_broker_that_answers(self):
        state = self.fabric.state
        deep = "a." * 50_000 + "b = 1\n"
        policy = (state / "authorization.toml").read_text()
        for file, text in (("tiara.toml", f"[listen.{deep[:-8]}.b]\n"), ("authorization.toml", policy + deep),
                           ("topicauth.policy", None), ("keystore/revokedcerts.lst", None), ("keystore/x.crl", None)):
            with self.subTest(file=file):
                before = (state / file).read_bytes() if (state / file).exists() else None
                (state / file).unlink(missing_ok=True)
                if text is None:
                    os.mkfifo(state / file)  # a reader that waits for a writer waits for ever
                else:
                    (state / file).write_text(text)
                answer = self.control("reload")
                (state / file).unlink()
                if before is not None:
                    (state / file).write_bytes(before)
                self.assertIn(file, answer["error"]["message"])
        self.assertNotIn("error", self.control("reload"))

    def test_the_command_says_what_was_applied(self):
        (self.fabric.state / "tiara.toml").write_text("[limits]\nmessage_bytes = 3000\n")
        done = run(TIARA, "reload", "--state", self.fabric.state)
        self.assertEqual((done.returncode, json.loads(done.stdout)["applied"]), (0, ["limits.message_bytes"]))
        (self.fabric.state / "tiara.toml").write_text("[limits]\nmessage_bites = 3000\n")
        done = run(TIARA, "reload", "--state", self.fabric.state)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("tiara.toml:2: unknown key", done.stderr)

    def test_a_key_that_needs_a_start_is_named_each_time(self):
        for _ in range(2):
            answer = self.reload("[listen]\nport = 1\n[limits]\nhandshakes = 77\n")
            self.assertEqual(answer["applied"], [])
            # The port comes from the command line, which is stronger than the file.
            self.assertEqual(answer["restart"], ["limits.handshakes"])
        self.assertIn("limits.handshakes has changed; the next start applies it", self.fabric.log())

    def test_a_bad_file_changes_nothing_and_drops_nobody(self):
        watcher, sender = self.peer("/tests/bad"), self.peer()
        failed = self.metric('tiara_reloads_total{result="failed"}')
        answer = self.reload("[limits]\nmessage_bytes = 2000\nconnections = 0\n")
        self.assertRegex(answer["error"]["message"], r"tiara.toml:3: limits.connections: expected 1 to 1000000")
        wait_until(lambda: "not reloaded, what was in force stays" in self.fabric.log(), "the error in the log")
        sender.send(publish_packet("/tests/bad", dxl_message(EVENT, b"x" * 5000)))
        self.assertEqual(watcher.message()[1]["payload"], b"x" * 5000)
        self.assertEqual(self.metric('tiara_reloads_total{result="failed"}'), failed + 1)

    def test_the_service_takes_new_settings(self):
        report = ["rep", "external", HASH, "--level", "70", "--type", "PEEXE", "--filename", "a.exe"]
        self.assertEqual(self.reload("[external]\nenabled = false\n")["applied"], ["external.enabled"])
        done = tiara(self.config, *report)
        self.assertEqual(done.returncode, 7, done.stdout + done.stderr)
        self.assertIn("disabled", done.stdout + done.stderr)
        self.reload("")
        self.assertEqual(tiara(self.config, *report).returncode, 0)
        self.assertGreater(self.metric('tiara_tie_reports_total{outcome="accepted"}'), 0)
        self.assertGreater(self.metric("tiara_tie_answer_seconds_count"), 0)

    def test_connect_events_can_be_switched_on_by_a_signal(self):
        watcher = self.peer("/mcafee/event/dxl/clientregistry/connect")
        (self.fabric.state / "tiara.toml").write_text("[broker]\nsend_connect_events = true\n")
        self.fabric.process.child.send_signal(signal.SIGHUP)
        wait_until(lambda: "broker.send_connect_events is true now" in self.fabric.log(), "the reload")
        self.peer()
        self.assertEqual(watcher.message()[0], "/mcafee/event/dxl/clientregistry/connect")

    def test_json_lines_hold_events_and_nobody_breaks_out(self):
        answer = self.reload('[log]\nformat = "json"\n[limits]\nmessage_bytes = 2000\n')
        self.assertEqual(answer["applied"], ["log.format", "limits.message_bytes"])
        begin = len(self.fabric.log())
        sender = self.peer()
        topic = '/tests/"}\n{"event":"client.connected"'
        sender.send(publish_packet(topic, dxl_message(EVENT, b"secret" * 1000)))
        wait_until(lambda: "message.oversize" in self.fabric.log()[begin:], "the line about the message")
        lines = [json.loads(line) for line in self.fabric.log()[begin:].splitlines() if line]
        by_event = {line["event"]: line for line in lines}
        self.assertRegex(by_event["client.connected"]["thumbprint"], "^[0-9a-f]{40}$")
        self.assertEqual(by_event["client.connected"]["name"], "CN=peer")
        self.assertEqual(by_event["message.oversize"]["topic"], topic)
        self.assertNotIn("secret", self.fabric.log())

    def test_repeated_lines_are_counted(self):
        self.reload("[log]\nrepeats_per_minute = 5\n")
        before = self.metric("tiara_log_repeated_lines_total")
        for _ in range(20):
            self.peer().socket.close()
        wait_until(lambda: self.metric("tiara_log_repeated_lines_total") >= before + 20, "lines left out")

    def test_metrics_count_what_happens(self):
        before = self.metric("tiara_broker_received_bytes_total")
        watcher, sender = self.peer("/tests/metrics"), self.peer()
        sender.send(publish_packet("/tests/metrics", dxl_message(EVENT, b"x" * 10_000)))
        watcher.message()
        wait_until(lambda: self.metric("tiara_broker_received_bytes_total") >= before + 10_000, "the bytes")
        self.assertGreaterEqual(self.metric("tiara_broker_connections"), 3)
        self.assertGreaterEqual(self.metric("tiara_broker_connects_total"), 3)


if __name__ == "__main__":
    unittest.main()
