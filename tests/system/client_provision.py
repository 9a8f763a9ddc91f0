"""`tiara client`: against the management port of `tiara up`, and against a console that plays the original's ways and
worse ones. Whatever fails leaves the directory as it was."""
import fcntl
import hashlib
import itertools
import json
import os
import pathlib
import pty
import resource
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
import types
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

import fabric
from dxl_wire import WebSocket
from fabric import BIN, DEADLINE, TIARA, run, tiara
from fake_console import BROKER, PASSWORD, USER, Authority, Console
from management import Management, openssl
from raw_peer import RawPeer, tls_context, tls_socket

FILES = ["ca-bundle.crt", "client.crt", "client.csr", "client.key", "dxlclient.config"]
DIGEST = "44d88612fea8a8f36de82e1278abb02f"
QUERY = "/mcafee/service/dxl/svcregistry/query"
# More than any command has.
MOST_OPERATIONS = 100
# Long enough for a handshake on a busy machine, short beside the default of 30 s.
SHORT = 3


def client(*arguments, password=None, environment=None, **more):
    """`tiara client …` without a terminal; the password comes through the environment."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("TIARA_CLIENT_")}
    if password is not None:
        variables["TIARA_CLIENT_PASSWORD"] = password
    return run(TIARA, "client", *arguments, env={**variables, **(environment or {})}, start_new_session=True, **more)


def snapshot(directory):
    """Names, contents and modes of all that is there."""
    directory = pathlib.Path(directory)
    return {str(path.relative_to(directory)): (path.stat().st_mode, path.is_file() and path.read_bytes())
            for path in directory.rglob("*")} if directory.exists() else None


class Checks(unittest.TestCase):
    def assert_done(self, done, code=0, text=""):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        if code not in (0, 2):
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)  # one sentence

    def subject(self, kind, file):
        return run("openssl", kind, "-in", file, "-noout", "-subject", "-nameopt", "oneline").stdout.strip()


class AgainstTiara(fabric.FabricTest, Checks):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.management = Management(cls.fabric)
        cls.bundle = cls.fabric.state / "keystore" / "ca-broker.crt"
        cls.server = ("-t", cls.management.port, "-e", cls.bundle)

    def client(self, *arguments, password=None, **more):
        return client(*arguments, password=password or self.management.password, **more)

    def provision(self, name, *more, **how):
        directory = self.root / name
        return directory, self.client("provision", *self.server, *more, directory, "localhost", name, **how)

    def connects(self, directory):
        """With `tiara`, and with a peer that shares no code with it: over TLS and over WebSockets."""
        config = directory / "dxlclient.config"
        done = tiara(config, "rep", "get", DIGEST)
        self.assertEqual(done.returncode, 0, done.stderr)
        context = tls_context(config)
        for section in ("Brokers", "BrokersWebSockets"):
            tls = tls_socket(config, context, section)
            stream = tls if section == "Brokers" else WebSocket(tls, "localhost")
            with RawPeer(config, stream=stream) as peer:
                peer.connect().subscribe(peer.reply_to)
                self.assertIn(b"services", peer.request(QUERY, b"{}")["payload"])

    def test_a_provisioned_client_connects(self):
        directory, done = self.provision("first", "--json")
        self.assert_done(done, 0, "wrote ca-bundle.crt, client.crt, client.csr, client.key, dxlclient.config in ")
        self.assertEqual(sorted(path.name for path in directory.iterdir()), FILES)
        self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)
        for file in FILES:
            self.assertEqual(stat.S_IMODE((directory / file).stat().st_mode), 0o600, file)
        said = json.loads(done.stdout)
        self.assertEqual((said["directory"], said["files"]), (str(directory), [str(directory / file) for file in FILES]))
        self.assertEqual([broker["port"] for broker in said["brokers"]], [self.fabric.port])
        self.connects(directory)
        listed = run(TIARA, "auth", "list", "first", "--state", self.fabric.state)
        self.assertEqual(listed.returncode, 0, listed.stderr)

    def test_all_options_of_the_subject(self):
        directory, done = self.provision(
            "options", "-f", "site", "--country", "DE", "--state-or-province", "Bayern", "--locality", "Hof",
            "--organization", "Org", "--organizational-unit", "Unit", "--email-address", "a@example.com",
            "-s", "one.example.com", "--san", "two.example.com")
        self.assert_done(done)
        whole = "C = DE, ST = Bayern, L = Hof, O = Org, OU = Unit, CN = options, emailAddress = a@example.com"
        self.assertEqual(self.subject("req", directory / "site.csr"), "subject=" + whole)
        self.assertEqual(self.subject("x509", directory / "site.crt"), "subject=" + whole)
        text = run("openssl", "req", "-in", directory / "site.csr", "-noout", "-text").stdout
        for part in ("DNS:one.example.com, DNS:two.example.com", "CA:FALSE", "TLS Web Client Authentication",
                     "Key Usage: critical\n", "Digital Signature, Key Encipherment\n"):
            self.assertIn(part, text)
        self.connects(directory)

    def test_a_key_with_a_pass_phrase(self):
        phrase = self.root / "phrase"
        phrase.write_text("open sesame\nnot this line\n")
        for name, options, environment in (
                ("phrase-file", ("--passphrase-file", phrase), {}),
                ("phrase-variable", ("-P",), {"TIARA_CLIENT_PASSPHRASE": "open sesame"})):
            directory, done = self.provision(name, *options, environment=environment)
            self.assert_done(done)
            self.assertIn("BEGIN ENCRYPTED PRIVATE KEY", (directory / "client.key").read_text())
            openssl("pkey", "-in", directory / "client.key", "-passin", "pass:open sesame", "-out",
                    directory / "plain.key")
            (directory / "plain.key").replace(directory / "client.key")
            self.connects(directory)

    def test_a_request_of_ones_own(self):
        directory = self.root / "own"
        self.assert_done(client("csr", directory, "own one"), 0, "wrote client.csr, client.key in ")
        self.assertEqual(sorted(path.name for path in directory.iterdir()), ["client.csr", "client.key"])
        before = (directory / "client.key").read_bytes()
        done = self.client("provision", *self.server, "-r", directory, "localhost", directory / "client.csr")
        self.assert_done(done)
        self.assertEqual((directory / "client.key").read_bytes(), before)
        self.assertEqual(self.subject("x509", directory / "client.crt"), "subject=CN = own one")
        self.connects(directory)
        elsewhere = self.root / "elsewhere"
        done = self.client("provision", *self.server, "-r", elsewhere, "localhost", directory / "client.csr")
        self.assert_done(done, 0, "client.key: put the key of the request there")
        self.assertEqual(sorted(path.name for path in elsewhere.iterdir()),
                         ["ca-bundle.crt", "client.crt", "dxlclient.config"])

    def test_a_request_file_that_is_none(self):
        file = self.root / "nothing.csr"
        for text, why in ((None, "cannot open"), ("", "not a PKCS#10 request"), ("x" * 20_000, "16384 are accepted")):
            if text is not None:
                file.write_text(text)
            directory = self.root / "no-request"
            done = self.client("provision", *self.server, "-r", directory, "localhost", file)
            self.assert_done(done, 2, why)
            self.assertFalse(directory.exists())
        done = self.client("provision", *self.server, "-r", "--country", "DE", self.root / "x", "localhost", file)
        self.assert_done(done, 2, "the request is made already")

    def test_a_client_is_not_overwritten(self):
        directory, done = self.provision("kept")
        self.assert_done(done)
        before = snapshot(directory)
        self.assert_done(self.provision("kept")[1], 2, "client.key: is there already; --force replaces it")
        self.assert_done(client("csr", directory, "kept"), 2, "client.key: is there already")
        self.assertEqual(snapshot(directory), before)
        self.assert_done(self.provision("kept", "--force")[1])
        self.assertNotEqual(snapshot(directory), before)
        self.connects(directory)

    def test_update(self):
        directory, done = self.provision("updated")
        self.assert_done(done)
        config, bundle = directory / "dxlclient.config", directory / "ca-bundle.crt"
        right = config.read_text()
        config.write_text("# ours\n" + right.replace("localhost;127.0.0.1", "nowhere.example.com") + "[Ours]\na = b\n")
        config.chmod(0o644)
        bundle.write_text("stale")
        done = self.client("update", *self.server, directory, "localhost")
        self.assert_done(done, 0, "updated ")
        self.assertEqual(config.read_text(), "# ours\n" + right + "[Ours]\na = b\n")
        self.assertEqual(stat.S_IMODE(config.stat().st_mode), 0o644)
        self.assertEqual(bundle.read_text(), self.bundle.read_text())
        self.assertEqual(sorted(path.name for path in directory.iterdir()), FILES)
        self.connects(directory)

    def test_update_of_a_bundle_elsewhere_and_of_links(self):
        directory, done = self.provision("linked")
        self.assert_done(done)
        elsewhere = self.root / "linked-elsewhere"
        elsewhere.mkdir()
        config, bundle = directory / "dxlclient.config", elsewhere / "authorities.crt"
        bundle.write_text("stale")
        (directory / "ca-bundle.crt").unlink()
        config.write_text(config.read_text().replace("= ca-bundle.crt", f"= {bundle}"))
        config.rename(elsewhere / "real.config")
        config.symlink_to(elsewhere / "real.config")
        self.assert_done(self.client("update", *self.server, directory, "localhost"))
        self.assertTrue(config.is_symlink())
        self.assertEqual(bundle.read_text(), self.bundle.read_text())
        self.assertEqual(sorted(path.name for path in elsewhere.iterdir()), ["authorities.crt", "real.config"])
        self.connects(directory)

    def test_update_of_what_is_no_client(self):
        self.assert_done(self.client("update", *self.server, self.root / "nobody", "localhost"), 2,
                         "no such directory")
        empty = self.root / "empty"
        empty.mkdir()
        self.assert_done(self.client("update", *self.server, empty, "localhost"), 2, "dxlclient.config: cannot open")
        (empty / "dxlclient.config").write_text("[Certs]\n")
        self.assert_done(self.client("update", *self.server, empty, "localhost"), 2, "BrokerCertChain: missing")
        self.assertEqual((empty / "dxlclient.config").read_text(), "[Certs]\n")

    def test_a_wrong_password(self):
        directory = self.root / "wrong"
        done = client("provision", *self.server, directory / "in" / "deep", "localhost", "wrong", password="a wrong one")
        self.assert_done(done, 5, "refuses user admin: wrong user name or password")
        done = client("provision", *self.server, directory, "localhost", "wrong", password="a wrong one")
        self.assert_done(done, 5, "refuses user admin: wrong user name or password")
        self.assertFalse(directory.exists())

    def test_a_request_that_the_server_refuses(self):
        directory, done = self.provision("Tiara")
        self.assert_done(done, 7, "is reserved")
        self.assertFalse(directory.exists())

    def test_the_server_is_verified_by_default(self):
        directory = self.root / "unverified"
        done = self.client("provision", "-t", self.management.port, directory, "localhost", "x")
        self.assert_done(done, 4, "--truststore FILE names the CAs")
        self.assertFalse(directory.exists())
        done = self.client("provision", "-t", self.management.port, "--insecure", directory, "localhost", "x")
        self.assert_done(done, 0, "warning: --insecure: localhost is not verified")

    def test_a_truststore_that_is_none(self):
        file = self.root / "truststore"
        for text, why in ((None, "cannot open"), ("", "no certificate in PEM form"),
                          (self.bundle.read_text() + "-----BEGIN CERTIFICATE-----\nAA==\n", "a damaged certificate")):
            if text is not None:
                file.write_text(text)
            done = self.client("provision", "-t", self.management.port, "-e", file, self.root / "t", "localhost", "x")
            self.assert_done(done, 2, why)
            self.assertIn("--truststore", done.stderr)

    def test_secrets_are_not_taken_from_the_command_line(self):
        directory = self.root / "argv"
        for option in (("-p", PASSWORD), (f"--password={PASSWORD}",)):
            done = client("provision", *option, directory, "localhost", "x")
            self.assert_done(done, 2, "a password on the command line can be read by every user of this machine; "
                                      "give --password-file FILE, set TIARA_CLIENT_PASSWORD")
        done = client("csr", f"--passphrase={PASSWORD}", directory, "x")
        self.assert_done(done, 2, "a pass phrase on the command line can be read")
        self.assertFalse(directory.exists())

    def test_where_the_password_comes_from(self):
        directory = self.root / "sources"
        ask = ("provision", *self.server)
        self.assert_done(client(*ask, directory, "localhost", "x"), 2, "there is no terminal to ask on")
        self.assert_done(client(*ask, directory, "localhost", "x", password=""), 2, "TIARA_CLIENT_PASSWORD: empty")
        token = self.fabric.state / "admin.token"
        self.assert_done(client(*ask, "--password-file", token, directory, "localhost", "sources"))
        self.assert_done(client("update", *self.server, "--password-file", self.root / "none", directory, "localhost"),
                         2, "--password-file: ")
        fifo = self.root / "fifo"
        os.mkfifo(fifo)
        self.assert_done(client("update", *self.server, "--password-file", fifo, directory, "localhost"), 2,
                         "not a regular file")

    def on_a_terminal(self, *arguments, keys):
        """Exit code and everything that the terminal showed."""
        child, terminal = pty.fork()
        if child == 0:
            os.environ.pop("TIARA_CLIENT_PASSWORD", None)
            os.execv(TIARA, [str(argument) for argument in (TIARA, "client", *arguments)])
        shown, end = b"", time.monotonic() + DEADLINE
        keys = list(keys)
        while time.monotonic() < end:
            try:
                block = os.read(terminal, 1000)
            except OSError:
                break  # the program has ended
            if not block:
                break
            shown += block
            if keys and shown.endswith(b": "):
                os.write(terminal, keys.pop(0))
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()

    def test_the_prompt_shows_nothing_that_is_typed(self):
        directory = self.root / "prompt"
        word = self.management.password
        code, shown = self.on_a_terminal("provision", *self.server, "-P", directory, "localhost", "prompt",
                                         keys=(b"open sesame\n", b"open sesame\n", b"typo\x7f\x7f\x7f\x7f"
                                               + word.encode() + b"\n"))
        self.assertEqual(code, 0, shown)
        self.assertIn("password of admin at localhost: ", shown)
        for secret in (word, "open sesame", "typo"):
            self.assertNotIn(secret, shown)
        self.assertIn("ENCRYPTED", (directory / "client.key").read_text())
        code, shown = self.on_a_terminal("csr", "-P", self.root / "differ", "x", keys=(b"open sesame\n", b"open\n"))
        self.assertEqual((code, "the two differ" in shown), (2, True), shown)
        code, shown = self.on_a_terminal("update", *self.server, directory, "localhost", keys=(b"abc\x03",))
        self.assertEqual((code, "given up; nothing was changed" in shown), (7, True), shown)

    def test_a_full_disk_leaves_nothing(self):
        def no_space():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
        directory, done = self.provision("full", preexec_fn=no_space)
        self.assert_done(done, 8, "cannot write")
        self.assertFalse(directory.exists())
        directory, done = self.provision("full")
        self.assert_done(done)
        before = snapshot(directory)
        self.assert_done(self.provision("full", "--force", preexec_fn=no_space)[1], 8, "cannot write")
        (directory / "ca-bundle.crt").write_text("stale")
        stale = snapshot(directory)
        done = self.client("update", *self.server, directory, "localhost", preexec_fn=no_space)
        self.assert_done(done, 8, "cannot write")
        self.assertEqual(snapshot(directory), stale)
        self.assertEqual(set(before), set(stale))

    def test_a_place_that_cannot_be_written(self):
        file = self.root / "a-file"
        file.write_text("")
        done = self.client("provision", *self.server, file / "client", "localhost", "x")
        self.assert_done(done, 8)
        directory = self.root / "in-the-way"
        (directory / "client.crt").mkdir(parents=True)
        before = snapshot(directory)
        done = self.client("provision", *self.server, "--force", directory, "localhost", "x")
        self.assert_done(done, 8, "client.crt: cannot replace: not a regular file")
        self.assertEqual(snapshot(directory), before)

    def test_two_commands_on_one_directory(self):
        directory = self.root / "busy"
        directory.mkdir()
        descriptor = os.open(directory, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.assert_done(self.provision("busy")[1], 8, "another `tiara client` is at work there")
        self.assertEqual(list(directory.iterdir()), [])

    def each_kill(self, prepare, arguments, check):
        """Killed before its first change of a directory, the second and so on, until it ends by itself."""
        for number in itertools.count(1):
            self.assertLess(number, MOST_OPERATIONS)
            with self.subTest(number=number):
                directory = self.root / f"{self.id().rsplit('.', 1)[1]}-{number}"
                prepare(directory)
                done = self.client(*arguments(directory), environment={
                    "LD_PRELOAD": str(BIN / "libkill_at.so"), "KILL_AT": str(number)})
                if done.returncode == 0:
                    return
                self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
                check(directory)

    def test_killed_while_provisioning(self):
        """The next command finds nothing of it, or all of it."""
        def check(directory):
            again = self.client("provision", *self.server, directory, "localhost", "killed")
            self.assertIn(again.returncode, (0, 2), again.stderr)
            if again.returncode == 2:
                self.assertIn("is there already", again.stderr)
            self.assertEqual(sorted(path.name for path in directory.iterdir()), FILES)
            self.connects(directory)
        self.each_kill(lambda directory: None,
                       lambda directory: ("provision", *self.server, directory, "localhost", "killed"), check)

    def test_killed_while_replacing_a_client(self):
        """Certificate and key belong together after the next command."""
        base, done = self.provision("replaced")
        self.assert_done(done)

        def check(directory):
            self.assert_done(self.client("update", *self.server, directory, "localhost"))
            self.connects(directory)
        self.each_kill(lambda directory: shutil.copytree(base, directory),
                       lambda directory: ("provision", "--force", *self.server, directory, "localhost", "replaced"),
                       check)


class AgainstAConsole(Checks):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        cls.authority = Authority(cls.root)
        cls.good = cls.authority.server("good")

    def console(self, script=None, certificate=None):
        console = Console(self.authority, certificate or self.good)
        self.addCleanup(console.stop)
        if script:
            console.script = script if callable(script) else getattr(console, script)
        return console

    @property
    def directory(self):
        return self.root / self.id().rsplit(".", 1)[1]

    def run_client(self, command, console, *arguments, host="localhost", password=PASSWORD, trust=True, **more):
        trusted = ("-e", self.authority.certificate) if trust else ()
        name = ("a client",) if command == "provision" else ()
        return client(command, "-t", console.port, *trusted, *arguments, self.directory, host, *name,
                      password=password, **more)

    def fails(self, console, code, text, *arguments, **more):
        """Neither command changes anything."""
        done = self.run_client("provision", console, *arguments, **more)
        self.assert_done(done, code, text)
        self.assertFalse(self.directory.exists())

    def config(self):
        return (self.directory / "dxlclient.config").read_text()

    def test_the_original_console(self):
        """A login by redirect with a cookie, X.509 version 1, identifiers that are none, the other list's name."""
        console = self.console("original")
        self.assert_done(self.run_client("provision", console, "-v"))
        self.assertEqual([request.path.split("?")[0].rsplit("/", 1)[-1] for request in console.requests],
                         ["DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd", "login",
                          "DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd"])
        self.assertEqual({request.credentials() for request in console.requests}, {f"{USER}:{PASSWORD}"})
        self.assertIn("%3Aoutput=json", console.requests[0].path)
        self.assertIn("[Brokers]\nlocal = local;8883;localhost;127.0.0.1\nexternal = external;8883;"
                      f"console.example.com;192.0.2.7\n{BROKER} = {BROKER};8883;broker.example.com\n\n"
                      f"[BrokersWebSockets]\n{BROKER} = {BROKER};443;broker.example.com\n", self.config())
        self.assertEqual(self.subject("x509", self.directory / "client.crt"), "subject=CN = a client")
        self.assertNotIn("X509v3", run("openssl", "x509", "-in", self.directory / "client.crt", "-noout",
                                       "-text").stdout)
        console.requests.clear()
        console.lines = ["new=new;8883;new.example.com;\n", "new=new;443;new.example.com;\n"]
        self.assert_done(self.run_client("update", console))
        self.assertEqual(len(console.requests), 4)  # one login for both commands
        self.assertIn("[Brokers]\nnew = new;8883;new.example.com\n\n[BrokersWebSockets]\nnew = new;443;",
                      self.config())

    def test_the_original_console_and_a_wrong_password(self):
        self.fails(self.console("original"), 5, "refuses user admin: Unauthorized", password="wrong")

    def test_either_name_of_the_second_list(self):
        console = self.console()
        self.assert_done(self.run_client("provision", console))
        for name, port in (("brokersWebSockets", 444), ("webSocketBrokers", 445)):
            console.list_name, console.lines[1] = name, f"{BROKER}={BROKER};{port};broker.example.com;\n"
            self.assert_done(self.run_client("update", console))
            self.assertIn(f"[BrokersWebSockets]\n{BROKER} = {BROKER};{port};broker.example.com\n", self.config())
        console.list_name = "somethingElse"
        self.assert_done(self.run_client("update", console))
        self.assertIn(f"[BrokersWebSockets]\n{BROKER} = {BROKER};445;", self.config())

    def test_a_package_without_websockets(self):
        console = self.console()
        console.lines.pop()
        self.assert_done(self.run_client("provision", console))
        self.assertTrue(self.config().endswith("\n[BrokersWebSockets]\n"))

    def test_a_colon_in_the_password_and_utf8(self):
        console = self.console()
        word = "p:ä€:ß"

        def script(handler):
            if handler.headers["Authorization"] and handler.credentials() == f"jürgen:{word}":
                return handler.answer(200, f"OK:\r\n{json.dumps(console.result(handler))}\r\n")
            return handler.answer(401)
        console.script = script
        self.assert_done(self.run_client("provision", console, "-u", "jürgen", password=word))
        self.assert_done(self.run_client("update", console, "-u", "a:b"), 2, "--user: expected")

    def test_a_wrong_authority(self):
        other = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        self.fails(self.console(), 4, "unable to get local issuer certificate; --truststore FILE", trust=False)
        done = client("provision", "-t", self.console().port, "-e", Authority(other).certificate, self.directory,
                      "localhost", "x", password=PASSWORD)
        self.assert_done(done, 4, "SSL certificate problem")
        self.assertFalse(self.directory.exists())

    def test_another_hosts_certificate(self):
        console = self.console(certificate=self.authority.server("other", "DNS:other.example.com"))
        self.fails(console, 4, "no alternative certificate subject name matches target host name 'localhost'")
        self.assertEqual(console.requests, [])

    def test_an_expired_certificate(self):
        console = self.console(certificate=self.authority.server("expired", days=-1))
        self.fails(console, 4, "certificate has expired")
        self.assertEqual(console.requests, [])

    def test_redirects_to_elsewhere_are_not_followed(self):
        trap = self.console()
        for location in (f"https://127.0.0.1:{trap.port}/", f"https://localhost:{trap.port}/x?y",
                         f"//localhost:{trap.port}/", "http://localhost/", "ftp://localhost/", "file:///etc/passwd"):
            console = self.console(lambda handler, to=location: handler.answer(302, Location=to))
            self.fails(console, 7, "another server; not followed")
        user = self.console()
        user.script = lambda handler: handler.answer(302, Location=f"https://a:b@localhost:{user.port}/")
        self.fails(user, 7, "another server; not followed")
        self.assertEqual(trap.requests, [])

    def test_redirects_without_end_or_aim(self):
        console = self.console(lambda handler: handler.answer(302, Location=handler.path))
        self.fails(console, 7, "more than 5 redirects")
        self.assertEqual(len(console.requests), 6)
        self.fails(self.console(lambda handler: handler.answer(302)), 7, "a redirect that leads nowhere")

    def test_login_page_errors_and_garbage_are_said_in_words(self):
        ok = "OK:\r\n"
        for status, body, reason, code, text in (
                (200, "<html><form></form></html>", None, 7, "a web page, perhaps for a login"),
                (200, "", None, 7, 'expected "OK:", found ""'),
                (200, "ERROR 1:\r\nno \x1b[2J rights", None, 7, "the server refused: ERROR 1: no \\x1b[2J rights"),
                (200, ok, None, 7, 'behind "OK:"'),
                (200, ok + '"a"b', None, 7, 'behind "OK:"'),
                (200, ok + '["a"]', None, 7, "something else than a JSON string"),
                (200, ok + '"a,b"', None, 7, "expected 3 or 4 parts between commas, found 2"),
                (200, ok + '"a,b,c=c;1;h"', None, 7, "the CA bundle: no certificate in PEM form"),
                (500, "<html>", "Command \x1b[2J failed", 7, "answers 500: Command \\x1b[2J failed"),
                (404, "", "Not Found", 7, "is this a management port?"),
                (403, "", "Forbidden", 5, "refuses user admin: Forbidden"),
                (429, "", "too many", 7, "too many"),
                (204, "", "No Content", 7, "answers 204: No Content")):
            with self.subTest(body=body, status=status):
                self.fails(self.console(lambda handler: handler.answer(status, body, reason)), code, text)

    def test_packages_that_would_harm(self):
        console = self.console()
        key = pathlib.Path(self.good[1]).read_text()
        other = pathlib.Path(self.good[0]).read_text()
        lines = console.lines[0]
        for package, text in (
                ((console.bundle, other, lines), "the certificate is for another key"),
                ((console.bundle, key, lines), "the certificate: no certificate"),
                ((console.bundle, None, "a=a;1;h\n[Certs]=[Certs];1;h\n"), "expected an identifier"),
                ((console.bundle, None, "a=b;1;h"), "before and after '=' differ"),
                ((console.bundle, None, "a=a;1;h h"), "is not a host name"),
                ((console.bundle, None, "\n", "\n"), "names no broker"),
                ((console.bundle, None, "".join(f"a{i}=a{i};1;h\n" for i in range(1001))), "more than 1000 brokers")):
            with self.subTest(text=text):
                def script(handler, parts=package):
                    whole = ",".join(part if part is not None else self.authority.sign(handler.parameter("csrString"))
                                     for part in parts)
                    handler.answer(200, f"OK:\r\n{json.dumps(whole)}\r\n")
                self.fails(self.console(script), 7, text)

    def test_answers_that_are_too_large(self):
        big = b"x" * (1 << 20)
        head = b"HTTP/1.1 200 OK\r\n"

        def without_end(handler):
            handler.raw(head + b"\r\nOK:\r\n\"")
            for _ in range(64):
                handler.wfile.write(big)
        for name, script in (
                ("said", lambda handler: handler.raw(head + b"Content-Length: 99999999999\r\n\r\n" + 2 * big)),
                ("unsaid", without_end),
                ("chunks", lambda handler: handler.raw(
                    head + b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + big + b"\r\n100000\r\n" + big)),
                ("head", lambda handler: handler.raw(head + b"X-A: " + b"y" * 4000 + b"\r\n" * 1
                                                     + (b"X-B: " + b"y" * 4000 + b"\r\n") * 30 + b"\r\n"))):
            with self.subTest(name):
                self.fails(self.console(script), 7, "the answer is too large")

    def test_slow_answers_end_in_time(self):
        stop = threading.Event()
        self.addCleanup(stop.set)

        def drip(handler):
            handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.2):
                handler.wfile.write(b"x")
                handler.wfile.flush()

        def redirects(handler):
            stop.wait(SHORT / 2)
            handler.answer(302, Location=handler.path)
        for name, script in (("silent", lambda handler: stop.wait(DEADLINE)), ("drip", drip),
                             ("redirects", redirects)):
            with self.subTest(name):
                began = time.monotonic()
                self.fails(self.console(script), 6, f"no complete answer in {SHORT} s", "--timeout", SHORT)
                self.assertLess(time.monotonic() - began, DEADLINE / 2)

    def test_peers_that_are_no_console(self):
        """A listener that accepts and says nothing, one that speaks without TLS, none at all."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            at = types.SimpleNamespace(port=port)
            self.fails(at, 6, f"no complete answer in {SHORT} s", "--timeout", SHORT)

            def speak():
                peer, _ = listener.accept()  # that of the first command
                peer.close()
                peer, _ = listener.accept()
                with peer:
                    peer.sendall(b"220 mail.example.com\r\n")
                    peer.recv(1000)
            thread = threading.Thread(target=speak)
            thread.start()
            self.fails(at, 4, f"localhost:{port}: ")
            thread.join()
        self.fails(at, 3, "Failed to connect")
        done = client("provision", self.directory, "https://localhost", "x", password=PASSWORD)
        self.assert_done(done, 2, "HOST_NAME: expected a host name")

    def test_connections_that_are_cut(self):
        ok = b"HTTP/1.1 200 OK\r\n"
        for name, data, code, text in (
                ("at once", b"", 3, "Empty reply from server"),
                ("in the head", ok + b"Content-", 7, 'expected "OK:", found ""'),
                ("in the body", ok + b"Content-Length: 100\r\n\r\nOK:", 3, "transfer closed"),
                ("in a chunk", ok + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 3, "chunked-encoding"),
                ("no HTTP", b"garbage\r\n\r\n", 7, "HTTP/0.9 when not allowed"),
                ("a NUL", ok + b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n", 7, "Nul byte in header")):
            with self.subTest(name):
                self.fails(self.console(lambda handler: handler.raw(data)), code, text)

    def test_an_update_that_fails_half_way_changes_nothing(self):
        console = self.console()
        self.assert_done(self.run_client("provision", console))
        before = snapshot(self.directory)
        serve, console.bundle = console.serve, pathlib.Path(self.good[0]).read_text()

        def script(handler):
            if handler.command_name == "getBrokerList":
                return broken(handler)
            return serve(handler)
        console.script = script
        for broken, code in ((lambda handler: handler.answer(500, reason="broken"), 7),
                             (lambda handler: handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK"), 3),
                             (lambda handler: handler.answer(200, 'OK:"{}"'), 7),
                             (lambda handler: handler.answer(200, 'OK:"{\\"brokers\\":[]}"'), 7)):
            done = self.run_client("update", console)
            self.assert_done(done, code)
            self.assertEqual(snapshot(self.directory), before)

    def test_no_proxy_and_no_netrc_is_used(self):
        console = self.console()
        home = self.root / "home"
        home.mkdir()
        (home / ".netrc").write_text("machine localhost login other password other\n")
        proxy = "http://127.0.0.1:1"
        self.assert_done(self.run_client("provision", console, environment={
            "HOME": str(home), "https_proxy": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy}))

    def test_quiet_and_verbose(self):
        console = self.console("original")
        done = client("-q", "provision", "-t", console.port, "-e", self.authority.certificate, self.directory,
                      "localhost", "x", password=PASSWORD)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        done = self.run_client("update", console, "-v")
        self.assert_done(done, 0, f"GET https://localhost:{console.port}/login\n302 Found, 0 bytes\n")
        self.assertNotIn("_user", done.stderr)

    def test_prefixes(self):
        console = self.console()
        for prefix in ("../x", "a/b", ".hidden", "ca-bundle", "x" * 65, "a b", "a\nb"):
            self.fails(console, 2, "--file-prefix: expected", "--file-prefix=" + prefix)


if __name__ == "__main__":
    unittest.main()
