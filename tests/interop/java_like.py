"""A peer that behaves as the Java DXL client does against our broker, over TLS and WebSockets."""
import base64
import json
import re
import unittest
import uuid

import msgpack

import fabric
from dxl_wire import REGISTER, UNREGISTER, address, answer_to, certificate_sha1, open_peer, registration
from java_peer import JavaDecodeError, JavaPeer, read_java
from raw_peer import RawPeer, pack_dxl, publish_packet, read_config, ERROR, EVENT, REQUEST, RESPONSE

RSA = bytes.fromhex("06092a864886f70d010101")  # the object identifier rsaEncryption in DER
SET = "/mcafee/service/tie/file/reputation/set"
EVENTS = "/mcafee/event/dxl/svcregistry/"
# The four raw forms of Java, for which JavaScript has str8 and bin as well.
PAYLOADS = (b"", b"short", b"\xff" * 200, b"\0" * 300, b"x" * 70_000)


def pack_javascript(message):
    """The MQTT payload of a message as the JavaScript client packs it: str8, and bin for a Buffer."""
    return pack_dxl(message, msgpack.Packer(use_bin_type=True))


def signed(code):
    return code - (1 << 32)


class TheReader(unittest.TestCase):
    """The tests below are worth what this reader refuses."""

    def test_what_java_reads(self):
        message = {"version": 3, "type": ERROR, "code": -5, "text": "no", "source_client": "c" * 40,
                   "brokers": ["b"], "payload": b"\xff" * 70_000}
        got = read_java(pack_dxl(message))
        self.assertEqual({name: got[name] for name in message}, message)

    def test_what_java_refuses(self):
        event = {"type": EVENT, "id": "x", "payload": b"y"}
        error = {"type": ERROR, "payload": b""}
        cases = {
            "str8": pack_javascript({**event, "id": "{%s}" % uuid.uuid4(), "payload": "y"}),
            "bin": pack_javascript(event),
            "nil": pack_dxl({**event, "source_client": None}),
            "text where an array must be": pack_dxl({**event, "brokers": "b"}),
            "a code above int32": pack_dxl({**error, "code": 0x80000001}),
            "unknown type": pack_dxl({**event, "type": 4}),
            "truncated": pack_dxl(event)[:-1],
        }
        for name, data in cases.items():
            with self.subTest(name), self.assertRaises(JavaDecodeError):
                read_java(data)


