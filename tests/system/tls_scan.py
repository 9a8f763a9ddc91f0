#!/usr/bin/python3
"""What a scanner finds on each port, held against the tables of docs/certificates.md."""
import itertools
import json
import pathlib
import re
import shutil
import socket
import struct
import unittest
import xml.etree.ElementTree as xml

import fabric
from fabric import run

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "certificates.md"
DEFLATE, NULL = 1, 0
GROUP_BITS = 128  # each of 128 bits of security or more


def documented(heading, column):
    """Of the table whose first column has that heading: the rows with a yes in `column`."""
    lines = DOCUMENT.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = [[cell.strip(" `") for cell in line.strip("|").split("|")]
             for line in itertools.takewhile(lambda line: line.startswith("|"), lines[start:])]
    at = table[0].index(column)
    return [(row[0], row[1]) for row in table[2:] if row[at] == "yes"]


def client_hello(compressions):
    """A TLS 1.2 hello with one suite of ours, by hand: no library of today offers compression."""
    def vector(size, content):
        return len(content).to_bytes(size, "big") + content

    def extension(kind, content):
        return struct.pack(">H", kind) + vector(2, content)

    body = (b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\xc0\x2f") + vector(1, bytes(compressions))
            + vector(2, extension(10, vector(2, b"\x00\x17")) + extension(11, vector(1, b"\0"))
                     + extension(13, vector(2, b"\x04\x01"))))
    return b"\x16\x03\x01" + vector(2, b"\x01" + vector(3, body))


class TlsScan(fabric.FabricTest):
    column = "default"

    def setUp(self):
        if shutil.which("sslscan") is None:
            self.skipTest("sslscan is not installed")

    def scan(self, port):
        ports = json.loads((self.fabric.state / "run" / "ports.json").read_text())
        client = self.fabric.admin.parent
        report = self.root / f"{port}.xml"
        known = [] if port == "https" else [f"--certs={client / 'client.crt'}", f"--pk={client / 'client.key'}"]
        done = run("sslscan", "--no-failed", "--no-colour", f"--xml={report}", *known,
                   f"127.0.0.1:{ports[port]}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return xml.parse(report).getroot().find("ssltest")

    def compare(self, port, column):
        found = self.scan(port)
        spoken = {f"{each.get('type')}{each.get('version')}" for each in found.findall("protocol")
                  if each.get("enabled") == "1"}
        self.assertEqual(spoken, {"tls1.2", "tls1.3"})
        # In the order of the broker's preference: a suite without forward secrecy is what anybody gets last.
        suites = [(each.get("cipher"), each.get("sslversion")) for each in found.findall("cipher")]
        self.assertEqual(suites, [(name, f"TLSv{version}") for name, version in documented("Suite", column)])
        for each in found.findall("cipher"):
            self.assertGreaterEqual(int(each.get("bits")), 128, each.attrib)
        groups = {(each.get("name").split(" ")[0], int(each.get("bits"))) for each in found.findall("group")}
        self.assertEqual({name for name, _ in groups}, {name for name, _ in documented("Group", "all ports")})
        self.assertTrue(all(bits >= GROUP_BITS for _, bits in groups), groups)
        self.assertEqual([each.attrib for each in found.findall("renegotiation")],
                         [{"supported": "0", "secure": "0"}])
        self.assertEqual({each.get("vulnerable") for each in found.findall("heartbleed")}, {"0"})
        for each in found.findall("compression"):  # sslscan is built without it on most systems
            self.assertEqual(each.get("supported"), "0")
        key = found.find("certificates/certificate/pk")
        self.assertEqual(key.get("type"), "RSA")
        self.assertGreaterEqual(int(key.get("bits")), 2048)
        signature = found.find("certificates/certificate/signature-algorithm").text
        self.assertEqual(signature, "sha256WithRSAEncryption")

    def test_mqtt_over_tls_is_as_documented(self):
        self.compare("mqtts", self.column)

    def test_mqtt_over_web_sockets_is_as_documented(self):
        self.compare("wss", self.column)

    def test_the_management_port_is_as_documented(self):
        self.compare("https", "management")


class TlsScanWithLegacySuite(TlsScan):
    settings = "[tls]\nlegacy_python_ciphers = true\n"
    column = "legacy_python_ciphers"


class Compression(fabric.FabricTest):
    def test_no_port_agrees_to_it(self):
        ports = json.loads((self.fabric.state / "run" / "ports.json").read_text())
        for name, port in ports.items():
            with self.subTest(name), socket.create_connection(("127.0.0.1", port), fabric.DEADLINE) as peer:
                peer.sendall(client_hello([DEFLATE, NULL]))
                with peer.makefile("rb") as stream:
                    kind, _, _, size = struct.unpack(">BBBH", stream.read(5))
                    hello = stream.read(size)
                self.assertEqual((kind, hello[0]), (22, 2), hello[:2])  # a handshake record, ServerHello
                session = hello[38]
                suite, compression = struct.unpack_from(">HB", hello, 39 + session)
                self.assertEqual((suite, compression), (0xC02F, NULL))


class Document(unittest.TestCase):
    def test_the_switch_adds_the_one_suite(self):
        usual, legacy = (set(documented("Suite", column)) for column in ("default", "legacy_python_ciphers"))
        self.assertEqual(legacy - usual, {("AES128-SHA256", "1.2")})
        self.assertEqual(usual - legacy, set())
        self.assertEqual(set(documented("Suite", "management")), usual)
        self.assertFalse([name for name, _ in usual if not re.match("TLS_|ECDHE-", name)])


if __name__ == "__main__":
    unittest.main()
