"""Renewing certificates and replacing CAs under load: no request stays without an answer."""
import base64
import hashlib
import http.client
import json
import os
import signal
import ssl
import threading
import unittest

import fabric
from fabric import TIARA, levels, run, tiara
from management import BUNDLE, Management
from raw_peer import EVENT, RESPONSE, RawPeer, dxl_message, publish_packet

GET = "/mcafee/service/tie/file/reputation"
REPORT = "/mcafee/event/external/file/report"


def report_and_look_up(peer):
    """Reports a new file and asks for it: the answer, which knows the report. Neither may be lost."""
    digest = os.urandom(32)
    peer.send(publish_packet(REPORT, dxl_message(EVENT, json.dumps({
        "file": {"type": 18, "hashes": {"sha256": digest.hex()}, "attributes": {"filename": "load.exe"},
                 "reputation": {"score": 70}},
        "provider": {"id": 15}, "comment": "load"}).encode())))
    value = base64.b64encode(digest).decode()
    answer = peer.request(GET, json.dumps({"hashes": [{"type": "sha256", "value": value}]}).encode())
    assert answer["type"] == RESPONSE, answer
    levels = {each["providerId"]: each["trustLevel"]
              for each in json.loads(answer["payload"].rstrip(b"\0"))["reputations"]}
    assert levels.get(15) == 70, levels
    return answer


class Load:
    """Reports and asks on one connection after the other, each a few times; also on one that stays."""

    def __init__(self, config):
        self.config, self.answered, self.failure = config, 0, None
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(limit,)) for limit in (5, None)]
        for thread in self._threads:
            thread.start()

    def _run(self, limit):
        try:
            while not self._stop.is_set():
                with RawPeer(self.config).connect() as peer:
                    peer.subscribe(peer.reply_to)
                    count = 0
                    while not self._stop.is_set() and count != limit:
                        report_and_look_up(peer)
                        count += 1
                        self.answered += 1
        except Exception as error:  # told by the main thread
            self.failure = f"after {self.answered} answers: {error!r}"

    def wait_more(self, count=50):
        target = self.answered + count
        fabric.wait_until(lambda: self.failure or self.answered >= target, "answers")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(fabric.DEADLINE)
        return self.failure


def broker_serial(config):
    with RawPeer(config) as peer:
        return ssl.DER_cert_to_PEM_cert(peer.socket.getpeercert(True))


