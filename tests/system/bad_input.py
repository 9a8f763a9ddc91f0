"""What a hostile or mistaken peer sends: each gives a clear end, and broker and service stay up."""
import json
import socket
import ssl
import struct
import unittest

import fabric
from fabric import TIARA, levels, run
from raw_peer import (RawPeer, connect_packet, dxl_message, packet, publish_packet, read_config,
                      subscribe_packet, text, tls_context, REQUEST, EVENT, RESPONSE, ERROR)

GET = "/mcafee/service/tie/file/reputation"
SET = "/mcafee/service/tie/file/reputation/set"
REPORT = "/mcafee/event/external/file/report"


class BadInput(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.fabric.provision("peer", fabric.GROUP_EXTERNAL, fabric.GROUP_ENTERPRISE)

    def tearDown(self):
        self.assertTrue(self.fabric.process.running(), self.fabric.log())
        self.assertEqual(levels(self.config, self.make_file("still-alive")), {1: 0, 3: 0})

    def handshake_fails(self, context):
        """Under TLS 1.3 the refusal arrives after the client believes the handshake is done."""
        try:
            with RawPeer(self.config, context) as peer:
                peer.send(connect_packet(peer.client_id))
                return peer.receive()
        except (ssl.SSLError, ConnectionError, EOFError):
            return None

    def test_client_without_certificate_is_refused(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version.name):
                context = tls_context(self.config, certificate=False)
                context.maximum_version = context.minimum_version = version
                self.assertIsNone(self.handshake_fails(context))

    def test_certificate_of_another_authority_is_refused(self):
        made = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=evil",
                   "-keyout", self.root / "evil.key", "-out", self.root / "evil.crt")
        self.assertEqual(made.returncode, 0, made.stderr)
        context = tls_context(self.config, self.root / "evil.crt", self.root / "evil.key")
        self.assertIsNone(self.handshake_fails(context))

    def test_tool_says_tls_when_it_does_not_trust_the_broker(self):
        other = fabric.Fabric(self.root, "other").start()
        try:
            run(TIARA, "provision", self.root / "stranger", "--state", other.state, "--name", "s")
            (self.root / "stranger" / "dxlclient.config").write_text(
                (self.root / "stranger" / "dxlclient.config").read_text()
                .replace(str(other.port), str(self.fabric.port)))
            done = fabric.tiara(self.root / "stranger" / "dxlclient.config", "rep", "get", "/bin/true")
            self.assertEqual((done.returncode, done.stdout), (4, ""), done.stderr)
            self.assertIn("certificate", done.stderr)
        finally:
            other.stop()

    def test_plain_text_on_the_tls_port_is_closed(self):
        host, port, *_ = read_config(self.config)
        for greeting in (b"GET / HTTP/1.1\r\n\r\n", connect_packet("x"), b"\0" * 64):
            with self.subTest(greeting), socket.create_connection((host, port), 30) as plain:
                plain.sendall(greeting)
                try:
                    while plain.recv(4096):
                        pass
                except ConnectionError:
                    pass

    def test_malformed_first_packets_are_closed(self):
        cases = {
            "publish before connect": publish_packet("/a", b"b"),
            "subscribe before connect": subscribe_packet("/a"),
            "ping before connect": packet(0xC0),
            "packet type 0": packet(0x00),
            "packet type 15": packet(0xF0),
            "connect with flags": packet(0x11, connect_packet("a")[2:]),
            "five length bytes": b"\x10\xff\xff\xff\xff\x7f",
            "unknown protocol": connect_packet("a", protocol="MQTX"),
            "empty connect": packet(0x10),
            "string beyond the packet": packet(0x10, b"\xff\xffMQTT"),
            "connect above its limit": packet(0x10, b"", length=5000) + b"\0" * 5000,
            "connect of 256 MiB": packet(0x10, b"", length=268_435_455),
        }
        for name, data in cases.items():
            with self.subTest(name), RawPeer(self.config) as peer:
                peer.send(data)
                # A refused protocol level is answered with a CONNACK before the close.
                self.assertTrue(peer.closed_by_broker())

    def test_malformed_later_packets_are_closed(self):
        cases = {
            "second connect": connect_packet("b"),
            "publish far above the message limit": packet(0x30, b"", length=9 << 20),
            "subscribe above the message limit": packet(0x82, b"", length=2 << 20),
            "publish without topic": packet(0x30),
            "publish whose topic is longer than it": packet(0x30, b"\0\x09abc"),
            "publish to a wildcard": publish_packet("/a/#", b"x"),
            "publish with invalid UTF-8": publish_packet(b"/\xff\xfe", b"x"),
            "publish with QoS 3": packet(0x36, text("/a") + b"\0\1x"),
            "subscribe with no topics": packet(0x82, b"\0\1"),
            "subscribe with flags 0": packet(0x80, b"\0\1" + text("/a") + b"\0"),
            "subscribe with a broken filter": subscribe_packet("/a/#/b"),
            "unsubscribe cut short": packet(0xA2, b"\0\1\0\x20/a"),
            "suback from a client": packet(0x90, b"\0\1\0"),
            "connack from a client": packet(0x20, b"\0\0"),
        }
        for name, data in cases.items():
            with self.subTest(name), RawPeer(self.config) as peer:
                peer.connect()
                peer.send(data)
                self.assertTrue(peer.closed_by_broker())

    def test_peers_that_go_away_in_the_middle_of_a_packet_do_no_harm(self):
        whole = connect_packet("{truncated}") + subscribe_packet("/a") + publish_packet(
            GET, dxl_message(REQUEST, b"{}", reply_to="/mcafee/client/x"))
        for length in range(1, len(whole), 7):
            with RawPeer(self.config) as peer:
                peer.send(whole[:length])

    def test_malformed_dxl_messages_do_no_harm(self):
        good = dxl_message(REQUEST, b"{}", reply_to="/mcafee/client/x")
        with RawPeer(self.config) as peer:
            peer.connect().subscribe(peer.reply_to)
            for topic in (GET, SET, REPORT, "/mcafee/service/dxl/svcregistry/register",
                          "/mcafee/service/dxl/svcregistry/query"):
                for length in range(len(good)):
                    peer.send(publish_packet(topic, good[:length]))
                for kind in (RESPONSE, EVENT, ERROR, 4, 255):
                    peer.send(publish_packet(topic, dxl_message(kind, b"{}")))
                peer.send(publish_packet(topic, b"\xdd\xff\xff\xff\xff" * 4))
                peer.send(publish_packet(topic, b"\xdb\xff\xff\xff\xff" * 4))

    def test_malformed_json_is_answered_with_an_error(self):
        cases = [b"", b"{", b"[]", b"null", b"{}", b'{"hashes":5}', b'{"hashes":[]}',
                 b'{"hashes":[{"type":"md5","value":"AA=="}]}', b"\xff\xfe", b'{"a":"\xc3\x28"}',
                 b'{"hashes":[],"hashes":[]}', b"[" * 100_000, b'{"a":' * 1000,
                 b'{"hashes":[{"type":"md5","value":' + b'"' + b"A" * 70_000 + b'"}]}']
        with RawPeer(self.config) as peer:
            peer.connect().subscribe(peer.reply_to)
            for topic in (GET, SET):
                for payload in cases:
                    with self.subTest(topic=topic, payload=payload[:40]):
                        answer = peer.request(topic, payload)
                        self.assertEqual(answer["type"], ERROR)
                        self.assertIn(answer["code"], (1, 2, 3, 4, 5))
                        self.assertTrue(answer["text"])

    def test_malformed_reports_are_dropped_and_counted(self):
        with RawPeer(self.config) as peer:
            peer.connect().subscribe(peer.reply_to)
            for payload in (b"", b"{", b"[]", b'{"file":{}}', b'{"file":{"hashes":{"md5":"zz"}}}'):
                peer.send(publish_packet(REPORT, dxl_message(EVENT, payload)))
            answer = peer.request(GET, b"{}")  # behind them all
            self.assertEqual(answer["type"], ERROR)
        self.assertIn("malformed", self.fabric.log())


