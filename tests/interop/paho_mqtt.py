"""Python's paho, used as the Python DXL client does: MQTT 3.1 and 3.1.1 over TLS and WebSockets."""
import collections
import functools
import json
import os
import queue
import ssl
import time
import unittest
import uuid

import paho.mqtt.client as mqtt

import fabric
from dxl_wire import LARGE, REGISTER, UNREGISTER, address, answer_to, certificate_sha1, registration
from raw_peer import pack_dxl, parse_dxl, tls_context, DEADLINE, ERROR, EVENT, REQUEST, RESPONSE

Way = collections.namedtuple("Way", "scheme path protocol")
PROTOCOLS = (mqtt.MQTTv31, mqtt.MQTTv311)


def every_way(test):
    """Runs the test once for each protocol version and path of the class."""
    @functools.wraps(test)
    def run(self):
        for way in self.ways:
            with self.subTest(way):
                self.way, self.peers = way, []
                try:
                    test(self)
                finally:
                    for peer in self.peers:
                        peer.close()
    return run


class Peer:
    """A connected client; what its network thread reports is taken out of queues."""

    def __init__(self, way, location, context, client_id, keep_alive):
        self.client_id = client_id or "{%s}" % uuid.uuid4()
        self.reply_to = "/mcafee/client/" + self.client_id
        self.messages = queue.Queue()
        self.said = queue.Queue()
        self.pings = queue.Queue()
        self.lost = False
        self.mqtt = mqtt.Client(self.client_id, clean_session=True, protocol=way.protocol,
                                transport="websockets" if way.scheme == "wss" else "tcp")
        self.mqtt.tls_set_context(context)
        if way.scheme == "wss":
            self.mqtt.ws_set_options(path=way.path)
        self.mqtt.on_connect = lambda client, data, flags, code: self.said.put(("connect", code))
        self.mqtt.on_subscribe = lambda client, data, mid, granted: self.said.put((mid, granted))
        self.mqtt.on_unsubscribe = lambda client, data, mid: self.said.put((mid, ()))
        self.mqtt.on_message = lambda client, data, message: self.messages.put(message)
        self.mqtt.on_disconnect = self._on_disconnect
        self.mqtt.on_log = lambda client, data, level, text: "PINGRESP" in text and self.pings.put(text)
        self.mqtt.connect(*location, keepalive=keep_alive)
        self.mqtt.loop_start()
        if self.wait("connect") != 0:
            raise AssertionError("the broker refused the connection")

    def _on_disconnect(self, client, data, code):
        self.lost = self.lost or code != 0

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def wait(self, what):
        end = time.monotonic() + DEADLINE
        while True:
            got, value = self.said.get(timeout=max(0, end - time.monotonic()))
            if got == what:
                return value

    def subscribe(self, *filters, qos=0):
        """All in one packet; returns the granted QoS of each."""
        return self.wait(self.mqtt.subscribe([(name, qos) for name in filters])[1])

    def unsubscribe(self, *filters):
        self.wait(self.mqtt.unsubscribe(list(filters))[1])

    def publish(self, topic, payload, qos=0, retain=False):
        """Returns once it is sent, which with QoS 1 and 2 is after the acknowledgement."""
        info = self.mqtt.publish(topic, payload, qos, retain)
        info.wait_for_publish(DEADLINE)
        if not info.is_published():
            raise AssertionError(f"no acknowledgement at QoS {qos}")

    def next(self):
        """(topic, payload) of the next message; nothing comes with QoS or retained."""
        message = self.messages.get(timeout=DEADLINE)
        assert (message.qos, message.retain) == (0, False), (message.qos, message.retain)
        return message.topic, message.payload

    def message(self):
        topic, payload = self.next()
        return topic, parse_dxl(payload)

    def request(self, topic, payload=b""):
        message = {"type": REQUEST, "id": "{%s}" % uuid.uuid4(), "payload": payload,
                   "reply_to": self.reply_to}
        self.publish(topic, pack_dxl(message))
        got, answer = self.message()
        assert (got, answer["request_id"]) == (self.reply_to, message["id"]), (got, answer)
        return answer


