#!/usr/bin/python3
"""What went wrong in other brokers and TIE servers, tried on the whole program; docs/security-lessons.md lists it."""
import base64
import configparser
import json
import os
import pathlib
import re
import shutil
import stat
import struct
import tempfile
import unittest

import fabric
from fabric import DEADLINE, GROUP_ENTERPRISE, GROUP_EXTERNAL, TIARA, levels, run, tiara, wait_until
from limited import LimitedFabricTest, MIB
from raw_peer import (ERROR, EVENT, REQUEST, RESPONSE, RawPeer, dxl_message, pack_dxl, packet,
                      publish_packet, text)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYSTEMD = ROOT / "packaging" / "systemd"
ADMINISTRATORS = "Tiara Administrators"
SET = "/mcafee/service/tie/file/reputation/set"
CERT_SET = "/mcafee/service/tie/cert/reputation/set"
REPORT = "/mcafee/event/external/file/report"
CHANGE = "/mcafee/event/tie/file/repchange/broadcast"


def settle(peer):
    """Waits until the broker has handled what was sent."""
    peer.send(packet(0xC0))
    while peer.receive()[0] != 0xD0:
        pass


class Rights(fabric.FabricTest):
    """Who may change what is known of a file."""

    roles = {"nobody": (), "reporter": (GROUP_EXTERNAL,), "analyst": (GROUP_ENTERPRISE,),
             "both": (GROUP_EXTERNAL, GROUP_ENTERPRISE), "chief": (ADMINISTRATORS,)}

    def change(self, peer, digest):
        """Tries every way to change a reputation that a client could think of."""
        md5 = base64.b64encode(bytes.fromhex(digest)).decode()
        set_payload = lambda provider: json.dumps(
            {"trustLevel": 99, "providerId": provider, "filename": "x", "comment": "",
             "hashes": [{"type": "md5", "value": md5}]}).encode()
        report = lambda provider: json.dumps(
            {"file": {"type": 18, "hashes": {"md5": digest}, "attributes": {"filename": "x"},
                      "reputation": {"score": 70}}, "provider": {"id": provider}, "comment": ""}).encode()
        for kind in (REQUEST, RESPONSE, EVENT, ERROR):
            for topic in (SET, CERT_SET, REPORT, CHANGE, "/mcafee/service/tie/file/reputation"):
                for payload in (set_payload(3), set_payload(15), set_payload(1), report(15), report(3), report(1)):
                    message = dxl_message(kind, payload, reply_to=peer.reply_to if kind == REQUEST else "")
                    peer.send(publish_packet(topic, message))
        settle(peer)

    def test_CVE_2019_3641_each_role_changes_its_own_provider_and_nothing_else(self):
        for number, (role, groups) in enumerate(self.roles.items()):
            with self.subTest(role):
                config = self.fabric.provision(role, *groups)
                digest = "%032x" % (0xABCDEF + number)
                with RawPeer(config).connect() as peer:
                    peer.subscribe(peer.reply_to)
                    self.change(peer, digest)
                    # Behind all of them, so that they have been decided.
                    self.assertEqual(peer.request(SET, b"{}")["type"], ERROR)
                expected = {1: 0, 3: 0}
                if GROUP_EXTERNAL in groups or ADMINISTRATORS in groups:
                    expected[15] = 70
                if GROUP_ENTERPRISE in groups or ADMINISTRATORS in groups:
                    expected[3] = 99
                wait_until(lambda: levels(self.fabric.admin, digest) == expected, f"{expected} for {role}",
                           deadline=10)
        # Nor did anybody but the service announce a change.
        self.assertIn(f"message to {CHANGE} refused", self.fabric.log())

    def test_CVE_2019_3641_a_request_addressed_to_the_service_itself_goes_through_the_same_door(self):
        """By its service id the TIE service can be named on any topic; what it does follows from the topic."""
        with RawPeer(self.fabric.provision("guest")).connect() as peer:
            peer.subscribe(peer.reply_to)
            services = json.loads(peer.request("/mcafee/service/dxl/svcregistry/query", b"{}")["payload"]
                                  .rstrip(b"\0"))["services"]
            service_id = next(iter(services))
            for topic in (SET, "/guest/topic"):
                self.assertIn(SET, json.dumps(services))
                message = dxl_message(REQUEST, b"{}", "{%s}" % topic, peer.reply_to, service_id)
                peer.send(publish_packet(topic, message))
                while (answer := peer.message()[1]).get("request_id") != "{%s}" % topic:
                    pass
                self.assertEqual(answer["type"], ERROR)
                if topic == SET:
                    self.assertEqual(answer["code"], 0x80000013)


