"""A peer that sends what the OpenDXL TIE client for Python sends, byte for byte, and sees what that one shows."""
import base64
import hashlib
import json
import os
import uuid

from raw_peer import ERROR, EVENT, REQUEST, RawPeer, dxl_message, publish_packet

SERVICE = "/mcafee/service/tie/"
REPORT = "/mcafee/event/external/file/report"
CHANGE = "/mcafee/event/tie/file/repchange/broadcast"
SANDBOX = "/mcafee/event/atd/file/report"
GTI, ENTERPRISE, ATD, MWG, EXTERNAL = 1, 3, 5, 7, 15


class TieError(Exception):
    """What the original raises, as a plain Exception: the text, and the code in brackets."""

    def __init__(self, answer):
        super().__init__(f"Error: {answer['text']} ({answer['code']})")
        self.code = answer["code"]


def new_digests():
    """Digests that no other test uses."""
    content = os.urandom(16)
    return {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha1", "sha256")}


def wire_hashes(hashes):
    return [{"type": kind, "value": base64.b64encode(bytes.fromhex(value)).decode()} for kind, value in hashes.items()]


def by_provider(reputations):
    return {entry["providerId"]: entry for entry in reputations}


class PythonTie(RawPeer):
    """Events that come while it waits for an answer are kept for next_event()."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.events = []

    def connect(self):
        super().connect()
        return self.subscribe(self.reply_to)

    def ask(self, topic, value):
        """The answer's payload as it came; TieError."""
        return self.ask_text(topic, json.dumps(value))

    def ask_text(self, topic, text):
        message_id = "{%s}" % uuid.uuid4()
        message = dxl_message(REQUEST, text.encode(), message_id, self.reply_to)
        self.send(publish_packet(topic if topic.startswith("/") else SERVICE + topic, message))
        while True:
            arrived = self.message()
            if arrived[1].get("request_id") == message_id:
                break
            self.events.append(arrived)
        answer = arrived[1]
        if answer["type"] == ERROR:
            raise TieError(answer)
        return answer["payload"].rstrip(b"\0").decode()

    def get_file(self, hashes):
        """{providerId: entry}, as the client shows it."""
        answer = json.loads(self.ask("file/reputation", {"hashes": wire_hashes(hashes), "scanType": 3}))
        return by_provider(answer.get("reputations", []))

    def set_file(self, level, hashes, filename="", comment=""):
        self.ask("file/reputation/set", {"trustLevel": level, "providerId": ENTERPRISE, "filename": filename, "comment": comment,
                                         "hashes": wire_hashes(hashes)})

    def set_external(self, level, hashes, file_type=0, filename="", comment=""):
        """Returns the event's message id: there is no answer."""
        return self.publish(REPORT, {
            "file": {"type": file_type, "hashes": hashes, "attributes": {"filename": filename}, "reputation": {"score": level}},
            "provider": {"id": EXTERNAL}, "comment": comment})

    def get_agents(self, hashes, limit=500):
        return json.loads(self.ask("file/agents", {"queryLimit": limit, "hashes": wire_hashes(hashes)})).get("agents", [])

    def publish(self, topic, value):
        message_id = "{%s}" % uuid.uuid4()
        self.send(publish_packet(topic, dxl_message(EVENT, json.dumps(value).encode(), message_id)))
        return message_id

    def next_event(self):
        """(topic, payload as a value) of the next event."""
        topic, message = self.events.pop(0) if self.events else self.message()
        assert message["type"] == EVENT, message
        return topic, json.loads(message["payload"].rstrip(b"\0"))

    def next_change_of(self, hashes, topic=CHANGE):
        """The next change event of a file of one of these digests."""
        wanted = {value["value"] for value in wire_hashes(hashes)}
        while True:
            arrived, change = self.next_event()
            if arrived == topic and wanted & {value["value"] for value in change["hashes"]}:
                return change
