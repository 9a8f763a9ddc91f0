"""The oracle of the crash campaign: writes to a TIE service until it dies, and knows afterwards what must be there.

It shares no code with the service and runs in a process of its own. What it remembers of each value: the last one that
was acknowledged, and those that were sent after it without an acknowledgement, which may be there or not.
"""
import base64
import hashlib
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

ENTERPRISE, CERT_ENTERPRISE, EXTERNAL = 3, 4, 15
LEVELS = (1, 15, 30, 70, 85, 99)
KINDS = ("md5", "sha1", "sha256")
ABSENT = 0  # the level of a provider without an entry
FABRIC_ERRORS = 0x80000000  # lower ones are the service's
BATCH = 200
QUIET = 0.15  # nothing for so long after the death: nothing is under way any more
PATIENCE = 30


class Register:
    """One level: what an answer may say."""

    def __init__(self):
        self.known, self.maybe = ABSENT, []

    def sent(self, level):
        self.maybe.append(level)

    def acknowledged(self, level):
        self.known, self.maybe = level, []

    def allows(self, level):
        return level == self.known or level in self.maybe

    def seen(self, level):
        self.known, self.maybe = level, []


class File:
    """The digests of a file, and its registers by provider. Of a certificate, SHA-1 alone."""

    def __init__(self, name, kinds=KINDS, certificate=False):
        self.name, self.certificate = name, certificate
        self.digests = {kind: hashlib.new(kind, name.encode()).digest() for kind in kinds}
        self.levels = {}

    def register(self, provider):
        return self.levels.setdefault(provider, Register())

    def hashes(self, *kinds):
        return [{"type": kind, "value": base64.b64encode(self.digests[kind]).decode()}
                for kind in kinds or self.digests]

    def hexes(self, *kinds):
        return {kind: self.digests[kind].hex() for kind in kinds or self.digests}


class Joined:
    """A file whose digests were learned apart: SHA-1 set, MD5 reported, then all three set in one message."""

    def __init__(self, name):
        self.file = File(name)
        self.apart = {"md5": Register(), "sha1": Register()}  # External; Enterprise
        self.whole = Register()                               # Enterprise of all three

    def problem(self, answers):
        """`answers`: {kind: {provider: level}}. What is wrong, or None."""
        external = answers["md5"].get(EXTERNAL, ABSENT)
        if not self.apart["md5"].allows(external):
            return f"External by MD5 is {external}"
        levels = {kind: answers[kind].get(ENTERPRISE, ABSENT) for kind in KINDS}
        if levels["md5"] == levels["sha1"] == levels["sha256"] != ABSENT:
            if not self.whole.allows(levels["md5"]):
                return f"joined with level {levels['md5']}"
            others = [answers[kind].get(EXTERNAL, ABSENT) for kind in KINDS]
            return None if others == [external] * 3 else f"half joined: External is {others}"
        if self.whole.known != ABSENT:
            return f"not joined, though that was acknowledged: {answers}"
        apart = (levels["md5"] == ABSENT and levels["sha256"] == ABSENT and self.apart["sha1"].allows(levels["sha1"])
                 and answers["sha1"].get(EXTERNAL, ABSENT) == ABSENT
                 and answers["sha256"].get(EXTERNAL, ABSENT) == ABSENT)
        return None if apart else f"half joined: {answers}"

    def seen(self, answers):
        self.apart["md5"].seen(answers["md5"].get(EXTERNAL, ABSENT))
        self.whole.seen(answers["sha256"].get(ENTERPRISE, ABSENT))
        self.apart["sha1"].seen(answers["sha1"].get(ENTERPRISE, ABSENT))


class Counted:
    """Something that is not answered for (a first reference, metadata): due once a later set is acknowledged."""

    def __init__(self, file, agent=None, name=None):
        self.file, self.agent, self.name = file, agent, name
        self.due = False


class Peer(RawPeer):
    """Requests whose answers come to callbacks."""

    def open(self):
        self.connect().subscribe(self.reply_to, *CHANGED)
        self.waiting = {}
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
        return json.loads(answers[0]["payload"].rstrip(b"\0") or b"null")

    def take_one(self, wait):
        """Handles one message, if one comes."""
        if not self.readable(wait):
            return False
        topic, message = self.message()
        if message["type"] == EVENT:
            self.on_event(json.loads(message["payload"].rstrip(b"\0")))
        elif (on_answer := self.waiting.pop(message.get("request_id"), None)) is not None:
            on_answer(message)
        return True

    def on_event(self, event):
        pass


class Lost(AssertionError):
    """The service broke a promise."""


