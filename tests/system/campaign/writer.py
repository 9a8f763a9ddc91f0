"""One writer of the crash campaign: different operations, one after the other, on files of its own."""
import uuid

from raw_peer import ERROR, REQUEST

from campaign.peer import (CERT_SET, FABRIC_ERRORS, GET, METADATA, OUTCOME, REPORT, SET, SET_ALL, parsed)
from campaign.values import ABSENT, CERT_ENTERPRISE, ENTERPRISE, EXTERNAL, KINDS, LEVELS, Counted, File, Joined


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
                          for entry in parsed(message)["reputations"]}
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
            for file, (provider, level), result in zip(files, wanted, parsed(message)["results"]):
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
            outcome = parsed(message)["outcome"]
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
