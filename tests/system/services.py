"""The service registry as a bare peer sees it, above all when a service's client is lost."""
import json
import socket
import struct
import unittest
import uuid

import fabric
from raw_peer import RawPeer, ERROR, RESPONSE

REGISTER = "/mcafee/service/dxl/svcregistry/register"
UNREGISTER = "/mcafee/service/dxl/svcregistry/unregister"
QUERY = "/mcafee/service/dxl/svcregistry/query"
EVENT_PREFIX = "/mcafee/event/dxl/svcregistry/"


def registration(topic):
    return {"serviceType": "/tests/type", "serviceGuid": "{%s}" % uuid.uuid4(), "ttlMins": 60,
            "requestChannels": [topic], "metaData": {"k": "v"}}


class Services(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.fabric.provision("peer")

    def peer(self, *topics):
        peer = RawPeer(self.config).connect()
        self.addCleanup(peer.socket.close)
        return peer.subscribe(peer.reply_to, *topics)

    def event(self, watcher, kind, service_id):
        while True:
            topic, message = watcher.message()
            content = json.loads(message["payload"])
            if (topic, content["serviceGuid"]) == (EVENT_PREFIX + kind, service_id):
                return content

    def test_lost_client_takes_its_services_along(self):
        for how in ("closed", "reset"):
            with self.subTest(how):
                watcher = self.peer(EVENT_PREFIX + "register", EVENT_PREFIX + "unregister")
                service = self.peer("/tests/lost")
                info = registration("/tests/lost")
                answer = service.request(REGISTER, json.dumps(info).encode())
                self.assertEqual(answer["type"], RESPONSE)
                event = self.event(watcher, "register", info["serviceGuid"])
                self.assertEqual({key: event[key] for key in info}, info)
                if how == "reset":  # RST instead of FIN, no close_notify
                    service.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                              struct.pack("ii", 1, 0))
                service.socket.close()
                self.event(watcher, "unregister", info["serviceGuid"])
                listed = json.loads(watcher.request(QUERY, b"{}")["payload"])["services"]
                self.assertNotIn(info["serviceGuid"], listed)
                answer = watcher.request("/tests/lost", b"{}")
                self.assertEqual((answer["type"], answer["code"]), (ERROR, 0x80000001))

    def test_unregistering_sends_the_event_and_answers(self):
        watcher = self.peer(EVENT_PREFIX + "unregister")
        service = self.peer("/tests/unregistered")
        info = registration("/tests/unregistered")
        service.request(REGISTER, json.dumps(info).encode())
        guid = json.dumps({"serviceGuid": info["serviceGuid"]}).encode()
        self.assertEqual(service.request(UNREGISTER, guid)["type"], RESPONSE)
        self.event(watcher, "unregister", info["serviceGuid"])

    def test_tie_service_is_listed(self):
        listed = json.loads(self.peer().request(QUERY, b"{}")["payload"])["services"].values()
        channels = {channel for service in listed for channel in service["requestChannels"]}
        self.assertLessEqual({"/mcafee/service/tie/file/reputation",
                              "/mcafee/service/tie/file/reputation/set"}, channels)


if __name__ == "__main__":
    unittest.main()