class JavaLike:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.fabric.provision("java")
        cls.identity = certificate_sha1(cls.config)
        address(cls.fabric, cls.config, cls.scheme)  # is there, and right

    def peer(self, kind, *topics, **more):
        peer = open_peer(kind, self.scheme, self.config, **more)
        self.addCleanup(peer.socket.close)
        peer.connect()
        return peer.subscribe(*topics) if topics else peer

    def java(self, *topics, **more):
        return self.peer(JavaPeer, *topics, **more)

    def javascript(self, *topics):
        """Bytes of another client are sent by hand over the same listener."""
        peer = self.peer(RawPeer)
        return peer.subscribe(peer.reply_to, *topics)

    def registered(self, service, topic, **more):
        """Java subscribes first, and says nothing of metadata that it does not have."""
        service.subscribe(topic)
        service_id = "{%s}" % uuid.uuid4()
        answer = service.request(REGISTER, registration(service_id, topic, **more))
        self.assertEqual((answer["type"], answer["payload"]), (RESPONSE, b""))
        return service_id

    def event(self, watcher, kind, service_id):
        """The registry's event about this service; those of lost peers of other tests may come first."""
        while True:
            topic, message = watcher.message()
            content = json.loads(message["payload"])
            if (topic, content["serviceGuid"]) == (EVENTS + kind, service_id):
                return content

    def test_key_is_what_java_can_load(self):
        key = read_config(self.config)[3].read_text()
        body = re.fullmatch("-----BEGIN PRIVATE KEY-----\n([^-]+)-----END PRIVATE KEY-----\n", key)
        self.assertTrue(body, key.splitlines()[0])
        self.assertIn(RSA, base64.b64decode(body[1])[:32])

    def test_broker_rewrites_what_javascript_sends(self):
        receiver, sender = self.java("/tests/js"), self.javascript()
        for payload in (*PAYLOADS, "text", "\u00e9" * 100):
            event = {"type": EVENT, "id": "{%s}" % uuid.uuid4(), "payload": payload,
                     "other": ["key " * 10, "value " * 10]}
            sender.send(publish_packet("/tests/js", pack_javascript(event)))
            topic, got = receiver.message()
            other = dict(zip(got["other"][::2], got["other"][1::2]))
            self.assertRegex(other.pop("dxl.certs"), f"^[0-9a-f]{{40}};{self.identity}$")
            wanted = payload.encode() if isinstance(payload, str) else payload
            self.assertEqual((topic, got["version"], got["id"], got["payload"], got["source_client"]),
                             ("/tests/js", 3, event["id"], wanted, self.identity))
            self.assertEqual(other, {"key " * 10: "value " * 10})

    def test_source_that_java_fills_in_is_overwritten(self):
        receiver, sender = self.java("/tests/source"), self.java()
        for payload in PAYLOADS:
            sent = sender.publish("/tests/source", {"type": EVENT, "payload": payload,
                                                    "source_instance": sender.client_id})
            topic, got = receiver.message()
            self.assertEqual((topic, got["id"], got["payload"], got["source_client"]),
                             ("/tests/source", sent, payload, self.identity))
            self.assertRegex(got["source_instance"], f"^{self.identity}:[0-9a-f-]{{36}}$")

    def test_fabric_s_error_codes_fit_int32(self):
        client = self.java()
        cases = ((0x80000001, "/tests/nobody", b"x", "unable to locate service for request"),
                 (0x80000013, SET, b"{}", f"not authorized to send to {SET}"),
                 (0x80000014, "/tests/nobody", b"x" * (5 << 18),
                  r"message of \d+ bytes exceeds the limit of \d+"))
        for code, topic, payload, words in cases:
            with self.subTest(f"{code:#x}"):
                answer = client.request(topic, payload)
                self.assertEqual((answer["type"], answer["code"]), (ERROR, signed(code)))
                self.assertRegex(answer["text"], f"^{words}$")

    def test_code_stands_as_int32_on_the_wire(self):
        client = self.java()
        client.publish("/tests/nobody", {"type": REQUEST, "reply_to": client.reply_to})
        self.assertIn(bytes.fromhex("d280000001"), client.next()[1])

    def test_error_codes_of_a_javascript_service_fit_int32(self):
        service, client = self.javascript("/tests/js-errors"), self.java()
        service.request(REGISTER, registration("{%s}" % uuid.uuid4(), "/tests/js-errors"))
        for code, wanted in ((7, 7), (0x7FFFFFFF, 0x7FFFFFFF), (0x80000099, signed(0x80000099)),
                             (0xFFFFFFFF, -1)):
            with self.subTest(f"{code:#x}"):
                sent = client.publish("/tests/js-errors", {"type": REQUEST, "reply_to": client.reply_to})
                _, request = service.message()
                service.send(publish_packet(request["reply_to"], pack_javascript(
                    answer_to(request, code=code, text="refused " * 10))))
                _, answer = client.message()
                self.assertEqual((answer["request_id"], answer["code"], answer["text"]),
                                 (sent, wanted, "refused " * 10))

    def test_service_without_metadata_is_registered_and_announced(self):
        watcher = self.java(EVENTS + "register", EVENTS + "unregister")
        service = self.java()
        service_id = self.registered(service, "/tests/announced")
        content = self.event(watcher, "register", service_id)
        self.assertEqual([content[key] for key in ("metaData", "ttlMins", "requestChannels", "clientGuid")],
                         [{}, 60, ["/tests/announced"], self.identity])
        service.unsubscribe("/tests/announced")
        gone = json.dumps({"serviceGuid": service_id}).encode()
        self.assertEqual(service.request(UNREGISTER, gone)["type"], RESPONSE)
        self.assertEqual(self.event(watcher, "unregister", service_id), json.loads(gone))

    def test_java_answers_javascript_and_java(self):
        service = self.java()
        service_id = self.registered(service, "/tests/java")
        for kind in ("JavaScript", "Java"):
            with self.subTest(kind):
                if kind == "Java":
                    client = self.java()
                    sent = client.publish("/tests/java", {"type": REQUEST, "payload": b"ping",
                                                          "reply_to": client.reply_to})
                else:
                    client, sent = self.javascript(), "{%s}" % uuid.uuid4()
                    client.send(publish_packet("/tests/java", pack_javascript(
                        {"type": REQUEST, "id": sent, "payload": b"ping", "reply_to": client.reply_to})))
                topic, request = service.message()
                self.assertEqual((topic, request["id"], request["payload"], request["service"],
                                  request["source_client"], request["brokers"]),
                                 ("/tests/java", sent, b"ping", service_id, self.identity,
                                  [request["source_broker"]]))
                service.answer(request, b"pong")
                topic, answer = client.message()
                self.assertEqual((topic, answer["type"], answer["request_id"], answer["payload"],
                                  answer["service"], answer["clients"]),
                                 (client.reply_to, RESPONSE, sent, b"pong", service_id,
                                  [request["source_instance"]]))

    def test_java_s_error_reaches_the_other_side(self):
        service, client = self.java(), self.javascript()
        self.registered(service, "/tests/java-error", metaData={"k": "v"})
        client.send(publish_packet("/tests/java-error", pack_javascript(
            {"type": REQUEST, "payload": b"", "reply_to": client.reply_to})))
        service.answer(service.message()[1], code=signed(0x80000042), text="refused")
        _, answer = client.message()
        self.assertEqual((answer["type"], answer["code"], answer["text"]), (ERROR, 0x80000042, "refused"))

    def test_reconnecting_with_the_same_tls_session_keeps_the_identity(self):
        receiver = self.java("/tests/again")
        context, session = JavaPeer.make_context(self.config), None
        for _ in range(3):
            sender = self.java(context=context, session=session)
            sender.publish("/tests/again", {"type": EVENT, "payload": b"x"})
            self.assertEqual(receiver.message()[1]["source_client"], self.identity)
            session = getattr(sender.socket, "tls", sender.socket).session
            sender.socket.close()


class OverTls(JavaLike, fabric.FabricTest):
    scheme = "mqtts"


class OverWebSockets(JavaLike, fabric.FabricTest):
    scheme = "wss"


if __name__ == "__main__":
    unittest.main()