class Rotation(fabric.FabricTest):
    up_options = ("--threads", "2")

    def authority(self, *arguments):
        done = run(TIARA, "cert-authority", *arguments, "--state", self.fabric.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def certificates(self):
        shown = json.loads(self.authority("show", "--json"))
        return {each["role"]: each for each in shown["certificates"]}

    def check_service(self, config):
        """What the service sends comes from the certificate that it has now, and names no other chain."""
        with RawPeer(config).connect() as peer:
            peer.subscribe(peer.reply_to)
            answer = report_and_look_up(peer)
        now = self.certificates()
        certs = dict(zip(answer["other"][::2], answer["other"][1::2]))["dxl.certs"]
        self.assertEqual(answer["source_client"], now["service"]["sha1"])
        self.assertEqual(certs, f"{now['client CA']['sha1']};{now['service']['sha1']}")

    def check_management(self):
        """Its certificate is one that the bundle, which it gives out, can verify."""
        bundle = self.fabric.state / "keystore" / "ca-broker.crt"
        self.assertEqual(Management(self.fabric, authority=bundle).command(BUNDLE), bundle.read_text())
        with Management(self.fabric, authority=bundle).connect() as stream:
            seen = hashlib.sha256(stream.getpeercert(True)).hexdigest()
        self.assertEqual(seen, self.certificates()["broker"]["sha256"])

    def test_certificate_rotation_under_load_without_an_unanswered_request(self):
        old = self.fabric.provision("old", fabric.GROUP_EXTERNAL)
        load = Load(old)
        self.addCleanup(load.stop)
        load.wait_more()
        before, seen = self.certificates(), broker_serial(old)
        self.check_service(old)

        self.authority("renew")
        self.assertNotEqual(self.certificates()["service"]["sha1"], before["service"]["sha1"])
        self.check_service(old)
        self.check_management()
        load.wait_more()
        self.assertNotEqual(broker_serial(old), seen)
        self.assertNotEqual(self.certificates()["broker"]["sha256"], before["broker"]["sha256"])

        self.authority("rotate")
        self.assertIn("old client CA", self.certificates())
        new = self.fabric.provision("new", fabric.GROUP_EXTERNAL)
        new_load = Load(new)
        self.addCleanup(new_load.stop)
        load.wait_more()
        new_load.wait_more()
        self.check_service(old)
        self.check_management()
        self.assertIsNone(load.stop())

        with RawPeer(old).connect() as left_behind, RawPeer(new).connect() as kept:
            self.authority("rotate", "--finish")
            self.assertTrue(left_behind.closed_by_broker())
            kept.subscribe("/still/there")
        new_load.wait_more()
        self.check_service(new)
        self.check_management()
        self.assertIsNone(new_load.stop())
        after = self.certificates()
        self.assertEqual(sorted(after), ["broker", "broker CA", "client CA", "service"])
        for role in after:
            self.assertNotEqual(after[role]["sha256"], before[role]["sha256"], role)
        with self.assertRaises((ssl.SSLError, ConnectionError, EOFError)):
            RawPeer(old).connect()
        for config, code in ((old, 1), (new, 0)):
            done = run(TIARA, "auth", "test", "--state", self.fabric.state, config.parent / "client.crt", "send", REPORT)
            self.assertEqual((done.returncode, "it cannot connect: " in done.stdout), (code, code == 1), done.stdout)
        # Our own admin client has been taken along, and a new start finds everything in order.
        path = self.make_file("admin")
        self.assertEqual(tiara(self.fabric.admin, "rep", "set", "99", path).returncode, 0)
        self.assertEqual(self.fabric.stop(), 0)
        self.fabric.start()
        self.assertEqual(levels(self.fabric.admin, path), {1: 0, 3: 99})

    def test_steps_out_of_order_are_refused(self):
        done = run(TIARA, "cert-authority", "rotate", "--finish", "--state", self.fabric.state)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("no rotation is under way", done.stderr)

    def test_a_renewal_is_refused_meanwhile(self):
        other = fabric.Fabric(self.root, "meanwhile").start()
        other.stop()
        done = run(TIARA, "cert-authority", "rotate", "--state", other.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run(TIARA, "cert-authority", "renew", "--state", other.state)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("`tiara cert-authority rotate --finish` ends it", done.stderr)

    def test_show_is_for_people_too(self):
        text = self.authority("show")
        for words in ("client CA: CN=TiaraClientCA-", "until", "sha1", "sha256"):
            self.assertIn(words, text)


class ManagementPort(fabric.FabricTest):
    """It shows the certificate that the broker's listeners show, whatever made them change it."""

    def authority(self, *arguments):
        done = run(TIARA, "cert-authority", *arguments, "--state", self.fabric.state)
        self.assertEqual(done.returncode, 0, done.stderr)

    def shown(self, authority=None):
        """What the management port shows to a client that trusts `authority`."""
        with Management(self.fabric, authority=authority).connect() as peer:
            return ssl.DER_cert_to_PEM_cert(peer.getpeercert(True))

    def trusted(self, name):
        """Clients of now trust the port by their own brokercerts.crt, name check included."""
        config = self.fabric.provision(name)
        self.assertEqual(self.shown(str(config.parent / "brokercerts.crt")), broker_serial(config))

    def test_each_renewal_and_rotation_reaches_it_and_open_connections_stay(self):
        management = Management(self.fabric)
        kept = http.client.HTTPSConnection("localhost", management.port, timeout=fabric.DEADLINE,
                                           context=management.context)
        self.addCleanup(kept.close)
        seen = {self.shown()}
        self.trusted("first")
        for number, step in enumerate((["renew"], ["rotate"], ["rotate", "--finish"])):
            with self.subTest(step):
                kept.request("GET", "/healthz")
                self.assertEqual(kept.getresponse().read(), b"ok\n")
                still_open = kept.sock
                self.authority(*step)
                now = self.shown()
                # `rotate` keeps the certificate that old clients can verify.
                self.assertEqual(now in seen, step == ["rotate"])
                seen.add(now)
                self.trusted(f"after-{number}")
                kept.request("GET", "/healthz")
                self.assertEqual(kept.getresponse().read(), b"ok\n")
                self.assertIs(kept.sock, still_open)
        # The trust that it hands out is the new one, too.
        bundle = Management(self.fabric).ask(f"/remote/{BUNDLE}?:output=json")[2]
        given = json.loads(bundle.split(":", 1)[1])
        self.assertEqual(given, (self.fabric.state / "keystore" / "ca-broker.crt").read_text())

    def test_a_bad_file_keeps_the_old_certificate_on_all_ports(self):
        config = self.fabric.provision("witness")
        before = self.shown()
        keystore = self.fabric.state / "keystore"
        for name in ("broker.key", "broker.crt"):
            whole = (keystore / name).read_text()
            for content in ("nonsense", "", (keystore / "ca-client.key").read_text()):
                with self.subTest(name, content=content[:8]):
                    refused = self.fabric.log().count("not reloaded")
                    (keystore / name).write_text(content)
                    self.fabric.process.child.send_signal(signal.SIGHUP)
                    fabric.wait_until(lambda: self.fabric.log().count("not reloaded") > refused, "the refusal")
                    (keystore / name).write_text(whole)
                    self.assertEqual(self.shown(), before)
                    self.assertEqual(broker_serial(config), before)

    def test_a_bad_service_certificate_changes_no_port_either(self):
        config = self.fabric.provision("onlooker")
        keystore, service = self.fabric.state / "keystore", self.fabric.state / "service" / "service.crt"
        older = {name: (keystore / name).read_text() for name in ("broker.key", "broker.crt")}
        self.authority("renew")
        before, whole = self.shown(), service.read_text()
        for name, text in older.items():
            (keystore / name).write_text(text)
        service.write_text("nonsense")
        refused = self.fabric.log().count("not reloaded")
        self.fabric.process.child.send_signal(signal.SIGHUP)
        fabric.wait_until(lambda: self.fabric.log().count("not reloaded") > refused, "the refusal")
        self.assertEqual((self.shown(), broker_serial(config)), (before, before))
        service.write_text(whole)
        self.fabric.process.child.send_signal(signal.SIGHUP)
        fabric.wait_until(lambda: self.shown() != before, "the other certificate")
        self.assertEqual(broker_serial(config), self.shown())


if __name__ == "__main__":
    unittest.main()
