"""Certificates at the door and their revocation: v1, expired, revoked, CRLs, damage, ciphers."""
import hashlib
import json
import pathlib
import shutil
import signal
import socket
import ssl
import stat
import unittest

import fabric
from fabric import GROUP_EXTERNAL, TIARA, levels, run, tiara, wait_until
from raw_peer import RawPeer, dxl_message, publish_packet, tls_context, EVENT

FORGED = "2026-01-01T00:00:00.000Z info  broker all is well"
REVOCATION = "/mcafee/event/dxl/revocation/list"
ADMINISTRATORS = "Tiara Administrators"


def thumbprint(config, digest="sha1"):
    text = (config.parent / "client.crt").read_text()
    return hashlib.new(digest, ssl.PEM_cert_to_DER_cert(text)).hexdigest()


def control(state, command):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(fabric.DEADLINE)
        peer.connect(str(state / "run" / "control.sock"))
        peer.sendall(command.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += peer.recv(65536)
        return json.loads(answer)


def openssl(*arguments):
    done = run("openssl", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {done.stderr}")


class CertificateTest(fabric.FabricTest):
    @property
    def keystore(self):
        return self.fabric.state / "keystore"

    @property
    def list_file(self):
        return self.keystore / "revokedcerts.lst"

    def issue(self, name, *more, subject=None):
        """A certificate without any extension, signed by the client CA: X.509 version 1."""
        key, request, made = (self.root / f"{name}.{end}" for end in ("key", "csr", "crt"))
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject or f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.keystore / "ca-client.crt", "-CAkey",
                self.keystore / "ca-client.key", "-CAcreateserial", "-CAserial", self.root / "serial",
                "-out", made, *more)
        return made, key

    def refused(self, config, context=None):
        """Whether the broker refuses the certificate; under TLS 1.3 that comes behind the handshake."""
        try:
            with RawPeer(config, context) as peer:
                peer.connect()
                return False
        except (ssl.SSLError, ConnectionError, EOFError):
            return True

    def wait_log(self, words):
        wait_until(lambda: words in self.fabric.log(), f"{words!r} in the log")


class Revocation(CertificateTest):
    def revoke(self, config, *lines):
        with RawPeer(config).connect() as peer:
            peer.subscribe(REVOCATION)
            peer.send(publish_packet(REVOCATION, dxl_message(EVENT, "\n".join(lines).encode())))
            peer.send(b"\xc0\0")  # a ping; its answer comes when the event has been handled
            while (got := peer.receive())[0] != 0xD0:
                self.assertEqual(got[0] >> 4, 3)

    def test_an_administrators_event_takes_effect_at_once_and_survives_a_kill(self):
        admin = self.fabric.provision("chief", ADMINISTRATORS)
        victim, other = self.fabric.provision("victim"), self.fabric.provision("other")
        with RawPeer(victim).connect() as inside, RawPeer(other).connect() as bystander:
            bystander.subscribe(REVOCATION)
            self.revoke(admin, thumbprint(victim).upper() + "\r")
            self.assertTrue(inside.closed_by_broker())
            self.assertEqual(bystander.message()[0], REVOCATION)
        self.assertTrue(self.refused(victim))
        self.wait_log(f"certificate {thumbprint(victim)} is revoked, saved in")
        self.fabric.kill()
        self.fabric.start(port=self.fabric.port)
        self.assertTrue(self.refused(victim))
        self.wait_log("client certificate not trusted: it is revoked: CN=victim")
        self.assertFalse(self.refused(other))
        self.assertIn(thumbprint(victim), self.list_file.read_text())
        self.assertEqual(stat.S_IMODE(self.list_file.stat().st_mode), 0o600)

    def test_a_revocation_event_from_an_ordinary_client_changes_nothing(self):
        ordinary = self.fabric.provision("ordinary", GROUP_EXTERNAL)
        target = self.fabric.provision("target")
        self.revoke(ordinary, thumbprint(target))
        self.assertFalse(self.refused(target))
        self.wait_log(f"message to {REVOCATION} refused")

    def test_a_hangup_reloads_the_list_and_pardons(self):
        config = self.fabric.provision("edited")
        before = self.list_file.read_text() if self.list_file.exists() else ""
        with RawPeer(config).connect() as inside:
            self.list_file.write_text(before + f"# by hand\n{thumbprint(config, 'sha256')}\n")
            self.fabric.process.child.send_signal(signal.SIGHUP)
            self.assertTrue(inside.closed_by_broker())
        self.assertTrue(self.refused(config))
        self.list_file.write_text(before)
        self.assertNotIn("error", control(self.fabric.state, "reload"))
        self.assertFalse(self.refused(config))

    def test_a_broken_line_keeps_the_old_list_and_is_named(self):
        before = self.list_file.read_text() if self.list_file.exists() else ""
        config = self.fabric.provision("still-in")
        self.list_file.write_text(before + thumbprint(config) + "\nnonsense\n")
        answer = control(self.fabric.state, "reload")
        self.assertIn(f"revokedcerts.lst:{before.count(chr(10)) + 2}: expected", json.dumps(answer))
        self.assertFalse(self.refused(config))
        self.list_file.write_text(before)

    def test_the_status_tells_how_long_everything_lasts(self):
        days = control(self.fabric.state, "status")["daysLeft"]
        names = {name.split(" CN=")[0] for name in days}
        self.assertLessEqual({"client CA", "broker CA", "broker certificate", "service certificate"},
                             names)
        self.assertTrue(all(count > 3000 for count in days.values()), days)


class RevocationOnSeveralThreads(Revocation):
    up_options = ("--threads", "3")


class Crls(CertificateTest):
    def make_crl(self, *revoked, days=1):
        """A CRL of the client CA, by openssl's own means."""
        folder = self.root / "ca"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "index.txt").write_text("")
        (folder / "openssl.cnf").write_text(
            "[ca]\ndefault_ca=here\n[here]\ndefault_md=sha256\n"
            f"database={folder}/index.txt\ncertificate={self.keystore}/ca-client.crt\n"
            f"private_key={self.keystore}/ca-client.key\n")
        for certificate in revoked:
            openssl("ca", "-config", folder / "openssl.cnf", "-revoke", certificate)
        seconds = ("-crlsec", "1") if days == 0 else ("-crldays", str(days))
        openssl("ca", "-config", folder / "openssl.cnf", "-gencrl", *seconds, "-out", folder / "x.crl")
        return folder / "x.crl"

    def tearDown(self):
        (self.keystore / "clients.crl").unlink(missing_ok=True)
        self.assertNotIn("error", control(self.fabric.state, "reload"))

    def put(self, crl):
        shutil.copy(crl, self.keystore / "clients.crl")
        return control(self.fabric.state, "reload")

    def test_a_reloaded_crl_disconnects_and_keeps_out(self):
        bad, good = self.fabric.provision("bad"), self.fabric.provision("good")
        with RawPeer(bad).connect() as inside, RawPeer(good).connect() as bystander:
            self.assertNotIn("error", self.put(self.make_crl(bad.parent / "client.crt")))
            self.assertTrue(inside.closed_by_broker())
            bystander.subscribe("/still/there")
        self.assertTrue(self.refused(bad))
        self.assertFalse(self.refused(good))
        self.wait_log("it is revoked: CN=bad")

    def test_an_expired_crl_lets_nobody_of_its_ca_in(self):
        config = self.fabric.provision("shut-out")
        crl = self.make_crl(days=0)
        self.assertNotIn("error", self.put(crl))
        wait_until(lambda: self.refused(config), "the CRL to expire")
        self.wait_log("has expired; nobody of that CA gets in without a new one")
        self.assertIn("or a CRL of the broker has", tiara(config, "rep", "get", "0" * 32).stderr)
        warning = next(iter(json.loads(run(TIARA, "reload", "--state", self.fabric.state).stdout)["warnings"]))
        self.assertRegex(warning, r"^CRL .*clients\.crl of CN=.* has expired on .*: nobody of that CA gets in;")
        self.wait_log(warning)
        self.assertEqual(run(TIARA, "config", "check", "--state", self.fabric.state).stderr, f"tiara: warning: {warning}\n")
        self.put(self.make_crl())
        self.assertFalse(self.refused(config))

    def test_auth_test_knows_of_crls(self):
        def verdict(client, code):
            done = run(TIARA, "auth", "test", "--state", self.fabric.state, client, "send", "/any")
            self.assertEqual(done.returncode, code, done.stderr)
            return done

        bad, good = (self.fabric.provision(name).parent / "client.crt" for name in ("listed-bad", "listed-good"))
        admin = self.fabric.state / "clients" / "admin" / "client.crt"
        self.assertNotIn("CRL", verdict("listed-bad", 0).stderr)
        self.put(self.make_crl(bad, admin))
        self.assertTrue(verdict(bad, 1).stdout.endswith(": its certificate is revoked\n"))
        verdict(good, 0)
        self.assertIn("its certificate is revoked", verdict("admin", 1).stdout)  # the state has its file
        self.assertIn(", and whether a CRL revokes it, can be told from", verdict("listed-bad", 0).stderr)
        self.put(self.make_crl(days=0))
        wait_until(lambda: self.refused(bad.parent / "dxlclient.config"), "the CRL to expire")
        self.assertIn("has expired; nobody of that CA gets in", verdict(good, 1).stdout)

    def test_what_is_no_crl_keeps_the_old_ones(self):
        config = self.fabric.provision("unharmed")
        (self.keystore / "clients.crl").write_text("nonsense")
        self.assertIn("clients.crl: expected 1 to 16 CRLs",
                      json.dumps(control(self.fabric.state, "reload")))
        self.assertFalse(self.refused(config))


