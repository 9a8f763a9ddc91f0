"""A client of the management port on Python's standard library alone."""
import http.client
import json
import socket
import ssl
import subprocess
import urllib.parse

from base64 import b64encode

from fabric import DEADLINE

ISSUE = "DxlBrokerMgmt.generateOpenDXLClientProvisioningPackageCmd"
BUNDLE = "DxlClientMgmt.createClientCaBundle"
BROKERS = "DxlClientMgmt.getBrokerList"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Management:
    """As whom, and whom to trust: `authority` None trusts anybody, as the clients do without -e."""

    def __init__(self, fabric, user="admin", password=None, authority=None):
        self.port = json.loads((fabric.state / "run" / "ports.json").read_text())["https"]
        self.user = user
        self.password = password if password is not None else (fabric.state / "admin.token").read_text().strip()
        self.context = ssl.create_default_context(cafile=authority)
        if authority is None:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE

    def connect(self, address="127.0.0.1", name="localhost", source=None):
        """A TLS socket to the port, from the address `source` if it matters."""
        plain = socket.create_connection((address, self.port), DEADLINE, source and (source, 0))
        try:
            return self.context.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def ask(self, target, method="GET", host="localhost", **headers):
        """(status, reason, body, headers)"""
        connection = http.client.HTTPSConnection(host, self.port, timeout=DEADLINE, context=self.context)
        if self.user is not None:
            pair = b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers = {"Authorization": f"Basic {pair}", **headers}
        try:
            connection.request(method, target, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.reason, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def command(self, name, host="localhost", quote=urllib.parse.quote_plus, **parameters):
        """The result string; urllib's quote_plus is what the Python client's library writes, quote JavaScript's."""
        query = "&".join(f"{quote(key)}={quote(value)}"
                         for key, value in {**parameters, ":output": "json"}.items())
        status, reason, body, _ = self.ask(f"/remote/{name}?{query}", host=host)
        if status != 200:
            raise AssertionError(f"{name}: {status} {reason}")
        head, rest = body.split(":", 1)
        assert head == "OK" and rest.startswith("\r\n") and rest.endswith("\r\n"), body
        return json.loads(rest.strip())