class Secrets(fabric.FabricTest):
    def secrets(self):
        """{where: text} of what nobody may read elsewhere: lines of each private key, the password."""
        found = {"admin.token": (self.fabric.state / "admin.token").read_text().strip()}
        for key in [*self.fabric.state.rglob("*.key"), *self.root.rglob("*.key")]:
            lines = key.read_text().splitlines()
            found[str(key)] = lines[len(lines) // 2]  # a line in the middle is that key's alone
        return found

    def test_CVE_2019_3612_secrets_are_in_no_argument_log_or_output(self):
        config = self.fabric.provision("holder", GROUP_EXTERNAL)
        state = self.fabric.state
        path = self.make_file("secret")
        watch = self.start_process(TIARA, "--config", config, "watch", "--count", "100", "--timeout", "60")
        wait_until(lambda: "watching" in watch.log(), "the subscription")
        commands = (
            ["--config", config, "rep", "external", path, "--level", "70"], ["--config", config, "rep", "get", path],
            ["--config", config, "rep", "set", "99", path], ["status", "--state", state],
            ["status", "--state", state, "--metrics"], ["config", "show", "--state", state, "--origin"],
            ["config", "show", "--state", state, "--json"], ["config", "check", "--state", state],
            ["config", "reference"], ["auth", "list", "--state", state, "--json"], ["auth", "list", "--state", state],
            ["auth", "test", "holder", "send", REPORT, "--state", state],
            ["cert-authority", "show", "--state", state, "--json"], ["cert-authority", "renew", "--state", state],
            ["provision", config.parent, "--state", state, "--name", "holder"],
            ["--config", config.parent / "nothing", "rep", "get", path])
        said = ""
        for command in commands:
            done = run(TIARA, *command)
            said += done.stdout + done.stderr
        proc = pathlib.Path("/proc")
        for child in (self.fabric.process.child.pid, watch.child.pid):
            said += (proc / str(child) / "cmdline").read_text() + (proc / str(child) / "environ").read_text()
        watch.stop()
        said += watch.log() + self.fabric.log()
        self.assertGreater(len(said), 5000)
        secrets = self.secrets()
        self.assertGreaterEqual(len(secrets), 7)
        for where, secret in secrets.items():
            self.assertGreaterEqual(len(secret), 16, where)
            self.assertNotIn(secret, said, where)
        self.assertNotIn("PRIVATE KEY", said)

    def test_CVE_2019_3612_no_option_takes_a_secret(self):
        commands = [["up"], ["provision"], ["rep", "get"], ["rep", "set"], ["rep", "external"], ["watch"], ["status"],
                    ["auth", "grant"], ["auth", "test"], ["cert-authority", "rotate"], ["config", "show"], []]
        for command in commands:
            done = run(TIARA, *command, "--help")
            self.assertEqual(done.returncode, 0, command)
            options = re.findall(r"--[a-z][a-z-]*", done.stdout)
            self.assertIn("--help", options, command)
            for option in options:
                self.assertNotRegex(option, "pass|secret|token|credential|private", command)
        # Nor does a setting, which `config show` would print.
        names = re.findall(r"`([a-z_]+\.[a-z_]+)`", run(TIARA, "config", "reference").stdout)
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertNotRegex(name, "password|secret|token$")


class Files(unittest.TestCase):
    def test_CVE_2022_2188_everything_written_is_for_its_owner_alone_whatever_the_umask(self):
        root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-test-"))
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        there = fabric.Fabric(root).start()
        self.addCleanup(lambda: there.process and there.stop())
        config = there.provision("owner", GROUP_EXTERNAL, ADMINISTRATORS)
        path = root / "file"
        path.write_bytes(b"x")
        done = tiara(config, "rep", "external", path, "--level", "70")
        self.assertEqual(done.returncode, 0, done.stderr)
        with RawPeer(config).connect() as peer:
            peer.send(publish_packet("/mcafee/event/dxl/revocation/list", dxl_message(EVENT, b"ab" * 20)))
            settle(peer)
        wait_until(lambda: (there.state / "keystore" / "revokedcerts.lst").exists(), "the saved list")
        for command in (["auth", "revoke", "owner", GROUP_EXTERNAL], ["cert-authority", "renew"],
                        ["cert-authority", "rotate"]):
            done = run(TIARA, *command, "--state", there.state)
            self.assertIn(done.returncode, (0, 7), done.stderr)
        conf = root / "original.conf"
        conf.write_text("brokerId=11111111-1111-1111-1111-111111111111\nlistenPort=1\n")
        done = run(TIARA, "config", "import", conf, "--state", root / "imported")
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = 0
        for directory in (there.state, config.parent, root / "imported"):
            for entry in [directory, *directory.rglob("*")]:
                mode = entry.lstat().st_mode
                seen += 1
                self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, f"{oct(mode)} {entry.relative_to(root)}")
                self.assertFalse(stat.S_ISLNK(mode), entry)
        self.assertGreater(seen, 40)
        # The log is standard error: the program opens no file of its own for it.
        opened = [os.readlink(link) for link in pathlib.Path(f"/proc/{there.process.child.pid}/fd").iterdir()
                  if link.exists()]
        own = [name for name in opened if name.startswith("/") and not name.startswith(("/dev/", "/proc/", "/sys/"))]
        self.assertTrue(own)
        for name in own:
            self.assertTrue(name.startswith(str(there.state)) or name == str(root / "up.log"), name)