class Oracle(Peer):
    """`log`: a text file, one line per thing that was acknowledged. All of one store's life."""

    def use(self, log):
        self.log = log
        self.forget()
        return self

    def forget(self):
        """A new store."""
        self.files, self.joined, self.counted = [], [], []
        self.last_change_id = 0
        self.comments = {}  # what the audit log must have: {comment: (provider, level)}
        self.problems = []
        self.begin_round()

    def begin_round(self, disk_fails=False):
        self.disk_fails = disk_fails  # then what has no answer may be lost
        self.round_files, self.round_joined, self.changed, self.pending_counts = {}, [], [], []
        self.acknowledged = self.refused = self.events = 0
        self.began = int(time.time()) - 1
        self.waiting.clear()

    def on_event(self, event):
        self.events += 1
        change_id = event["changeId"]
        if change_id <= self.last_change_id:
            self.problems.append(f"change id {change_id} came after {self.last_change_id}")
        self.last_change_id = change_id

    # --- writing

    def write(self, random, lanes, goes_on, prefix):
        """Several writers at a time, each with files of its own, for as long as `goes_on()`."""
        old = [file for file in self.files if not file.certificate]
        writers = [Writer(self, random, f"{prefix}.{lane}", old[lane::lanes]) for lane in range(lanes)]
        for writer in writers:
            writer.next()
        while goes_on():
            self.take_one(0.01)
        for writer in writers:
            writer.stopped = True

    def drain(self):
        """After the death: what is still on its way."""
        while self.take_one(QUIET):
            pass
        self.waiting.clear()

    def note(self, *what):
        self.acknowledged += 1
        print(json.dumps(what), file=self.log, flush=True)

    # --- checking

    def levels(self, questions):
        """[{provider: level}] for [(hashes, is certificate)]."""
        found = []
        for start in range(0, len(questions), BATCH):
            items = [{"hashes": hashes, **({"type": "cert"} if certificate else {})}
                     for hashes, certificate in questions[start:start + BATCH]]
            results = self.call(GET_ALL, {"items": items, "scanType": 3})["results"]
            if len(results) != len(items) or any("error" in result for result in results):
                raise Lost(f"cannot be read: {[r for r in results if 'error' in r][:3]}")
            found += [{entry["providerId"]: entry["trustLevel"] for entry in result["reputations"]}
                      for result in results]
        return found

    def check_files(self, files):
        answers = self.levels([(file.hashes(), file.certificate) for file in files])
        # Every message about it has all its digests, so they always say the same.
        by_digest = self.levels([(file.hashes(kind), file.certificate) for file in files for kind in file.digests])
        position, checked = 0, 0
        for file, answer in zip(files, answers):
            for each in by_digest[position:position + len(file.digests)]:
                if each != answer:
                    self.problems.append(f"{file.name}: its digests answer {each} and {answer}")
            position += len(file.digests)
            for provider, register in file.levels.items():
                checked += 1
                level = answer.get(provider, ABSENT)
                if not register.allows(level):
                    self.problems.append(f"{file.name}: provider {provider} is {level}, acknowledged {register.known}, "
                                         f"sent later {register.maybe}")
                register.seen(level)
        return checked

    def check_joined(self, joined):
        answers = self.levels([(each.file.hashes(kind), False) for each in joined for kind in KINDS])
        for position, each in enumerate(joined):
            one = dict(zip(KINDS, answers[3 * position:3 * position + 3]))
            if (problem := each.problem(one)) is not None:
                self.problems.append(f"{each.file.name}: {problem}")
            each.seen(one)
        return len(joined)

    def check_counted(self):
        """First references and names that must be there."""
        checked = 0
        for counted in (each for each in self.pending_counts if each.due):
            checked += 1
            if counted.agent:
                answer = self.call(AGENTS, {"hashes": counted.file.hashes(), "queryLimit": 10})
                if counted.agent not in [agent["agentGuid"] for agent in answer["agents"]]:
                    self.problems.append(f"{counted.file.name}: no first reference of {counted.agent}")
            else:
                rows = self.call(INFO, {"hashes": [counted.file.hashes()]})["results"]
                if not any(counted.name in (row["names"] or []) for row in rows):
                    self.problems.append(f"{counted.file.name}: its name is lost")
        return checked

    def check_updates(self):
        """Every acknowledged change of this round is among the updates since it began."""
        listed, since = set(), self.began
        while True:
            page = self.call(UPDATES, {"sinceTime": since, "queryLimit": 10000,
                                       "targetTypes": {"file": "sha256", "cert": "sha1"}})
            listed.update(item["value"] for item in page["fileHashes"] + page["certificateHashes"])
            if not page.get("props", {}).get("queryLimitExceeded"):
                break
            since = page["latestUpdateTime"]
        for file in self.changed:
            kind = "sha1" if file.certificate else "sha256"
            if file.hashes(kind)[0]["value"] not in listed:
                self.problems.append(f"{file.name}: its change is not among the updates since {self.began}")
        return len(self.changed)

    def check_audit(self, lines):
        """`lines`: of the exported log."""
        found = {}
        for line in lines:
            entry = json.loads(line)
            if entry["comment"]:
                found[entry["comment"]] = (entry["providerId"], entry["new"])
        for comment, wanted in self.comments.items():
            if found.get(comment) != wanted:
                self.problems.append(f"{comment}: the audit log says {found.get(comment)}, acknowledged {wanted}")
        return len(self.comments)


