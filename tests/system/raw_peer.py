"""A bare MQTT 3.1.1 and DXL peer on a TLS socket: can send what no client library would.

Shares no code with Tiara: packets by hand, DXL messages by Debian's msgpack.
"""
import configparser
import pathlib
import socket
import ssl
import struct
import uuid

import msgpack

DEADLINE = 30.0
REQUEST, RESPONSE, EVENT, ERROR = range(4)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def packet(kind_and_flags, body=b"", length=None):
    """A whole MQTT packet; `length` overrides the true remaining length."""
    value, encoded = len(body) if length is None else length, b""
    while True:
        value, digit = divmod(value, 128)
        encoded += bytes([digit | (0x80 if value else 0)])
        if not value:
            return bytes([kind_and_flags]) + encoded + body


def connect_packet(client_id, protocol="MQTT", level=4, keep_alive=60):
    return packet(0x10, text(protocol) + bytes([level, 2]) + struct.pack(">H", keep_alive)
                  + text(client_id))


def publish_packet(topic, payload):
    return packet(0x30, text(topic) + payload)


def subscribe_packet(*topics, identifier=1):
    return packet(0x82, struct.pack(">H", identifier) + b"".join(text(t) + b"\0" for t in topics))


# The fields of a DXL message in wire order: the head, those of its type, then as many as its version has.
HEAD = ("version", "type", "id", "source_client", "source_broker", "brokers", "clients", "payload")
BY_TYPE = {REQUEST: ("reply_to", "service"), RESPONSE: ("request_id", "service"), EVENT: (),
           ERROR: ("request_id", "service", "code", "text")}
TAIL = ("other", "source_tenant", "tenants", "source_instance")
ARRAYS = ("brokers", "clients", "other", "tenants")
TAIL_LENGTH = {0: 0, 1: 1, 2: 3}  # higher versions have it whole


def dxl_fields(kind, version):
    return HEAD + BY_TYPE.get(kind, ()) + TAIL[:TAIL_LENGTH.get(version, len(TAIL))]


def pack_dxl(message, packer=None):
    """The MQTT payload of {field: value}; fields left out are empty. Packs as the Python client does."""
    packer = packer or msgpack.Packer(use_bin_type=False)
    message = {"version": 2, "id": "{%s}" % uuid.uuid4(), "code": 0, **message}
    return b"".join(packer.pack(message.get(name, [] if name in ARRAYS else ""))
                    for name in dxl_fields(message["type"], message["version"]))


def dxl_message(kind, payload, message_id=None, reply_to="", service_id="", version=2):
    message = {"version": version, "type": kind, "payload": payload, "reply_to": reply_to,
               "service": service_id}
    return pack_dxl(message if message_id is None else {**message, "id": message_id})


def parse_dxl(data):
    """{field: value} as the Python client reads it: strings are text, the payload bytes; codes unsigned."""
    def decode(name, value):
        if isinstance(value, list):
            return [element.decode() for element in value]
        return value.decode() if isinstance(value, bytes) and name != "payload" else value

    unpacker = msgpack.Unpacker(raw=True)
    unpacker.feed(data)
    values = list(unpacker)
    message = {name: decode(name, value)
               for name, value in zip(dxl_fields(values[1], values[0]), values)}
    if "code" in message:
        message["code"] &= 0xFFFFFFFF
    return message


def read_config(config, section="Brokers"):
    """(host, port, certificate, key, broker certificates) of a dxlclient.config."""
    config = pathlib.Path(config)
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str
    parser.read(config)
    certs = {key: config.parent / value for key, value in parser["Certs"].items()}
    line = next(iter(parser[section].values())).split(";")
    port = next(i for i, part in enumerate(line) if part.isdigit())
    return (line[port + 1].strip("[]"), int(line[port]), certs["CertFile"], certs["PrivateKey"],
            certs["BrokerCertChain"])


def tls_context(config, certificate=None, key=None):
    """What the configuration says, with another certificate, or without one (False)."""
    _, _, own_certificate, own_key, authority = read_config(config)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(authority)
    if certificate is not False:
        context.load_cert_chain(certificate or own_certificate, key or own_key)
    return context


def tls_socket(config, context, section="Brokers", session=None):
    plain = socket.create_connection(read_config(config, section)[:2], DEADLINE)
    try:
        return context.wrap_socket(plain, session=session)
    except BaseException:
        plain.close()
        raise


class RawPeer:
    make_context = staticmethod(tls_context)

    def __init__(self, config, context=None, stream=None):
        """On a TLS socket of its own, or on a `stream` that has sendall, recv and close."""
        self.socket = stream or tls_socket(config, context or self.make_context(config))
        self.client_id = "{%s}" % uuid.uuid4()
        self.reply_to = "/mcafee/client/" + self.client_id
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _need(self, count):
        while len(self._buffer) < count:
            block = self.socket.recv(65536)
            if not block:
                raise EOFError
            self._buffer += block

    def receive(self):
        """(first byte, body) of the next packet; EOFError when the broker has closed."""
        length = shift = 0
        position = 1
        while True:
            self._need(position + 1)
            digit = self._buffer[position]
            length |= (digit & 0x7F) << shift
            shift, position = shift + 7, position + 1
            if digit < 0x80:
                break
        self._need(position + length)
        first, body = self._buffer[0], self._buffer[position:position + length]
        self._buffer = self._buffer[position + length:]
        return first, body

    def closed_by_broker(self):
        """Reads until the broker closes; True if it does, and says nothing but CONNACK before."""
        try:
            while True:
                if self.receive()[0] not in (0x20, 0x90, 0xD0):
                    return False
        except (EOFError, ConnectionError, ssl.SSLError):
            return True

    def connect(self):
        self.send(connect_packet(self.client_id))
        assert self.receive() == (0x20, b"\0\0")
        return self

    def subscribe(self, *topics):
        self.send(subscribe_packet(*topics))
        first, body = self.receive()
        assert (first, body) == (0x90, b"\0\1" + b"\0" * len(topics)), (first, body)
        return self

    def message(self):
        """(topic, DXL message) of the next publish."""
        while True:
            first, body = self.receive()
            if first >> 4 == 3:
                length = struct.unpack(">H", body[:2])[0]
                return body[2:2 + length].decode(), parse_dxl(body[2 + length:])

    def request(self, topic, payload):
        """Sends a request and returns the answer; the reply topic must be subscribed."""
        message_id = "{%s}" % uuid.uuid4()
        self.send(publish_packet(topic, dxl_message(REQUEST, payload, message_id, self.reply_to)))
        while True:
            _, answer = self.message()
            if answer.get("request_id") == message_id:
                return answer
