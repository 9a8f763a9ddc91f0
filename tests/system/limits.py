"""Each limit on what one client may use: what happens to who exceeds it, and that nobody else notices."""
import json
import re
import select
import socket
import struct
import time
import unittest
import uuid

from fabric import wait_until
from limited import LimitedFabricTest, MIB, read_to_the_end
from raw_peer import (ERROR, EVENT, REQUEST, RESPONSE, connect_packet, dxl_message, packet, parse_dxl,
                      publish_packet, read_config, subscribe_packet, text)

QUERY = "/mcafee/service/dxl/svcregistry/query"
REGISTER = "/mcafee/service/dxl/svcregistry/register"
UNREGISTERED = "/mcafee/event/dxl/svcregistry/unregister"


def unsubscribe_packet(*topics, identifier=1):
    return packet(0xA2, struct.pack(">H", identifier) + b"".join(text(t) for t in topics))


def event_packet(topic, payload):
    return publish_packet(topic, dxl_message(EVENT, payload))


class Sizes(LimitedFabricTest):
    limits = {"message_bytes": 65536, "connect_bytes": 512, "subscriptions_per_client": 50,
              "subscription_bytes_per_client": 4096, "topic_bytes": 200, "topic_levels": 12}

    def test_longest_message_is_delivered(self):
        topic = "/tests/longest"
        watcher, sender = self.peer(topic), self.peer()
        around = len(text(topic) + dxl_message(EVENT, b"x" * 60_000)) - 60_000
        payload = b"x" * (65536 - around)
        sender.send(event_packet(topic, payload))
        self.assertEqual(watcher.message()[1]["payload"], payload)

    def test_oversize_event_is_skipped_and_the_connection_kept(self):
        before = self.hits("message_bytes")
        watcher, sender = self.peer("/tests/oversize"), self.peer()
        for payload in (b"x" * 100_000, b"next"):
            sender.send(event_packet("/tests/oversize", payload))
        self.assertEqual(watcher.message()[1]["payload"], b"next")
        self.assertEqual(sender.request(QUERY, b"{}")["type"], RESPONSE)
        self.assert_hit("message_bytes", before)

    def test_oversize_request_is_answered_with_its_size_and_the_limit(self):
        sender = self.peer()
        for topic in ("/mcafee/service/tie/file/reputation", "/tests/nobody"):
            for size in (70_000, 400_000):
                with self.subTest(topic=topic, size=size):
                    answer = sender.request(topic, b"x" * size)
                    self.assertEqual((answer["type"], answer["code"]), (ERROR, 0x80000014))
                    found = re.fullmatch(r"message of (\d+) bytes exceeds the limit of 65536", answer["text"])
                    self.assertIsNotNone(found, answer["text"])
                    self.assertIn(int(found.group(1)) - size, range(0, 400))

    def test_eight_times_the_message_limit_closes(self):
        before = self.hits("message_bytes")
        sender = self.peer()
        sender.send(packet(0x30, b"", length=8 * 65536 + 1) + text("/tests/huge"))
        self.assert_closed(sender, "message_bytes")
        self.assert_hit("message_bytes", before)

    def test_oversize_packet_that_is_no_publish_closes(self):
        sender = self.peer()
        sender.send(packet(0x82, b"", length=65537) + b"\0\1")
        self.assert_closed(sender, "message_bytes")

    def test_long_connect_is_closed(self):
        before = self.hits("connect_bytes")
        peer = self.open_peer()
        peer.send(connect_packet("x" * 600))
        self.assert_closed(peer, "connect_bytes")
        self.assert_hit("connect_bytes", before)

    def test_subscriptions_of_one_client(self):
        before = self.hits("subscriptions_per_client")
        topics = [f"/tests/many/{i}" for i in range(49)]
        peer, sender = self.peer(*topics), self.peer()  # and its reply topic
        sender.send(event_packet(topics[-1], b"at the limit"))
        self.assertEqual(peer.message()[1]["payload"], b"at the limit")
        peer.send(subscribe_packet(topics[0]))  # again the same is no other
        self.assertEqual(peer.receive()[0], 0x90)
        peer.send(subscribe_packet("/tests/many/one/too/much"))
        self.assert_closed(peer, "subscriptions_per_client")
        self.assert_hit("subscriptions_per_client", before)

    def test_bytes_of_the_subscriptions_of_one_client(self):
        before = self.hits("subscription_bytes_per_client")
        peer = self.peer()
        peer.send(b"".join(subscribe_packet(f"/tests/bytes/{i}/" + "x" * 170) for i in range(25)))
        self.assert_closed(peer, "subscription_bytes_per_client")
        self.assert_hit("subscription_bytes_per_client", before)

    def test_topic_length(self):
        self.check_topics("topic_bytes", "/tests/" + "x" * 193, "/tests/" + "x" * 194)

    def test_topic_levels(self):
        self.check_topics("topic_levels", "/tests" + "/x" * 10, "/tests" + "/x" * 11)

    def check_topics(self, limit, longest, too_long):
        watcher, sender = self.peer(longest), self.peer()
        sender.send(event_packet(longest, b"longest"))
        self.assertEqual(watcher.message()[1]["payload"], b"longest")
        for what, data in {"publish": event_packet(too_long, b"x"),
                           "subscribe": subscribe_packet(too_long)}.items():
            with self.subTest(what):
                before = self.hits(limit)
                peer = self.peer()
                peer.send(data)
                self.assert_closed(peer, limit)
                self.assert_hit(limit, before)
        sender.send(event_packet(longest, b"still there"))
        self.assertEqual(watcher.message()[1]["payload"], b"still there")