class Writer:
    """One writer: a stream of different operations, the next one when the last is answered."""

    def __init__(self, oracle, random, name, files):
        self.oracle, self.random, self.name = oracle, random, name
        self.number, self.files, self.stopped = 0, files, False

    def next(self):
        if self.stopped:
            return
        self.number += 1
        operation = self.random.choices((self.set, self.set_again, self.batch, self.report, self.join, self.look_up,
                                         self.describe, self.certificate), (6, 6, 2, 4, 4, 2, 2, 1))[0]
        operation(f"{self.name}.{self.number}")

    def new_file(self, name, **more):
        file = File(name, **more)
        self.oracle.files.append(file)
        self.files.append(file)
        return self.touch(file)

    def touch(self, file):
        self.oracle.round_files[file.name] = file
        return file

    def count(self, counted):
        self.oracle.pending_counts.append(counted)
        return counted

    def go_on(self, answer):
        """After an error too, if the service is there."""
        if answer["type"] != ERROR or answer["code"] < FABRIC_ERRORS:
            self.next()

    def level(self):
        return self.random.choice(LEVELS)

    def set_level(self, topic, file, hashes, level, comment, then):
        """`then(True)` when it was acknowledged."""
        provider = CERT_ENTERPRISE if file.certificate else ENTERPRISE
        payload = {"trustLevel": level, "providerId": provider, "comment": comment, "hashes": hashes}

        def answered(message):
            good = message["type"] != ERROR
            if good:
                self.oracle.comments[comment] = (provider, level)
                self.oracle.note("set", file.name, [item["type"] for item in hashes], provider, level)
            else:
                self.oracle.refused += 1
            then(good)
        self.oracle.ask(topic, payload, answered)

    def set(self, name, again=None, counts=()):
        file = again or self.new_file(name, kinds=self.random.choice((KINDS, ("sha256",))))
        self.touch(file)
        register, level = file.register(ENTERPRISE), self.level()
        before = (register.known, list(register.maybe))
        register.sent(level)

        def done(good):
            if not good:
                return self.refused(file, register, level, before)
            register.acknowledged(level)
            for counted in counts:
                counted.due = not self.oracle.disk_fails
            if before == (before[0], []) and before[0] != level:
                self.oracle.changed.append(file)
            self.next()
        self.set_level(SET, file, file.hashes(), level, name, done)

    def set_again(self, name):
        files = [file for file in self.files if not file.certificate]
        self.set(name, self.random.choice(files) if files else None)

    def refused(self, file, register, level, before):
        """In this life, what was refused must not be seen."""
        def answered(message):
            if message["type"] != ERROR:
                answer = {entry["providerId"]: entry["trustLevel"]
                          for entry in json.loads(message["payload"].rstrip(b"\0"))["reputations"]}
                seen = answer.get(ENTERPRISE, ABSENT)
                if seen == level and level != before[0] and level not in before[1]:
                    self.oracle.problems.append(f"{file.name}: {level} was refused and is answered")
            self.go_on(message)
        self.oracle.ask(GET, {"hashes": file.hashes(), "scanType": 3}, answered)

    def certificate(self, name):
        file = self.new_file(name, kinds=("sha1",), certificate=True)
        register, level = file.register(CERT_ENTERPRISE), self.level()
        register.sent(level)

        def done(good):
            if good:
                register.acknowledged(level)
                self.oracle.changed.append(file)
                self.next()
        self.set_level(CERT_SET, file, file.hashes(), level, name, done)

    def batch(self, name):
        count = self.random.randint(2, 12)
        files = [self.new_file(f"{name}.{n}", kinds=("sha256",)) for n in range(count)]
        wanted = [(self.random.choice((ENTERPRISE, EXTERNAL)), self.level()) for _ in files]
        for file, (provider, level) in zip(files, wanted):
            file.register(provider).sent(level)
        items = [{"type": "file", "providerId": provider, "trustLevel": level, "comment": file.name,
                  "filename": "batch.exe", "fileType": 18, "hashes": file.hashes()}
                 for file, (provider, level) in zip(files, wanted)]

        def answered(message):
            if message["type"] == ERROR:
                self.oracle.refused += 1
                return self.go_on(message)
            for file, (provider, level), result in zip(files, wanted, json.loads(message["payload"])["results"]):
                if result["outcome"] != "changed":  # each is new
                    self.oracle.refused += 1
                    continue
                file.register(provider).acknowledged(level)
                self.oracle.comments[file.name] = (provider, level)
                self.oracle.changed.append(file)
                self.oracle.note("batch", file.name, provider, level)
            self.next()
        self.oracle.ask(SET_ALL, {"items": items}, answered)

    def send_report(self, file, kinds, level, comment, then):
        message_id = self.oracle.tell(REPORT, {
            "file": {"type": 18, "hashes": file.hexes(*kinds), "attributes": {"filename": "report.exe"},
                     "reputation": {"score": level}}, "provider": {"id": EXTERNAL}, "comment": comment})

        def ask():
            if not self.stopped:
                self.oracle.ask(OUTCOME, {"messageId": message_id}, answered)

        def answered(message):
            if message["type"] == ERROR:
                return self.go_on(message)
            outcome = json.loads(message["payload"])["outcome"]
            if outcome == "unknown":
                return ask()
            if outcome == "accepted":
                self.oracle.comments[comment] = (EXTERNAL, level)
                self.oracle.note("report", file.name, level)
            else:
                self.oracle.refused += 1
            then(outcome == "accepted")
        ask()

    def report(self, name):
        file = self.new_file(name, kinds=self.random.choice((KINDS, ("sha256",))))
        level = self.level()
        file.register(EXTERNAL).sent(level)

        def done(accepted):
            if accepted:
                file.register(EXTERNAL).acknowledged(level)
                self.oracle.changed.append(file)
            self.next()
        self.send_report(file, tuple(file.digests), level, name, done)

    def join(self, name):
        joined = Joined(name)
        self.oracle.joined.append(joined)
        self.oracle.round_joined.append(joined)
        own, external, whole = (self.level() for _ in range(3))
        counts = []

        def set_whole():
            joined.whole.sent(whole)
            self.set_level(SET, joined.file, joined.file.hashes(), whole, f"{name}.whole", whole_done)

        def whole_done(good):
            if good:
                joined.whole.acknowledged(whole)
                for counted in counts:  # it moved with the record
                    counted.due = not self.oracle.disk_fails
                if own != whole:  # else nothing changes for who knows the SHA-1
                    self.oracle.changed.append(joined.file)
            self.next()

        def set_done(good):
            if not good:
                return self.next()
            joined.apart["sha1"].acknowledged(own)
            self.refer(joined.file, joined.file.hashes("sha1"), referred)

        def referred(counted):
            counts.append(counted)
            joined.apart["md5"].sent(external)
            self.send_report(joined.file, ("md5",), external, f"{name}.report", report_done)

        def report_done(accepted):
            if not accepted:
                return self.next()
            joined.apart["md5"].acknowledged(external)
            set_whole()
        joined.apart["sha1"].sent(own)
        self.set_level(SET, joined.file, joined.file.hashes("sha1"), own, f"{name}.set", set_done)

    def look_up(self, name):
        """A first reference: of an endpoint for which we speak."""
        file = File(name, kinds=("sha256",))
        self.refer(file, file.hashes(), lambda counted: self.set(f"{name}.after", counts=[counted]))

    def refer(self, file, hashes, then):
        agent = "{%s}" % uuid.UUID(int=self.random.getrandbits(128))

        def answered(message):
            if message["type"] == ERROR:
                return self.go_on(message)
            then(self.count(Counted(file, agent=agent)))
        self.oracle.ask(GET, {"hashes": hashes, "scanType": 1, "agentGuid": agent}, answered)

    def describe(self, name):
        """Metadata has no answer; the set behind it tells when it is on disk."""
        file = File(name, kinds=("sha256",))
        self.oracle.tell(METADATA, {"hashes": file.hashes(), "agentGuid": "metadata", "name": f"{name}.exe",
                                    "size": 7, "objectType": 1, "fileType": 18}, kind=REQUEST)
        self.set(f"{name}.after", counts=[self.count(Counted(file, name=f"{name}.exe"))])
