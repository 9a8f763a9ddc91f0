"""A management console that plays a script: the original console's ways, and those of broken and hostile ones."""
import base64
import copy
import hashlib
import http.server
import json
import pathlib
import ssl
import subprocess
import threading
import urllib.parse

from management import openssl

USER, PASSWORD = "admin", "correct-horse"
BROKER = "{65b2a6f0-0000-4000-8000-000000000001}"
LINES = (f"local=local;8883;localhost;127.0.0.1\nexternal=external;8883;console.example.com;192.0.2.7\n"
         f"{BROKER}={BROKER};8883;broker.example.com;\n")
WEBSOCKET_LINES = f"{BROKER}={BROKER};443;broker.example.com;\n"


class Authority:
    """CAs and server certificates in `directory`, made by the openssl program."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.certificate = self.directory / "ca.crt"
        openssl("req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", 2, "-subj", "/CN=Console CA",
                "-keyout", self.directory / "ca.key", "-out", self.certificate)

    def server(self, name, host="DNS:localhost,IP:127.0.0.1", days=1):
        """Paths of a certificate and its key. `days` below 0: expired."""
        base = self.directory / name
        openssl("req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", f"/CN={name}", "-keyout", f"{base}.key",
                "-out", f"{base}.csr")
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={host}\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.certificate, "-CAkey", self.directory / "ca.key",
                "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", f"{base}.crt")
        return f"{base}.crt", f"{base}.key"

    def sign(self, request):
        """As the original console does: X.509 version 1, without any extension."""
        return subprocess.run(
            ["openssl", "x509", "-req", "-CA", str(self.certificate), "-CAkey", str(self.directory / "ca.key"),
             "-CAcreateserial", "-days", "3650"], input=request, text=True, check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL).stdout


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        self.server.requests.append(copy.copy(self))  # of one connection, the handler is one
        self.server.script(self)

    def log_message(self, *arguments):
        pass

    @property
    def command_name(self):
        return urllib.parse.urlsplit(self.path).path.rsplit(".", 1)[-1]

    def parameter(self, name):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)[name][0]

    def credentials(self):
        """user:password, None without."""
        head = self.headers["Authorization"]
        return base64.b64decode(head.removeprefix("Basic ")).decode() if head else None

    def answer(self, status, body="", reason=None, kind="text/html", **headers):
        self.send_response(status, reason)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def raw(self, data):
        self.close_connection = True
        self.wfile.write(data)
        self.wfile.flush()


class Console(http.server.ThreadingHTTPServer):
    """Listens on a port of the kernel's choice; `script(handler)` answers each request."""

    daemon_threads = True

    def __init__(self, authority, certificate=None, script=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.authority = authority
        self.script = script or self.serve
        self.requests = []
        self.bundle = authority.certificate.read_text()
        self.lines = [LINES, WEBSOCKET_LINES]
        self.list_name = "brokersWebSockets"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*(certificate or authority.server("server")))
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def port(self):
        return self.server_address[1]

    def finish_request(self, request, address):
        """The handshake is the business of the connection's own thread."""
        request.settimeout(30)
        try:
            tls = self.context.wrap_socket(request, server_side=True)
        except OSError:
            return
        with tls:
            self.RequestHandlerClass(tls, address, self)

    def handle_error(self, request, address):
        pass  # clients that give up are what is tested

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()

    def package(self, handler):
        return ",".join([self.bundle, self.authority.sign(handler.parameter("csrString")), *self.lines])

    def broker_list(self):
        def entries(lines):
            fields = [line.split("=")[1].split(";") for line in lines.split("\n") if line]
            return [{"guid": guid, "hostName": host, "ipAddress": ip, "port": int(port)}
                    for guid, port, host, ip in fields]
        return json.dumps({"brokers": entries(self.lines[0]), self.list_name: entries(self.lines[1]),
                           "certVersion": 0})

    def result(self, handler):
        return {"generateOpenDXLClientProvisioningPackageCmd": lambda: self.package(handler),
                "createClientCaBundle": lambda: self.bundle,
                "getBrokerList": self.broker_list}[handler.command_name]()

    def serve(self, handler):
        """Basic credentials on each request, without a session."""
        if handler.credentials() != f"{USER}:{PASSWORD}":
            return handler.answer(401, "no", "Unauthorized")
        return handler.answer(200, f"OK:\r\n{json.dumps(self.result(handler))}\r\n")

    def original(self, handler):
        """Ignores credentials except at /login, wants the session's cookie everywhere else."""
        cookie = hashlib.md5(b"broker").hexdigest() + "_user"
        if not handler.path.startswith("/login"):
            if f"{cookie}=" not in (handler.headers["Cookie"] or ""):
                return handler.answer(302, Location="/login?next=" + urllib.parse.quote(handler.path, safe=""))
            return handler.answer(200, f"OK:\r\n{json.dumps(self.result(handler))}\r\n")
        given = handler.credentials()
        if given is None:
            return handler.answer(200, "<html><form action='/login'></form></html>")
        if given != f"{USER}:{PASSWORD}":
            return handler.answer(401, "wrong", kind="text/plain")
        return handler.answer(
            302, Location=handler.parameter("next"),
            Set_Cookie=f'{cookie}="2|1:0|abc|def"; expires=Fri, 01 Jan 2100 00:00:00 GMT; Path=/')