class Rates(LimitedFabricTest):
    """Small limits on the number of clients and their speed. The TIE service is not one of them."""

    limits = {"publish_rate": 200, "connections": 12}

    def test_client_that_publishes_too_fast_is_slowed_and_loses_nothing(self):
        before = self.hits("publish_rate")
        watcher, sender, bystander = self.peer("/tests/rate"), self.peer(), self.peer()
        began = time.monotonic()
        sender.send(b"".join(event_packet("/tests/rate", b"%d" % i) for i in range(600)))
        self.assertEqual(bystander.request(QUERY, b"{}")["type"], RESPONSE)
        bystander_waited = time.monotonic() - began
        self.assertEqual([int(watcher.message()[1]["payload"]) for _ in range(600)], list(range(600)))
        took = time.monotonic() - began
        # A second's worth at once, then 400 more.
        self.assertGreater(took, 1.5)
        self.assertLess(bystander_waited, took)
        self.assert_hit("publish_rate", before)

    def test_connections_above_the_limit_are_refused_with_a_reason(self):
        before = self.hits("connections")
        # Those of other tests may still be about to go.
        wait_until(lambda: self.status()["connections"] == 1, "the service to be alone")
        admitted = [self.peer() for _ in range(12)]
        refused = self.open_peer()
        refused.send(connect_packet("one too many"))
        self.assertEqual(refused.receive(), (0x20, b"\0\3"))  # server unavailable
        self.assert_closed(refused, "connections")
        self.assert_hit("connections", before)
        for peer in admitted:
            self.assertEqual(peer.request(QUERY, b"{}")["type"], RESPONSE)
        admitted[0].socket.close()
        wait_until(lambda: self.status()["connections"] < 13, "room for another connection")
        self.peer()


class Deadlines(LimitedFabricTest):
    """Peers that say nothing, or not enough. The service inside, which pings once a minute, is not among them."""

    limits = {"handshake_seconds": 1, "connect_seconds": 1, "keep_alive_seconds": 2, "handshakes": 8}

    def plain(self):
        stream = socket.create_connection(read_config(self.config)[:2], 30)
        self.addCleanup(stream.close)
        return stream

    def test_peer_that_connects_and_is_silent_is_closed(self):
        before = self.hits("handshake_seconds")
        self.assert_closed(self.plain(), "handshake_seconds")
        self.assert_hit("handshake_seconds", before)

    def test_peer_that_drips_its_handshake_is_closed(self):
        stream = self.plain()
        stream.sendall(b"\x16\x03\x01\x02\x00")  # a record of 512 bytes, of which little ever comes
        self.assert_closes_while_dripping(stream)

    def test_peer_that_says_nothing_after_the_handshake_is_closed(self):
        before = self.hits("connect_seconds")
        self.assert_closed(self.open_peer(), "connect_seconds")
        self.assert_hit("connect_seconds", before)

    def test_peer_that_drips_its_connect_is_closed(self):
        peer = self.open_peer()
        peer.send(packet(0x10, b"", length=300) + b"\0\4MQTT\4\2\0\x3c\1\0")
        self.assert_closes_while_dripping(peer.socket)
        self.assertIn("connect_seconds", self.end_of(peer))

    def assert_closes_while_dripping(self, stream):
        stream.settimeout(30)
        for _ in range(300):
            if select.select([stream], [], [], 0.1)[0]:
                return self.assertTrue(read_to_the_end(stream))
            stream.send(b"x")
        return self.fail("the broker waits for ever")

    def test_silent_peers_at_the_door_delay_others_but_do_not_shut_them_out(self):
        before = self.hits("handshakes")
        silent = [self.plain() for _ in range(12)]
        self.assertEqual(self.peer().request(QUERY, b"{}")["type"], RESPONSE)
        self.assert_hit("handshakes", before)
        for stream in silent:
            self.assertTrue(read_to_the_end(stream))

    def test_peer_that_vanishes_is_closed_after_its_keep_alive_and_its_service_unregistered(self):
        watcher = self.peer(UNREGISTERED)
        vanishing = self.open_peer()
        vanishing.send(connect_packet(vanishing.client_id, keep_alive=1))
        self.assertEqual(vanishing.receive(), (0x20, b"\0\0"))
        vanishing.subscribe(vanishing.reply_to)
        info = {"serviceType": "/tests/vanishing", "serviceGuid": "{%s}" % uuid.uuid4(), "ttlMins": 60,
                "requestChannels": ["/tests/vanishing"], "metaData": {}}
        self.assertEqual(vanishing.request(REGISTER, json.dumps(info).encode())["type"], RESPONSE)
        # From here on nothing comes from it: no ping, no FIN. The watcher goes on to be heard.
        event = self.next_message_while_pinging(watcher)
        self.assertEqual((event[0], json.loads(event[1]["payload"])["serviceGuid"]),
                         (UNREGISTERED, info["serviceGuid"]))
        self.assert_closed(vanishing, "keep-alive")

    def next_message_while_pinging(self, peer):
        for _ in range(100):
            peer.send(packet(0xC0))
            while True:
                first, body = peer.receive()
                if first == 0xD0:
                    break
                length = struct.unpack(">H", body[:2])[0]
                return body[2:2 + length].decode(), parse_dxl(body[2 + length:])
            select.select([peer.socket], [], [], 0.3)
        return self.fail("no message")

    def test_longer_keep_alive_than_the_maximum_is_cut_to_it(self):
        before = self.hits("keep_alive_seconds")
        silent = {asked: self.open_peer() for asked in (0, 3600)}
        for asked, peer in silent.items():
            peer.send(connect_packet(peer.client_id, keep_alive=asked))
            self.assertEqual(peer.receive(), (0x20, b"\0\0"))
        for asked, peer in silent.items():
            with self.subTest(asked=asked):
                self.assert_closed(peer, "keep-alive")
        self.assertGreaterEqual(self.hits("keep_alive_seconds"), before + len(silent))


