"""A peer with many requests under way at a time, and the topics of TIE. It shares no code with the service."""
import json
import select
import time
import uuid

from raw_peer import ERROR, EVENT, REQUEST, RawPeer, dxl_message, publish_packet

GET_ALL = "/opendxl-tiara/service/tie/reputations"
SET_ALL = "/opendxl-tiara/service/tie/reputations/set"
OUTCOME = "/opendxl-tiara/service/tie/report/outcome"
SET = "/mcafee/service/tie/file/reputation/set"
GET = "/mcafee/service/tie/file/reputation"
CERT_SET = "/mcafee/service/tie/cert/reputation/set"
AGENTS = "/mcafee/service/tie/file/agents"
METADATA = "/mcafee/service/tie/file/update_metadata"
INFO = "/mcafee/service/tie/file/info"
UPDATES = "/mcafee/service/tie/reputation/updates"
REPORT = "/mcafee/event/external/file/report"
CHANGED = ("/mcafee/event/tie/file/repchange/broadcast", "/mcafee/event/tie/cert/repchange/broadcast")

FABRIC_ERRORS = 0x80000000  # lower ones are the service's
PATIENCE = 30


def parsed(message):
    """The JSON of an answer or an event; the original ends some with a zero byte."""
    return json.loads(message["payload"].rstrip(b"\0") or b"null")


class Peer(RawPeer):
    """Requests whose answers come to callbacks."""

    def open(self):
        self.connect().subscribe(self.reply_to, *CHANGED)
        self.waiting = {}  # message id -> callback
        return self

    def ask(self, topic, payload, on_answer):
        message_id = "{%s}" % uuid.uuid4()
        self.waiting[message_id] = on_answer
        self.send(publish_packet(topic, dxl_message(REQUEST, json.dumps(payload).encode(), message_id,
                                                    self.reply_to)))

    def tell(self, topic, payload, kind=EVENT):
        message_id = "{%s}" % uuid.uuid4()
        self.send(publish_packet(topic, dxl_message(kind, json.dumps(payload).encode(), message_id)))
        return message_id

    def readable(self, wait):
        return bool(self._whole_packet() or self.socket.pending() or select.select([self.socket], [], [], wait)[0])

    def _whole_packet(self):
        for position in range(1, min(len(self._buffer), 5)):
            if self._buffer[position] < 0x80:
                length = sum((self._buffer[i] & 0x7F) << 7 * (i - 1) for i in range(1, position + 1))
                return len(self._buffer) > position + length
        return False

    def call(self, topic, payload):
        """Waits for the answer; the parsed payload."""
        answers = []
        self.ask(topic, payload, answers.append)
        end = time.monotonic() + PATIENCE
        while not answers:
            if time.monotonic() > end:
                raise AssertionError(f"no answer on {topic}")
            self.take_one(1)
        if answers[0]["type"] == ERROR:
            raise AssertionError(f"{topic}: error {answers[0]['code']:#x}: {answers[0]['text']}")
        return parsed(answers[0])

    def take_one(self, wait):
        """Handles one message, if one comes."""
        if not self.readable(wait):
            return False
        topic, message = self.message()
        if message["type"] == EVENT:
            self.on_event(parsed(message))
        elif (on_answer := self.waiting.pop(message.get("request_id"), None)) is not None:
            on_answer(message)
        return True

    def on_event(self, event):
        pass
