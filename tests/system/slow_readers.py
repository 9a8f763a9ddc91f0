"""Clients that do not take what is sent to them: they alone pay, and the broker's memory stays bounded."""
import base64
import datetime
import json
import struct
import unittest
import uuid

from fabric import wait_until
from limited import LimitedFabricTest, MIB, read_to_the_end, widen
from raw_peer import (ERROR, EVENT, REQUEST, RESPONSE, dxl_message, packet, parse_dxl, publish_packet, text)

GET = "/mcafee/service/tie/file/reputation"
MD5 = base64.b64encode(b"0123456789abcdef").decode()
LOOKUP = json.dumps({"hashes": [{"type": "md5", "value": MD5}]}).encode()
QUERY = "/mcafee/service/dxl/svcregistry/query"
REGISTER = "/mcafee/service/dxl/svcregistry/register"
TOPIC = "/tests/flood"
EVENT_BYTES = 64 * 1024
# What the kernel takes for a peer that does not read, at most, and then some.
ENOUGH_EVENTS = 1_000


def numbered(number):
    return publish_packet(TOPIC, dxl_message(EVENT, struct.pack(">I", number) + b"x" * EVENT_BYTES))


def number_in(message):
    return struct.unpack(">I", message["payload"][:4])[0]


class SlowReaderTest(LimitedFabricTest):
    def flood(self, sender, done):
        """Publishes numbered events until `done()`; returns how many. The broker has taken them all."""
        for number in range(ENOUGH_EVENTS):
            sender.send(numbered(number))
            # Behind it: once this is answered, the event was routed.
            self.assertEqual(sender.request(QUERY, b"{}")["type"], RESPONSE)
            if done():
                return number + 1
        return self.fail(f"{ENOUGH_EVENTS} events and still not")

    def numbers_until_the_end(self, peer):
        numbers = []
        try:
            while True:
                numbers.append(number_in(peer.message()[1]))
        except (EOFError, OSError):
            return numbers


class SlowConsumers(SlowReaderTest):
    limits = {"outgoing_bytes": 2 * MIB, "request_backlog_bytes": MIB}

    def test_first_lost_event_closes_within_a_second_and_leaves_no_hole(self):
        slow, fast, sender = self.narrow_peer(TOPIC), self.peer("/tests/other"), self.peer()
        before, last_without = self.hits("outgoing_bytes"), None

        def lost():
            nonlocal last_without
            now = datetime.datetime.now(datetime.timezone.utc)
            if self.hits("outgoing_bytes") > before:
                return True
            last_without = now
            return False

        sent = self.flood(sender, lost)
        line = self.end_of(slow)
        self.assertRegex(line, r"slow consumer: more than 2097152 bytes unsent \(outgoing_bytes\)")
        closed = datetime.datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00"))
        self.assertLess((closed - last_without).total_seconds(), 1.0)
        widen(slow)
        numbers = self.numbers_until_the_end(slow)
        self.assertEqual(numbers, list(range(len(numbers))))
        self.assertLess(len(numbers), sent)
        sender.send(publish_packet("/tests/other", dxl_message(EVENT, b"to the others")))
        self.assertEqual(fast.message()[1]["payload"], b"to the others")

    def test_requests_for_a_slow_service_are_answered_with_an_error(self):
        topic, count = "/tests/slow/service", 400
        service, requester = self.narrow_peer(topic), self.peer()
        info = {"serviceType": "/tests/slow", "serviceGuid": "{%s}" % uuid.uuid4(), "ttlMins": 60,
                "requestChannels": [topic], "metaData": {}}
        self.assertEqual(service.request(REGISTER, json.dumps(info).encode())["type"], RESPONSE)
        before = self.hits("request_backlog_bytes")
        refused = set()
        for number in range(count):
            requester.send(publish_packet(topic, dxl_message(
                REQUEST, b"x" * EVENT_BYTES, "{%d}" % number, requester.reply_to)))
            # The answer to this comes behind the error for the request above, if there is one.
            marker = "{query %d}" % number
            requester.send(publish_packet(QUERY, dxl_message(REQUEST, b"{}", marker, requester.reply_to)))
            while (answer := requester.message()[1])["request_id"] != marker:
                self.assertEqual((answer["type"], answer["code"]), (ERROR, 0x80000002))
                refused.add(answer["request_id"])
        self.assertTrue(refused)
        self.assertGreaterEqual(self.hits("request_backlog_bytes") - before, len(refused))
        # It reads again, and has lost none of the others.
        widen(service)
        taken = [service.message()[1]["id"] for _ in range(count - len(refused))]
        self.assertEqual(taken, [f"{{{i}}}" for i in range(count) if f"{{{i}}}" not in refused])
        requester.send(publish_packet(topic, dxl_message(REQUEST, b"", "{afterwards}", requester.reply_to)))
        self.assertEqual(service.message()[1]["id"], "{afterwards}")


