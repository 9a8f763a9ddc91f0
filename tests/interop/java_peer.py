"""A peer that writes and, above all, reads as the Java DXL client does: what that one cannot read raises.

MQTT 3.1.1 over TLS 1.2, one subscription a packet, at QoS 1; messages of version 3, in msgpack's raw family
of 2012 only.
"""
import ssl
import struct
import uuid

from raw_peer import (RawPeer, connect_packet, dxl_fields, pack_dxl, packet, publish_packet, text,
                      tls_context, ARRAYS, ERROR, REQUEST, RESPONSE)

KEEP_ALIVE = 1800


class JavaDecodeError(Exception):
    """The Java client would log this and drop the message."""


class Reader:
    """msgpack as it was in 2012: no str8, no bin; and no nil, which Java's readers refuse."""

    def __init__(self, data):
        self._data = data
        self._position = 0

    def _take(self, form):
        size = struct.calcsize(form)
        data = self._data[self._position:self._position + size]
        if len(data) < size:
            raise JavaDecodeError(f"the message ends at byte {len(self._data)}")
        self._position += size
        return struct.unpack(form, data)[0]

    def _refuse(self, wanted, first):
        raise JavaDecodeError(f"expected {wanted} at byte {self._position - 1}, found 0x{first:02x}")

    def raw(self):
        first = self._take("B")
        if 0xA0 <= first <= 0xBF:
            return self._take(f"{first & 0x1F}s")
        if first in (0xDA, 0xDB):
            return self._take(f"{self._take('>H' if first == 0xDA else '>I')}s")
        return self._refuse("raw", first)

    def array(self):
        first = self._take("B")
        if 0x90 <= first <= 0x9F:
            count = first & 0x0F
        elif first in (0xDC, 0xDD):
            count = self._take(">H" if first == 0xDC else ">I")
        else:
            self._refuse("an array", first)
        return [self.raw().decode() for _ in range(count)]

    def integer(self, bits):
        first = self._take("B")
        forms = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
                 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
        if first <= 0x7F:
            value = first
        elif first >= 0xE0:
            value = first - 256
        elif first in forms:
            value = self._take(forms[first])
        else:
            self._refuse("an integer", first)
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise JavaDecodeError(f"{value} is no int{bits}")
        return value


def read_java(data):
    """{field: value} as the Java client has them, so codes are signed."""
    reader = Reader(data)
    version, kind = reader.integer(64), reader.integer(8)
    if not 0 <= kind <= 3:
        raise JavaDecodeError(f"unknown message type {kind}")
    message = {"version": version, "type": kind}
    for name in dxl_fields(kind, version)[2:]:
        if name in ARRAYS:
            message[name] = reader.array()
        elif name == "code":
            message[name] = reader.integer(32)
        else:
            message[name] = reader.raw() if name == "payload" else reader.raw().decode()
    return message


class JavaPeer(RawPeer):
    """Its requests, responses and events carry its own client id as their source, as Java's do."""

    @staticmethod
    def make_context(config):
        """As of SSLContext.getInstance("TLSv1.2")."""
        context = tls_context(config)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self._packet_id = 0
        self._early = []  # what came before the acknowledgement of a subscription

    def connect(self):
        self.send(connect_packet(self.client_id, keep_alive=KEEP_ALIVE))
        first, body = self.receive()
        assert (first, body) == (0x20, b"\0\0"), (first, body)
        return self.subscribe(self.reply_to)

    def _acknowledged(self, kind, body):
        """Sends SUBSCRIBE or UNSUBSCRIBE and returns what follows the packet id in its acknowledgement."""
        self._packet_id += 1
        identifier = struct.pack(">H", self._packet_id)
        self.send(packet(kind, identifier + body))
        first, got = self.receive()
        while first >> 4 == 3:
            self._early.append((first, got))
            first, got = self.receive()
        assert (first, got[:2]) == ({0x82: 0x90, 0xA2: 0xB0}[kind], identifier), (first, got)
        return got[2:]

    def subscribe(self, *topics):
        for topic in topics:
            granted = self._acknowledged(0x82, text(topic) + b"\1")
            assert granted in (b"\0", b"\1"), granted  # Java takes anything else for a failure
        return self

    def unsubscribe(self, *topics):
        for topic in topics:
            assert self._acknowledged(0xA2, text(topic)) == b""

    def publish(self, topic, message):
        """Returns the message id."""
        message = {"version": 3, "id": "{%s}" % uuid.uuid4(), "source_client": self.client_id, **message}
        self.send(publish_packet(topic, pack_dxl(message)))
        return message["id"]

    def next(self):
        """(topic, payload) of the next publish."""
        first, body = self._early.pop(0) if self._early else self.receive()
        assert first == 0x30, f"expected a publish at QoS 0, not retained, got 0x{first:02x}"
        end = 2 + struct.unpack(">H", body[:2])[0]
        return body[2:end].decode(), body[end:]

    def message(self):
        topic, payload = self.next()
        return topic, read_java(payload)

    def request(self, topic, payload):
        sent = self.publish(topic, {"type": REQUEST, "payload": payload, "reply_to": self.reply_to})
        got, answer = self.message()
        assert (got, answer["request_id"]) == (self.reply_to, sent), (got, answer)
        return answer

    def answer(self, request, payload=b"", **error):
        """Addressed to the instance: clients and brokers always have one element."""
        self.publish(request["reply_to"], {
            "type": ERROR if error else RESPONSE, "payload": payload, "request_id": request["id"],
            "service": request["service"], "brokers": [request["source_broker"]],
            "clients": [request["source_instance"]], **error})