class Conversations(LimitedFabricTest):
    """With the default limits: what must make no difference."""

    def test_split_and_merged_segments_are_the_same_conversation(self):
        def conversation(chunk):
            peer = self.open_peer()
            topic = f"/tests/segments/{chunk}"
            data = (connect_packet(peer.client_id) + subscribe_packet(peer.reply_to, topic, identifier=1)
                    + event_packet(topic, b"first") + packet(0xC0) + event_packet(topic, b"x" * 300)
                    + publish_packet("/tests/segments/nobody",
                                     dxl_message(REQUEST, b"{}", "{id}", peer.reply_to))
                    + packet(0x32, text(topic) + b"\0\5" + dxl_message(EVENT, b"QoS 1"))
                    + unsubscribe_packet(topic, identifier=2) + event_packet(topic, b"unsubscribed")
                    + packet(0xC0))
            for start in range(0, len(data), chunk):
                peer.send(data[start:start + chunk])  # a TLS record of its own
            heard = []
            while sum(what == 0xD0 for what, _ in heard) < 2:
                first, body = peer.receive()
                if first == 0x30:
                    length = struct.unpack(">H", body[:2])[0]
                    message = body[2 + length:]
                    body = next(p for p in (b"first", b"x" * 300, b"QoS 1", b"{id}") if p in message)
                heard.append((first, body))
            peer.send(packet(0xE0))
            self.assertTrue(read_to_the_end(peer.socket))
            return heard

        merged = conversation(1_000_000)
        self.assertEqual(sorted(merged), sorted([
            (0x20, b"\0\0"), (0x90, b"\0\1\0\0"), (0x30, b"first"), (0xD0, b""), (0x30, b"x" * 300),
            (0x30, b"{id}"), (0x30, b"QoS 1"), (0x40, b"\0\5"), (0xB0, b"\0\2"), (0xD0, b"")]))
        for chunk in (1, 2, 3, 7, 100):
            with self.subTest(chunk=chunk):
                self.assertEqual(conversation(chunk), merged)

    def test_ten_thousand_subscribe_and_unsubscribe_cycles_leave_nothing_behind(self):
        peer, sender = self.peer("/tests/stays"), self.peer()

        def cycles(begin, end):
            for start in range(begin, end, 100):
                topics = [f"/tests/cycle/{i}/x" for i in range(start, start + 100)]
                peer.send(b"".join(subscribe_packet(t, identifier=7) + unsubscribe_packet(t, identifier=8)
                                   for t in topics))
                for _ in topics:
                    self.assertEqual([peer.receive(), peer.receive()],
                                     [(0x90, b"\0\7\0"), (0xB0, b"\0\x08")])

        cycles(0, 2_000)  # what the allocator keeps is not a leak
        before = self.memory()
        cycles(2_000, 12_000)
        self.assertLess(self.memory() - before, MIB)
        peer.subscribe("/tests/cycle/11999/x")
        for topic in ("/tests/cycle/11998/x", "/tests/cycle/11999/x", "/tests/stays"):
            sender.send(event_packet(topic, topic.encode()))
        self.assertEqual([peer.message()[0] for _ in range(2)],
                         ["/tests/cycle/11999/x", "/tests/stays"])


class ConversationsOnTwoThreads(Conversations):
    up_options = ("--threads", "2")


if __name__ == "__main__":
    unittest.main()
