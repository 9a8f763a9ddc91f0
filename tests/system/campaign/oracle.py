"""The oracle of the crash campaign: lets writers write to a TIE service until it dies, and knows afterwards what must be
there. It shares no code with the service and runs in a process of its own."""
import json
import time

from campaign.peer import AGENTS, GET_ALL, INFO, UPDATES, Peer
from campaign.values import ABSENT, KINDS, Lost
from campaign.writer import Writer

BATCH = 200
QUIET = 0.15  # nothing for so long after the death: nothing is under way any more


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
        self.rolled_to = 0  # as a consumer that goes on from latestUpdateTime
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

    def read_updates(self, since):
        """What is listed since then, and where to go on."""
        listed = set()
        while True:
            page = self.call(UPDATES, {"sinceTime": since, "queryLimit": 10000,
                                       "targetTypes": {"file": "sha256", "cert": "sha1"}})
            listed.update(item["value"] for item in page["fileHashes"] + page["certificateHashes"])
            if not page.get("props", {}).get("queryLimitExceeded"):
                return listed, page["latestUpdateTime"]
            since = page["latestUpdateTime"]

    def check_updates(self):
        """Every acknowledged change of this round is among the updates since it began, and a consumer that goes on from
        where it was comes by it."""
        listed, _ = self.read_updates(self.began)
        rolled, self.rolled_to = self.read_updates(self.rolled_to)
        for file in self.changed:
            kind = "sha1" if file.certificate else "sha256"
            digest = file.hashes(kind)[0]["value"]
            for where, found in ((f"since {self.began}", listed), ("for who goes on from the last", rolled)):
                if digest not in found:
                    self.problems.append(f"{file.name}: its change is not among the updates {where}")
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