class Unit(unittest.TestCase):
    def test_CVE_2020_7252_the_unit_gives_the_least_that_is_needed(self):
        """The original's service ran with more rights than it used, from a path without quotes."""
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str
        unit.read(SYSTEMD / "tiara.service")
        service = dict(unit["Service"])
        lines = (SYSTEMD / "tiara.service").read_text().splitlines()
        expected = {"User": "tiara", "Group": "tiara", "UMask": "0077", "StateDirectoryMode": "0700",
                    "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
                    "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateDevices": "yes", "RestrictSUIDSGID": "yes",
                    "MemoryDenyWriteExecute": "yes"}
        self.assertEqual({key: service.get(key) for key in expected}, expected)
        self.assertNotIn("PermissionsStartOnly", service)
        for line in lines:
            if line.startswith("Exec"):
                # An absolute path that nobody but root can write to, and no prefix that lifts the user's limits.
                self.assertRegex(line, r"^Exec\w+=/(usr/)?bin/[a-z]+ [^;&|`]*$")
        self.assertFalse([line for line in lines if line.startswith("ReadWritePaths")])
        user = [line.split() for line in (SYSTEMD / "tiara.sysusers.conf").read_text().splitlines()
                if line and line[0] != "#"]
        self.assertEqual([(line[0], line[1], line[2], line[-1]) for line in user],
                         [("u", "tiara", "-", "/usr/sbin/nologin")])
        folders = [line.split() for line in (SYSTEMD / "tiara.tmpfiles.conf").read_text().splitlines()
                   if line and line[0] != "#"]
        self.assertEqual(folders, [["d", "/etc/tiara", "0755", "root", "root", "-"]])