class Paho:
    settings = "[tls]\nlegacy_python_ciphers = true\n"  # for the test of it

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.fabric.provision("paho")
        cls.location = address(cls.fabric, cls.config, cls.ways[0].scheme)

    def peer(self, *filters, client_id=None, context=None, keep_alive=1800):
        peer = Peer(self.way, self.location, context or tls_context(self.config), client_id, keep_alive)
        self.peers.append(peer)
        if filters:
            peer.subscribe(*filters)
        return peer

    @every_way
    def test_every_qos_is_acknowledged_and_delivered_at_0(self):
        receiver, sender = self.peer(), self.peer()
        for granted in range(3):
            self.assertEqual(receiver.subscribe("/tests/qos", qos=granted), (granted,))
            for qos in range(3):
                sender.publish("/tests/qos", b"x%d" % qos, qos, retain=True)
                self.assertEqual(receiver.next(), ("/tests/qos", b"x%d" % qos))

    @every_way
    def test_several_filters_in_one_packet_and_one_copy_where_they_overlap(self):
        receiver, sender = self.peer(), self.peer()
        filters = ["/tests/over/#", "/tests/over/a", "/tests/+/a", "/tests/other"]
        self.assertEqual(receiver.subscribe(*filters, qos=1), (1, 1, 1, 1))
        for topic in ("/tests/over/a", "/tests/none", "/tests/other"):
            sender.publish(topic, b"first")
        self.assertEqual([receiver.next()[0] for _ in range(2)], ["/tests/over/a", "/tests/other"])
        receiver.unsubscribe("/tests/over/#", "/tests/over/a", "/tests/other")
        for topic in ("/tests/over/b", "/tests/other", "/tests/over/a"):
            sender.publish(topic, b"second")
        self.assertEqual(receiver.next(), ("/tests/over/a", b"second"))

    @every_way
    def test_equal_client_ids_of_38_characters_live_side_by_side(self):
        name = "{%s}" % uuid.uuid4()
        twins = [self.peer("/tests/twins", client_id=name) for _ in range(2)]
        self.assertEqual(len(name), 38)
        for sender in twins:
            sender.publish("/tests/twins", b"x", 1)
            for receiver in twins:
                self.assertEqual(receiver.next(), ("/tests/twins", b"x"))
        self.assertEqual([peer.lost for peer in twins], [False, False])

    def test_keepalive_pings_are_answered(self):
        self.peers = []
        for self.way in self.ways:  # all at once: each takes seconds
            self.peer(keep_alive=2)
        try:
            for peer in self.peers:
                for _ in range(2):
                    peer.pings.get(timeout=DEADLINE)
                self.assertFalse(peer.lost)
        finally:
            for peer in self.peers:
                peer.close()

    @every_way
    def test_large_payloads_pass_whole(self):
        receiver, sender = self.peer("/tests/large"), self.peer()
        content = os.urandom(LARGE)
        for qos in range(3):
            sender.publish("/tests/large", content, qos)
            self.assertEqual(receiver.next(), ("/tests/large", content))

    @every_way
    def test_events_arrive_with_the_sender_s_identity(self):
        receiver, sender = self.peer("/tests/event"), self.peer()
        event = {"type": EVENT, "id": "{%s}" % uuid.uuid4(), "source_client": "forged",
                 "source_broker": "forged", "payload": b"\0\xff text"}
        sender.publish("/tests/event", pack_dxl(event))
        topic, got = receiver.message()
        identity = certificate_sha1(self.config)
        instance, chain = got.pop("source_instance"), got.pop("other")
        self.assertEqual((topic, got), ("/tests/event", {
            **event, "version": 3, "source_client": identity, "source_broker": got["source_broker"],
            "brokers": [], "clients": [], "source_tenant": "", "tenants": []}))
        self.assertRegex(instance, f"^{identity}:[0-9a-f-]{{36}}$")
        self.assertRegex(chain[1], f"^[0-9a-f]{{40}};{identity}$")
        self.assertNotIn("forged", got["source_broker"])

    @every_way
    def test_a_service_registered_by_json_answers_until_it_is_unregistered(self):
        service = self.peer("/tests/service")
        service.subscribe(service.reply_to)
        client = self.peer()
        client.subscribe(client.reply_to)
        service_id = "{%s}" % uuid.uuid4()
        done = service.request(REGISTER, registration(service_id, "/tests/service", metaData={"k": "v"}))
        self.assertEqual((done["type"], done["payload"]), (RESPONSE, b""))
        for expected, reply in (((RESPONSE, b"pong", None), {"payload": b"pong"}),
                                ((ERROR, b"", 0x80000099), {"code": 0x80000099, "text": "no"})):
            request = pack_dxl({"type": REQUEST, "payload": b"ping", "reply_to": client.reply_to})
            client.publish("/tests/service", request)
            topic, got = service.message()
            self.assertEqual((topic, got["payload"], got["service"], got["reply_to"], got["source_client"]),
                             ("/tests/service", b"ping", service_id, client.reply_to,
                              certificate_sha1(self.config)))
            service.publish(got["reply_to"], pack_dxl(answer_to(got, **reply)))
            topic, answer = client.message()
            self.assertEqual((topic, answer["request_id"], answer["service"]),
                             (client.reply_to, got["id"], service_id))
            self.assertEqual((answer["type"], answer["payload"], answer.get("code")), expected)
        done = service.request(UNREGISTER, json.dumps({"serviceGuid": service_id}).encode())
        self.assertEqual(done["type"], RESPONSE)
        gone = client.request("/tests/service", b"ping")
        self.assertEqual((gone["type"], gone["code"], gone["text"]),
                         (ERROR, 0x80000001, "unable to locate service for request"))

    @every_way
    def test_the_one_cipher_of_the_python_client_is_accepted(self):
        for highest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):  # 1.3 has ciphers of its own
            context = tls_context(self.config)
            context.set_ciphers("AES128-SHA256")
            context.maximum_version = highest
            peer = self.peer("/tests/cipher", context=context)
            if self.way.scheme == "mqtts":  # paho hides the socket below its WebSocket
                self.assertEqual(peer.mqtt.socket().version().replace(".", "_"), highest.name)
            peer.publish("/tests/cipher", b"x", 1)
            self.assertEqual(peer.next(), ("/tests/cipher", b"x"))


class OverTls(Paho, fabric.FabricTest):
    ways = [Way("mqtts", None, protocol) for protocol in PROTOCOLS]


class OverWebSockets(Paho, fabric.FabricTest):
    ways = [Way("wss", path, protocol) for path in ("/mqtt", "/") for protocol in PROTOCOLS]


if __name__ == "__main__":
    unittest.main()