class BadSetup(fabric.FabricTest):
    """Mistakes of the person who runs it: exit codes and words."""

    def up(self, state, *extra):
        return run(TIARA, "up", "--state", state, "--port", "0", "--ws-port", "0", "--https-port",
                   "0", *extra)

    def stopped_state(self, name):
        other = fabric.Fabric(self.root, name).start()
        self.assertEqual(other.stop(), 0)
        return other.state

    def assert_fails(self, done, code, *words):
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_second_fabric_on_one_state_is_refused(self):
        self.assert_fails(self.up(self.fabric.state), 8, str(self.fabric.state))

    def test_port_in_use(self):
        state = self.stopped_state("port-in-use")
        done = run(TIARA, "up", "--state", state, "--port", str(self.fabric.port), "--ws-port", "0",
                   "--https-port", "0")
        self.assert_fails(done, 3, str(self.fabric.port))

    def test_state_that_is_a_file(self):
        path = self.make_file("not-a-directory")
        self.assert_fails(self.up(path), 8, str(path))

    def test_unknown_key_in_tiara_toml(self):
        state = self.stopped_state("unknown-key")
        with open(state / "tiara.toml", "a") as file:
            file.write("\n[nonsense]\ncolour = 1\n")
        self.assert_fails(self.up(state), 2, "tiara.toml", "nonsense")

    def test_broken_tiara_toml(self):
        state = self.stopped_state("broken-toml")
        (state / "tiara.toml").write_text("this is [not toml\n")
        self.assert_fails(self.up(state), 2, "tiara.toml")

    def test_unknown_key_in_the_authorization_policy(self):
        state = self.stopped_state("unknown-policy-key")
        with open(state / "authorization.toml", "a") as file:
            file.write("\n[[nonsense]]\ncolour = 1\n")
        self.assert_fails(self.up(state), 2, "authorization.toml", "nonsense")

    def test_missing_authorization_policy_fails_closed(self):
        state = self.stopped_state("missing-policy")
        (state / "authorization.toml").unlink()
        self.assert_fails(self.up(state), 2, "authorization.toml")

    def test_unknown_group(self):
        done = run(TIARA, "provision", self.root / "x", "--state", self.fabric.state, "--name", "x",
                   "--group", "TIE Server Set Everything")
        self.assert_fails(done, 2, "TIE Server Set Everything", fabric.GROUP_EXTERNAL,
                          fabric.GROUP_ENTERPRISE)
        self.assertFalse((self.root / "x" / "client.crt").exists())

    def test_provision_without_a_state(self):
        done = run(TIARA, "provision", self.root / "y", "--state", self.root / "nowhere", "--name", "y")
        self.assertIn(done.returncode, (2, 8), done.stderr)
        self.assertIn("nowhere", done.stderr)

    def test_client_configuration_that_is_missing_or_wrong(self):
        done = fabric.tiara(self.root / "no.config", "rep", "get", "/bin/true")
        self.assert_fails(done, 2, "no.config")
        bad = self.make_file("bad.config", b"[Certs]\nCertFile=a.crt\n")
        self.assert_fails(fabric.tiara(bad, "rep", "get", "/bin/true"), 2, "bad.config")

    def test_usage_errors(self):
        for arguments in (["frobnicate"], ["rep", "get"], ["rep", "set", "KNOWN_TRUSTED"],
                          ["rep", "set", "rather_good", "/bin/true"], ["rep", "get", "/no/such/file"]):
            with self.subTest(arguments):
                self.assert_fails(fabric.tiara(self.fabric.admin, *arguments), 2)

    def test_nobody_listens(self):
        config = self.fabric.provision("deaf")
        with socket.socket() as holder:  # bound but not listening: nobody else gets this port
            holder.bind(("127.0.0.1", 0))
            config.write_text(config.read_text().replace(str(self.fabric.port),
                                                         str(holder.getsockname()[1])))
            self.assert_fails(fabric.tiara(config, "rep", "get", "/bin/true"), 3)

    def test_a_listener_that_stays_silent_is_named_with_the_step(self):
        config = self.fabric.provision("patient")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            config.write_text(config.read_text().replace(str(self.fabric.port), str(port)))
            done = fabric.tiara(config, "rep", "get", "/bin/true", "--timeout", "1")
        self.assert_fails(done, 6, "no TLS answer")
        self.assertIn(f":{port}", done.stderr)


if __name__ == "__main__":
    unittest.main()
