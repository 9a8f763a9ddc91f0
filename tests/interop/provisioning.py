"""Provisioning over HTTPS: npm's own command line and the Python client's spelling, against our management port."""
import hashlib
import json
import socket
import ssl
import stat
import unittest
import urllib.parse

import fabric
from dxl_wire import WebSocket, certificate_sha1
from fabric import TIARA, run, tiara
from management import BROKERS, BUNDLE, ISSUE, Management, openssl
from node_tests import HERE, install_packages, run_node_tests
from raw_peer import RawPeer, read_config, tls_context, tls_socket

DXLCLIENT = HERE / "node_modules" / ".bin" / "dxlclient"
QUERY = "/mcafee/service/dxl/svcregistry/query"
REPORT = "/mcafee/event/external/file/report"


class Provisioning(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.management = Management(cls.fabric)
        cls.bundle = cls.fabric.state / "keystore" / "ca-broker.crt"

    def make_csr(self, name, *subject, key=("rsa:2048",)):
        """Paths of a new key and a request for it."""
        base = self.root / name
        openssl("req", "-new", "-nodes", "-newkey", *key, "-keyout", f"{base}.key", "-out", f"{base}.csr",
                "-subj", "".join(f"/{part}" for part in subject or (f"CN={name}",)))
        return base.with_suffix(".key"), base.with_suffix(".csr")

    def answers(self, config):
        """The provisioned client gets an answer over TLS and over WebSockets."""
        context = tls_context(config)
        for section in ("Brokers", "BrokersWebSockets"):
            tls = tls_socket(config, context, section)
            stream = tls if section == "Brokers" else WebSocket(tls, "localhost")
            with RawPeer(config, stream=stream) as peer:
                peer.connect().subscribe(peer.reply_to)
                self.assertIn(b"services", peer.request(QUERY, b"{}")["payload"])


class JavaScript(Provisioning):
    """`dxlclient` as it comes from npm."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        install_packages()

    def dxlclient(self, command, *arguments, password=None):
        server = () if command == "generatecsr" else (
            "-t", self.management.port, "-u", "admin", "-p", password or self.management.password)
        return run(DXLCLIENT, command, *server, *arguments)

    def connects(self, config):
        websockets = config.with_name("websockets.config")
        text = config.read_text()
        self.assertIn("[General]", text)
        websockets.write_text(text.replace("[General]", "[General]\nUseWebSockets = true", 1))
        for scheme, path in (("mqtts", config), ("wss", websockets)):
            run_node_tests("provisioning.test.js", CONFIG=str(path), SCHEME=scheme)

    def test_provisionconfig(self):
        directory = self.root / "js"
        done = self.dxlclient("provisionconfig", directory, "localhost", "js client")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual({p.name for p in directory.iterdir()},
                         {"ca-bundle.crt", "client.crt", "client.csr", "client.key", "dxlclient.config"})
        self.assertEqual(read_config(directory / "dxlclient.config")[:2], ("localhost", self.fabric.port))
        self.connects(directory / "dxlclient.config")

    def test_provisionconfig_with_a_request_file_and_a_checked_host(self):
        directory = self.root / "js-csr"
        done = self.dxlclient("generatecsr", "--country", "DE", "--san", "host.example.com", directory, "js csr")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = self.dxlclient("provisionconfig", "-e", self.bundle, "-r", directory, "localhost",
                              directory / "client.csr")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.connects(directory / "dxlclient.config")

    def test_options_that_are_the_clients_own(self):
        directory = self.root / "js-options"
        done = self.dxlclient("provisionconfig", "-f", "site", "-P", "secret of the key", "--organization", "Org",
                              "--email-address", "a@example.com", directory, "localhost", "js options")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("ENCRYPTED", (directory / "site.key").read_text())
        subject = run("openssl", "x509", "-in", directory / "site.crt", "-noout", "-subject", "-nameopt", "RFC2253")
        for part in ("CN=js options", "O=Org", "emailAddress=a@example.com"):
            self.assertIn(part, subject.stdout)
        listed = run(TIARA, "auth", "list", "js options", "--state", self.fabric.state)
        self.assertEqual(listed.returncode, 0, listed.stderr)

    def test_updateconfig(self):
        directory = self.root / "js-update"
        self.assertEqual(self.dxlclient("provisionconfig", directory, "localhost", "js update").returncode, 0)
        config = directory / "dxlclient.config"
        whole = config.read_text()
        stale = "\n".join("{old} = {old};1;nowhere;" if "localhost" in line else line for line in whole.split("\n"))
        self.assertNotEqual(stale, whole)
        config.write_text(stale)
        (directory / "ca-bundle.crt").write_text("")
        done = self.dxlclient("updateconfig", directory, "localhost")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual((directory / "ca-bundle.crt").read_text(), self.bundle.read_text())
        self.assertNotIn("nowhere", config.read_text())
        self.connects(config)

    def test_a_directory_of_tiara_client(self):
        """npm's clients connect with it, and npm's updateconfig edits it; `tiara client update` edits what npm wrote."""
        directory, server = self.root / "tiara-client", (
            "-t", self.management.port, "-e", self.bundle, "--password-file", self.fabric.state / "admin.token")
        done = run(TIARA, "client", "provision", *server, directory, "localhost", "a client of tiara")
        self.assertEqual(done.returncode, 0, done.stderr)
        config = directory / "dxlclient.config"
        self.connects(config)
        for update in (lambda: self.dxlclient("updateconfig", "-e", self.bundle, directory, "localhost"),
                       lambda: run(TIARA, "client", "update", *server, directory, "localhost")):
            whole = config.read_text()
            config.write_text("".join(f"{{old}} = {{old}};1;nowhere;\n" if "localhost" in line else line
                                      for line in whole.splitlines(True)))
            done = update()
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotIn("nowhere", config.read_text())
            self.connects(config)

    def test_the_user_reads_why_it_failed(self):
        done = self.dxlclient("provisionconfig", self.root / "js-wrong", "localhost", "js", password="wrong")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("wrong user name or password", done.stdout + done.stderr)
        _, csr = self.make_csr("js-weak", key=("rsa:1024",))
        done = self.dxlclient("provisionconfig", "-r", self.root / "js-weak-dir", "localhost", csr)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("RSA key of 1024 bits", done.stdout + done.stderr)


class Python(Provisioning):
    """The original Python client's requests, and what no client does."""

    def provision(self, name, key, csr, quote=urllib.parse.quote_plus):
        """Files as the Python client writes them; the configuration's path."""
        package = self.management.command(ISSUE, quote=quote, csrString=csr.read_text())
        bundle, certificate, brokers, websockets = package.split(",")
        directory = self.root / f"{name}-config"
        directory.mkdir()
        for file, text in (("ca-bundle.crt", bundle), ("client.crt", certificate), ("client.key", key.read_text())):
            (directory / file).write_text(text)
        lists = [text.replace("=", " = ") for text in (brokers, websockets)]
        config = directory / "dxlclient.config"
        config.write_text("[Certs]\nBrokerCertChain = ca-bundle.crt\nCertFile = client.crt\nPrivateKey = client.key\n"
                          f"\n[Brokers]\n{lists[0]}\n[BrokersWebSockets]\n{lists[1]}")
        return config

    def test_both_ways_to_write_a_space(self):
        for quote in (urllib.parse.quote_plus, urllib.parse.quote):
            name = quote.__name__
            self.answers(self.provision(name, *self.make_csr(name), quote=quote))

    def test_elliptic_curve_keys(self):
        key = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.answers(self.provision("ec", *self.make_csr("ec", key=key)))

    def test_the_client_is_an_ordinary_one(self):
        config = self.provision("ordinary", *self.make_csr("ordinary"))
        done = tiara(config, "rep", "external", self.make_file("ordinary.exe"), "--level", "70")
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)

    def auth(self, *arguments, code=0):
        done = run(TIARA, "auth", arguments[0], "--state", self.fabric.state, *arguments[1:])
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_a_client_is_known_by_its_name_at_once_and_after_a_restart(self):
        config = self.provision("remote", *self.make_csr("remote"))
        sha1 = certificate_sha1(config)
        report = lambda: tiara(config, "rep", "external", self.make_file("remote.exe"), "--level", "70").returncode
        members = json.loads(self.auth("list", "remote", "--json").stdout)["members"]
        self.assertEqual([(m["name"], m["sha1"], m["groups"]) for m in members], [("remote", sha1, [])])
        self.assertEqual(report(), 5)
        self.auth("grant", "remote", fabric.GROUP_EXTERNAL)
        self.assertEqual(report(), 0)
        # A second certificate of the same name is somebody else, and has to be told apart.
        again = self.provision("again", *self.make_csr("again", "CN=remote"))
        self.assertIn("2 certificates", self.auth("revoke", "remote", fabric.GROUP_EXTERNAL, code=2).stderr)
        self.assertEqual(len(json.loads(self.auth("list", "remote", "--json").stdout)["members"]), 2)
        self.auth("test", again.parent / "client.crt", "send", REPORT, code=1)
        self.assertEqual(self.fabric.stop(), 0)
        self.fabric.start(port=self.fabric.port)
        type(self).management = Management(self.fabric)  # on another port now
        self.assertEqual(report(), 0)
        self.auth("revoke", sha1.upper(), fabric.GROUP_EXTERNAL)
        self.assertEqual(report(), 5)

    def test_broker_list(self):
        answer = json.loads(self.management.command(BROKERS))
        identity = "{%s}" % (self.fabric.state / "broker-id").read_text().strip()
        ports = json.loads((self.fabric.state / "run" / "ports.json").read_text())
        entry = {"guid": identity, "hostName": "localhost", "port": ports["mqtts"]}
        self.assertIn(answer["brokers"][0].pop("ipAddress"), ("127.0.0.1", "::1"))
        self.assertEqual(answer["brokers"], [entry])
        self.assertEqual(answer["webSocketBrokers"], answer["brokersWebSockets"])
        self.assertEqual(answer["webSocketBrokers"][0]["port"], ports["wss"])
        self.assertEqual(answer["certVersion"], 0)

    def test_broker_list_names_the_address_that_was_asked_for(self):
        for address in ("127.0.0.1", "::1"):
            try:
                entry = json.loads(self.management.command(BROKERS, host=address))["brokers"][0]
            except OSError:
                self.assertEqual(address, "::1")  # not every machine has it
            else:
                self.assertEqual((entry["hostName"], entry["ipAddress"]), (address, address))

    def test_ca_bundle(self):
        self.assertEqual(self.management.command(BUNDLE), self.bundle.read_text())

    def test_host_names_are_verified(self):
        strict = Management(self.fabric, authority=self.bundle)
        for name in ("localhost", "127.0.0.1", "::1", socket.gethostname()):
            with strict.connect(name=name):
                pass
        with self.assertRaisesRegex(ssl.SSLCertVerificationError, "mismatch"):
            strict.connect(name="elsewhere.example.com")

    def test_wrong_requests_are_told_why(self):
        _, small = self.make_csr("small", key=("rsa:1024",))
        _, good = self.make_csr("good")
        lines = good.read_text().split("\n")
        lines[5] = lines[5][::-1]
        cases = {"hello": "not a PKCS#10 request", small.read_text(): "RSA key of 1024 bits",
                 "\n".join(lines): "certificate request: ", "x" * 17000: "17000 bytes; 16384 are accepted"}
        for csr, why in cases.items():
            query = urllib.parse.urlencode({"csrString": csr, ":output": "json"})
            status, reason, body, _ = self.management.ask(f"/remote/{ISSUE}?{query}")
            self.assertEqual(status, 400, reason)
            self.assertIn(why, reason)
            self.assertIn(why, body)
        status, _, _, _ = self.management.ask(f"/remote/{ISSUE}?csrString={'x' * 26000}")
        self.assertEqual(status, 414)

    def test_wrong_credentials(self):
        for wrong, why in ((Management(self.fabric, password="wrong"), "wrong"),
                           (Management(self.fabric, user="root"), "wrong"),
                           (Management(self.fabric, user=None), "missing")):
            status, reason, _, headers = wrong.ask(f"/remote/{BUNDLE}")
            self.assertEqual(status, 401)
            self.assertIn(why, reason)
            self.assertIn("Basic", headers["WWW-Authenticate"])
        self.assertEqual(self.management.ask(f"/remote/{BUNDLE}")[0], 200)

    def test_only_get(self):
        for method in ("POST", "PUT", "DELETE", "HEAD"):
            self.assertEqual(self.management.ask(f"/remote/{BUNDLE}", method)[0], 405, method)

    def test_a_cookie_with_attributes_is_no_matter(self):
        cookie = 'a1b2_user="Zm9v"; expires=Thu, 01 Jan 2026 00:00:00 GMT; Path=/'
        self.assertEqual(self.management.ask(f"/remote/{BUNDLE}", Cookie=cookie)[0], 200)

    def test_health_version_and_metrics(self):
        anybody = Management(self.fabric, user=None)
        self.assertEqual(anybody.ask("/healthz")[2], "ok\n")
        self.assertEqual(anybody.ask("/readyz")[2], "ready\n")
        self.assertEqual(json.loads(anybody.ask("/version")[2])["name"], "tiara")
        self.assertRegex(anybody.ask("/metrics")[2], r"(?m)^tiara_\w+.* \d")
        self.assertEqual(anybody.ask("/nothing")[0], 404)

    def test_what_was_issued_is_in_the_log_and_the_password_is_not(self):
        config = self.provision("audited", *self.make_csr("audited"))
        certificate = ssl.PEM_cert_to_DER_cert((config.parent / "client.crt").read_text())
        self.assertRegex(self.fabric.log(), r'common name "audited" issued to \S+: sha1 '
                         + hashlib.sha1(certificate).hexdigest())
        self.assertNotIn(self.management.password, self.fabric.log())
        mode = stat.S_IMODE((self.fabric.state / "admin.token").stat().st_mode)
        self.assertEqual(mode, 0o600)


if __name__ == "__main__":
    unittest.main()