class SlowConsumersThatMayMissEvents(SlowReaderTest):
    limits = {"outgoing_bytes": 2 * MIB, "slow_consumer": "drop"}

    def test_slow_consumer_is_kept_and_gets_later_events(self):
        slow, sender = self.narrow_peer(TOPIC), self.peer()
        before = self.hits("outgoing_bytes")
        sent = self.flood(sender, lambda: self.hits("outgoing_bytes") >= before + 3)
        widen(slow)
        slow.send(packet(0xC0))  # answered behind what waits
        numbers = []
        while True:
            first, body = slow.receive()
            if first == 0xD0:
                break
            length = struct.unpack(">H", body[:2])[0]
            numbers.append(number_in(parse_dxl(body[2 + length:])))
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLess(len(numbers), sent)
        sender.send(numbered(sent))
        self.assertEqual(number_in(slow.message()[1]), sent)
        self.assertNotIn("closed: slow consumer", self.fabric.log())


class MemoryTest(SlowReaderTest):
    buffered_bytes = 64 * MIB
    limits = {"outgoing_bytes": 8 * MIB, "buffered_bytes": buffered_bytes}

    def setUp(self):
        self.bystander = self.peer()
        self.assert_bystander_is_served()

    def note_memory(self):
        """What clients cost that only are there does not belong to the buffers."""
        self.baseline = self.memory()
        self.forget_peak()

    def assert_bystander_is_served(self):
        answer = self.bystander.request(GET, LOOKUP)
        self.assertEqual(answer["type"], RESPONSE, answer)

    def assert_memory_stayed_bounded(self):
        most = 1.1 * (self.baseline + self.buffered_bytes)
        peak = self.memory("VmHWM")
        print(f"{self.id()}: {self.baseline / MIB:.1f} MiB before, at most {peak / MIB:.1f} MiB, "
              f"bound {most / MIB:.1f} MiB")
        self.assertLess(peak, most)


class MemoryForReaders(MemoryTest):
    def test_fifty_subscribers_that_never_read(self):
        before = self.hits("buffered_bytes")
        readers = [self.narrow_peer(TOPIC) for _ in range(50)]
        sender = self.peer()
        self.note_memory()
        connections = self.status()["connections"]

        def all_closed():
            self.assert_bystander_is_served()
            return self.status()["connections"] == connections - 50

        self.flood(sender, all_closed)
        self.assert_hit("buffered_bytes", before)
        self.assert_memory_stayed_bounded()
        self.assertIn("buffered_bytes", self.fabric.log())
        for reader in readers:
            self.assertTrue(read_to_the_end(reader.socket))


class MemoryForPublishers(MemoryTest):
    def test_hundred_publishers_that_stop_in_the_middle_of_a_message(self):
        before = self.hits("buffered_bytes")
        whole = text("/tests/half") + b"x" * (MIB - 100)
        publishers = [self.peer() for _ in range(100)]
        self.note_memory()
        for publisher in publishers:
            try:
                publisher.send(packet(0x30, b"", length=len(whole)) + whole[:-1])
            except OSError:
                pass  # it was the one to go
            self.assert_bystander_is_served()
        wait_until(lambda: self.hits("buffered_bytes") > before, "the limit on all buffers")
        self.assert_memory_stayed_bounded()
        self.assert_bystander_is_served()


if __name__ == "__main__":
    unittest.main()
