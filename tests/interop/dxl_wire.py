"""What the interop peers need of the wire beyond raw_peer.py: listeners by scheme, and WebSockets by hand."""
import base64
import hashlib
import json
import os
import ssl
import struct
import time

from raw_peer import read_config, tls_socket, ERROR, RESPONSE

SECTIONS = {"mqtts": "Brokers", "wss": "BrokersWebSockets"}
REGISTER = "/mcafee/service/dxl/svcregistry/register"
UNREGISTER = "/mcafee/service/dxl/svcregistry/unregister"
LARGE = 900 << 10  # payload bytes, below the broker's limit of 1 MiB for a message


def address(fabric, config, scheme):
    """(host, port) as the client's configuration has them; the port is the one the broker says it has."""
    host, port, *_ = read_config(config, SECTIONS[scheme])
    assert port == json.loads((fabric.state / "run" / "ports.json").read_text())[scheme]
    return host, port


def certificate_sha1(config):
    """What the broker puts into source_client of everything that a client sends."""
    certificate = read_config(config)[2].read_text()
    return hashlib.sha1(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()


def registration(service_id, *topics, **more):
    return json.dumps({"serviceType": "/tests/interop", "requestChannels": topics, "ttlMins": 60,
                       "serviceGuid": service_id, **more}).encode()


def answer_to(request, payload=b"", code=None, text=""):
    """The response, or with a code the error, that a Python or JavaScript service sends."""
    message = {"type": RESPONSE if code is None else ERROR, "payload": payload, "request_id": request["id"],
               "service": request["service"], "brokers": [request["source_broker"]],
               "clients": [request["source_client"]]}
    return message if code is None else {**message, "code": code, "text": text}


class WebSocket:
    """A TLS socket's sendall, recv and close over WebSocket frames, as the Java client's library has them.

    Reads what that library can read and raises on everything else: header lines of name and value, exactly
    `Connection: Upgrade`, an echoed subprotocol; then unfragmented binary frames only, so not even a ping.
    """

    def __init__(self, tls, host, path="/mqtt", subprotocol="mqtt"):
        self.tls = tls
        self._buffer = b""
        key = base64.b64encode(b"mqtt3-%d" % time.time()).decode()  # the library's idea of randomness
        tls.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                        f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(":", 1) for line in lines)}
        accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert status.startswith("HTTP/1.1 101 "), status
        assert "Connection: Upgrade" in lines, lines
        assert "websocket" in headers["upgrade"].lower(), lines
        assert headers["sec-websocket-protocol"].strip() == subprotocol, lines
        assert headers["sec-websocket-accept"].strip() == base64.b64encode(accept).decode(), lines
        assert "sec-websocket-extensions" not in headers, lines
        assert not self._buffer, "the broker spoke before CONNECT"

    def _fill(self):
        block = self.tls.recv(65536)
        if not block:
            raise EOFError
        self._buffer += block

    def _take(self, count):
        while len(self._buffer) < count:
            self._fill()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def send_frame(self, opcode, data):
        length = (bytes([0x80 | len(data)]) if len(data) < 126 else
                  struct.pack(">BH", 0xFE, len(data)) if len(data) < 65536 else
                  struct.pack(">BQ", 0xFF, len(data)))
        mask = os.urandom(4)
        whole = int.from_bytes(data, "big") ^ int.from_bytes((mask * (len(data) // 4 + 1))[:len(data)], "big")
        self.tls.sendall(bytes([0x80 | opcode]) + length + mask + whole.to_bytes(len(data), "big"))

    def sendall(self, data):
        self.send_frame(2, data)

    def recv(self, _):
        """The content of the next frame."""
        opcode, length = self._take(2)
        assert opcode == 0x82, f"a frame that Java's library cannot read: 0x{opcode:02x}"
        assert length < 0x80, "a masked frame from the server"
        if length > 125:
            form = ">H" if length == 126 else ">Q"
            length, = struct.unpack(form, self._take(struct.calcsize(form)))
        return self._take(length)

    def close(self):
        """The library's goodbye is a close frame with the text 1000, which makes a strange status code."""
        try:
            self.send_frame(8, b"1000")
        except OSError:
            pass  # the broker was first
        self.tls.close()


def open_peer(kind, scheme, config, context=None, session=None):
    """A RawPeer, or what `kind` derives from it, over either listener."""
    tls = tls_socket(config, context or kind.make_context(config), SECTIONS[scheme], session)
    try:
        host = read_config(config)[0]
        return kind(config, stream=tls if scheme == "mqtts" else WebSocket(tls, host))
    except BaseException:
        tls.close()
        raise