class Names(fabric.FabricTest):
    def test_CVE_2017_3907_hostile_file_names_and_comments_are_inert_on_terminal_and_in_log(self):
        config = self.fabric.provision("named", GROUP_EXTERNAL, GROUP_ENTERPRISE)
        hostile = "<script>\x1b[2J\x07\n2026 info ok\u009b\u202egpj.exe"
        path = self.root / hostile.replace("/", "")
        path.write_bytes(os.urandom(20))
        watches = [self.start_process(TIARA, "--config", config, *more, "watch", "--count", "3", "--timeout", "60")
                   for more in ([], ["--json"])]
        for watch in watches:
            wait_until(lambda: "watching" in watch.log(), "the subscription")
        said = ""
        for more in ([], ["--json"]):
            for command in (["rep", "set", "99", path, "--comment", hostile],
                            ["rep", "external", path, "--level", "70", "--force"], ["rep", "get", path],
                            ["rep", "get", str(path) + hostile], ["auth", "test"]):
                done = tiara(config, *more, *command)
                said += done.stdout + done.stderr
        for name in (hostile, "\x1b]0;x\x07"):
            done = run(TIARA, "auth", "test", name, "send", "/t" + hostile, "--state", self.fabric.state)
            said += done.stdout + done.stderr
            done = run(TIARA, "auth", "grant", "named", hostile, "--state", self.fabric.state)
            said += done.stdout + done.stderr
        tiara(config, "rep", "set", "1", path)
        for watch in watches:
            for _ in range(3):
                said += watch.line() + "\n"
        said += self.fabric.log()
        self.assertIn("gpj.exe", said)
        for character in "\x1b\x07\u009b\u202e":
            self.assertNotIn(character, said, repr(character))
        self.assertFalse([line for line in said.splitlines() if line.startswith("2026 info")])

    def test_CVE_2017_3907_a_refusal_chosen_by_another_service_is_inert(self):
        """Not the broker's own service answers here, but a hostile one that serves the same topic elsewhere."""
        other = fabric.Fabric(self.root, "other").start("--no-service")
        self.addCleanup(other.stop)
        config = other.provision("victim")
        with RawPeer(other.provision("evil")).connect() as evil:
            evil.subscribe(evil.reply_to, "/mcafee/service/tie/#")
            info = {"serviceType": "/evil", "serviceGuid": "{evil}", "ttlMins": 60, "metaData": {},
                    "requestChannels": ["/mcafee/service/tie/file/reputation"]}
            evil.request("/mcafee/service/dxl/svcregistry/register", json.dumps(info).encode())
            asking = self.start_process(TIARA, "--config", config, "--timeout", "30", "rep", "get", "ab" * 16)
            topic, request = evil.message()
            while topic != "/mcafee/service/tie/file/reputation":
                topic, request = evil.message()
            evil.send(publish_packet(request["reply_to"], pack_dxl(
                {"version": 3, "type": ERROR, "payload": "", "request_id": request["id"], "service": "{evil}",
                 "code": 5, "text": "no\ntiara: fine\x1b[2J\u009b\u202e"})))
            self.assertIsNone(asking.line())
            self.assertEqual(asking.child.wait(DEADLINE), 7)
        said = asking.log()
        self.assertIn("no\\x0atiara: fine\\x1b[2J\\u009b\\u202e", said)
        self.assertEqual(len(said.splitlines()), 1, said)


class Memory(LimitedFabricTest):
    limits = {"connect_bytes": 65536, "connections": 2000}

    def grown_by(self, act):
        act()  # what the allocator keeps is not a leak
        before = self.memory()
        act()
        return self.memory() - before

    def test_CVE_2023_0809_what_comes_before_CONNECT_is_not_kept(self):
        def act():
            for first in (0x30, 0x82, 0x10):
                for _ in range(40):
                    peer = self.open_peer()
                    try:
                        peer.send(packet(first, b"x" * MIB, length=256 * MIB - 1))
                    except (ConnectionError, OSError):
                        pass
                    peer.socket.close()
            wait_until(lambda: self.status()["bufferedBytes"] < MIB, "the buffers to be given back")
        self.assertLess(self.grown_by(act), 8 * MIB)

    def test_CVE_2023_3592_wills_are_given_back(self):
        def act():
            will = text("/w") + text(b"w" * 60_000)
            for number in range(150):
                peer = self.open_peer()
                flags, topic = ((6, will), (6, text("/w/#") + text(b"w" * 60_000)), (0x1E, will))[number % 3]
                peer.send(packet(0x10, text("MQTT") + bytes([4, flags]) + b"\0\x3c" + text("{w}") + topic))
                if number % 3 == 0:
                    self.assertEqual(peer.receive()[0], 0x20)
                peer.socket.close()
            wait_until(lambda: self.status()["connections"] == 1, "all of them to be gone")
        self.assertLess(self.grown_by(act), 4 * MIB)

    def test_CVE_2023_28366_unreleased_qos_2_publishes_are_not_kept(self):
        peer = self.peer()

        def act():
            for start in range(1, 20_001, 250):
                peer.send(b"".join(packet(0x34, text("/nobody") + struct.pack(">H", number) + b"x" * 1000)
                                   for number in range(start, start + 250)))
                for _ in range(250):
                    self.assertEqual(peer.receive()[0], 0x50)
        self.assertLess(self.grown_by(act), 4 * MIB)


if __name__ == "__main__":
    unittest.main()
