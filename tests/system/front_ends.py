"""`tiara server` with two front-ends on one store: two connections to the broker, two registrations, one writer (L16)."""
import base64
import contextlib
import json
import os
import select
import socket
import threading
import unittest
import uuid

import fabric
from fabric import GROUP_ENTERPRISE, GROUP_EXTERNAL, wait_until
from raw_peer import ERROR, EVENT, REQUEST, RawPeer, dxl_message, publish_packet, read_config
from tie_server import TieServer, member, thumbprint

GET = "/mcafee/service/tie/file/reputation"
SET = "/mcafee/service/tie/file/reputation/set"
REPORT = "/mcafee/event/external/file/report"
CHANGE = "/mcafee/event/tie/file/repchange/broadcast"
QUERY = "/mcafee/service/dxl/svcregistry/query"
PATIENCE = 5.0  # with one answer


class Door:
    """Passes bytes between the service and the broker, so that a test can cut single connections."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            if self.closed:
                near.close()
                continue
            pair = near, socket.create_connection(self.target)
            self.pairs.append(pair)
            threading.Thread(target=self._pass, args=(pair,), daemon=True).start()

    def _pass(self, pair):
        other = {pair[0]: pair[1], pair[1]: pair[0]}
        try:
            while True:
                for ready in select.select(pair, [], [])[0]:
                    block = ready.recv(65536)
                    if not block:
                        return
                    other[ready].sendall(block)
        except (OSError, ValueError):
            return
        finally:
            with contextlib.suppress(ValueError):  # cut() has taken it
                self.pairs.remove(pair)
            for end in pair:
                end.close()

    def cut(self):
        """Ends the oldest connection and lets no new one in until `closed` is False again."""
        self.closed = True
        for end in self.pairs.pop(0):
            with contextlib.suppress(OSError):  # the thread of the pair may have closed it already
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        for pair in list(self.pairs):
            for end in pair:
                end.close()


def hashes_of(digest):
    return [{"type": "md5", "value": base64.b64encode(digest).decode()}]


class FrontEnds(fabric.FabricTest):
    up_options = ("--no-service",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        config = cls.fabric.provision("tie", "TIE Server")
        cls.operator = cls.fabric.provision("operator", GROUP_ENTERPRISE, GROUP_EXTERNAL)
        host, port, *_ = read_config(config)
        cls.door = Door((host, port))
        cls.addClassCleanup(cls.door.close)
        config.write_text(config.read_text().replace(f";{port};", f";{cls.door.port};"))
        cls.server = TieServer(cls.root / "server", config, "[server]\nfront_ends = 2\n")
        cls.server.admit(member("operator", (GROUP_ENTERPRISE, GROUP_EXTERNAL), sha1=thumbprint(cls.root / "operator" / "client.crt")))
        cls.addClassCleanup(cls.server.end)
        cls.server.start()

    def setUp(self):
        wait_until(lambda: self.server.status()["tie"]["ready"], "both front-ends")
        self.peer = RawPeer(self.operator).connect()
        self.addCleanup(self.peer.socket.close)
        self.peer.subscribe(self.peer.reply_to)

    def services(self):
        """The ids of the registrations there are."""
        answer = self.peer.request(QUERY, b'{"serviceType":"/opendxl-tiara/service/tie"}')
        return sorted(json.loads(answer["payload"].rstrip(b"\0"))["services"])

    def ask(self, service, topic, payload):
        """The payload of one front-end's answer; of any with an empty `service`."""
        message_id = "{%s}" % uuid.uuid4()
        self.peer.send(publish_packet(topic, dxl_message(REQUEST, payload, message_id, self.peer.reply_to, service)))
        while True:
            answer = self.peer.message()[1]
            if answer.get("request_id") != message_id:
                continue
            self.assertNotEqual(answer["type"], ERROR, answer)
            self.assertIn(service, ("", answer["service"]))
            return answer["payload"].rstrip(b"\0")

    def set(self, service, digest, level):
        self.ask(service, SET, json.dumps({"trustLevel": level, "providerId": 3, "filename": "a.exe", "comment": "",
                                           "hashes": hashes_of(digest)}).encode())

    def levels(self, service, digest):
        payload = self.ask(service, GET, json.dumps({"hashes": hashes_of(digest), "scanType": 3}).encode())
        return {entry["providerId"]: entry["trustLevel"] for entry in json.loads(payload)["reputations"]}

    def watch(self):
        watcher = RawPeer(self.operator).connect()
        self.addCleanup(watcher.socket.close)
        return watcher.subscribe(CHANGE)

    def next_changed(self, watcher):
        """The MD5 in the next change event."""
        return base64.b64decode(json.loads(watcher.message()[1]["payload"].rstrip(b"\0"))["hashes"][0]["value"])

    def test_L16_a_set_through_one_is_seen_at_once_through_the_other_with_one_event(self):
        one, other = self.services()
        watcher = self.watch()
        changed = []
        for level in (99, 1, 50, 15) * 5:
            changed.append(os.urandom(16))
            self.set(one, changed[-1], level)
            for service in (other, one):
                self.assertEqual(self.levels(service, changed[-1])[3], level)
            self.set(other, changed[-1], level)  # the same again changes nothing
            one, other = other, one
        # Each sends the events of what came through it, so that the order of both together is open.
        self.assertEqual(sorted(self.next_changed(watcher) for _ in changed), sorted(changed))
        last = os.urandom(16)
        self.set(one, last, 99)
        self.assertEqual(self.next_changed(watcher), last)

    def test_L16_a_report_reaches_both_and_is_one_change(self):
        watcher = self.watch()
        before = self.server.status()["tie"]["reports"]
        digests = [os.urandom(16) for _ in range(20)]
        for digest in digests:
            self.peer.send(publish_packet(REPORT, dxl_message(EVENT, json.dumps({
                "file": {"type": 18, "hashes": {"md5": digest.hex()}, "attributes": {"filename": "a.exe"},
                         "reputation": {"score": 30}}, "provider": {"id": 15}, "comment": ""}).encode(), "{%s}" % uuid.uuid4())))
            # A lookup behind it on the same connection sees it, whichever front-end answers.
            self.assertEqual(self.levels("", digest)[15], 30)
        self.assertEqual(sorted(self.next_changed(watcher) for _ in digests), sorted(digests))
        after = self.server.status()["tie"]["reports"]
        self.assertEqual((after["accepted"], after["unchanged"]), (before["accepted"] + len(digests), before["unchanged"]))

    def test_L16_a_front_end_that_goes_away_loses_no_change_and_the_other_serves_on(self):
        watcher = self.watch()
        sets = [os.urandom(16) for _ in range(300)]
        unanswered = 0
        self.peer.socket.settimeout(PATIENCE)
        for number, digest in enumerate(sets):
            if number == 100:
                self.door.cut()
            while True:
                try:
                    self.set("", digest, 99)
                    break
                except TimeoutError:  # it was on its way to the connection that ended
                    unanswered += 1
            if number == 200:
                self.assertEqual(len(self.services()), 1)
                self.assertFalse(self.server.status()["tie"]["ready"])
                self.door.closed = False
        self.assertLessEqual(unanswered, 1)
        wait_until(lambda: self.server.status()["tie"]["ready"], "the front-end to come back")
        one, other = self.services()
        for digest in sets:
            self.assertEqual(self.levels(one, digest)[3], 99)
        self.assertEqual(self.levels(other, sets[-1])[3], 99)
        # Whoever set it, and however often it was asked for: one event each, but for what the lost connection had in
        # its hands.
        seen = []
        last = os.urandom(16)
        self.set(one, last, 99)
        while last not in seen:
            seen.append(self.next_changed(watcher))
        self.assertEqual(len(seen), len(set(seen)))
        self.assertGreaterEqual(len(seen), len(sets) + 1 - 1)


if __name__ == "__main__":
    unittest.main()