class AtTheDoor(CertificateTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.fabric.provision("peer")

    def test_version_1_certificates_without_extensions_are_accepted(self):
        certificate, key = self.issue("console-client", "-days", "30")
        text = run("openssl", "x509", "-in", certificate, "-noout", "-text").stdout
        self.assertIn("Version: 1 ", text)
        self.assertNotIn("X509v3 extensions", text)
        self.assertFalse(self.refused(self.config, tls_context(self.config, certificate, key)))

    def test_an_expired_certificate_is_refused_in_words(self):
        certificate, key = self.issue("late", "-days", "-1")
        self.assertTrue(self.refused(self.config, tls_context(self.config, certificate, key)))
        self.wait_log("client certificate not trusted: it has expired: CN=late was valid until")

    def test_the_cipher_of_the_python_client_needs_its_switch(self):
        context = tls_context(self.config)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA256")
        self.assertTrue(self.refused(self.config, context))
        self.wait_log("tls.legacy_python_ciphers = true in tiara.toml")
        context = tls_context(self.config)  # under 1.3 the setting means nothing
        context.set_ciphers("AES128-SHA256")
        self.assertFalse(self.refused(self.config, context))

    def test_a_log_injection_through_the_common_name_stays_in_its_line(self):
        certificate, key = self.issue("named", "-days", "30", subject=f"/CN=x\n{FORGED}\x1b[2J")
        RawPeer(self.config, tls_context(self.config, certificate, key)).connect().socket.close()
        self.wait_log("CN=x")
        self.assert_no_forged_line()

    def test_a_log_injection_through_a_topic_stays_in_its_line(self):
        with RawPeer(self.config).connect() as peer:
            peer.send(publish_packet(f"/mcafee/event/tie/\n{FORGED}\x1b[2J", dxl_message(EVENT, b"")))
            peer.send(b"\xc0\0")
            self.assertEqual(peer.receive()[0], 0xD0)
        self.wait_log("message to /mcafee/event/tie/")
        self.assert_no_forged_line()

    def assert_no_forged_line(self):
        log = self.fabric.log()
        self.assertIn(FORGED, log)
        self.assertNotIn("\x1b", log)
        self.assertFalse([line for line in log.splitlines() if line.startswith(FORGED)])


class Switch(CertificateTest):
    settings = "[tls]\nlegacy_python_ciphers = true\n"

    def test_the_legacy_cipher_is_told_once_per_client(self):
        config = self.fabric.provision("python")
        for _ in range(3):
            context = tls_context(config)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers("AES128-SHA256")
            self.assertFalse(self.refused(config, context))
        self.wait_log("(CN=python) uses legacy cipher AES128-SHA256")
        self.assertEqual(self.fabric.log().count("uses legacy cipher"), 1)


class Damage(fabric.FabricTest):
    """Whatever is wrong with the keystore is found at start, named, and exit code 8."""

    def test_each_unusable_file(self):
        self.assertEqual(self.fabric.stop(), 0)
        state = self.fabric.state
        cases = {"keystore/ca-client.key": "nonsense", "keystore/ca-broker.key": "nonsense",
                 "keystore/broker.key": "nonsense", "keystore/ca-client.crt": "nonsense",
                 "keystore/broker.crt": "", "service/service.key": "nonsense",
                 "service/service.crt": "nonsense", "keystore/revokedcerts.lst": "nonsense",
                 "keystore/x.crl": "nonsense"}
        for name, content in cases.items():
            with self.subTest(name):
                path = state / name
                old = path.read_text() if path.exists() else None
                path.write_text(content)
                done = run(TIARA, "up", "--state", state, "--port", "0", "--ws-port", "0")
                path.unlink() if old is None else path.write_text(old)
                self.assertEqual((done.returncode, done.stdout), (8, ""), done.stderr)
                self.assertIn(str(pathlib.Path(name).parent), done.stderr)
        self.fabric.start()
        self.assertEqual(levels(self.fabric.admin, self.make_file("whole")), {1: 0, 3: 0})


if __name__ == "__main__":
    unittest.main()
