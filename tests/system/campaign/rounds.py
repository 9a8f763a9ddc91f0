"""The crash campaign (docs/store.md): the service dies in every way we can think of while the oracle writes.

A round is: one or more deaths of the service on one store; checks of a copy of what they left, by `tiara store verify`
and `tiara audit`; a start of the release program on the store itself, and the oracle's questions to it. Rounds on one
store make a life; everything random comes from the seed and the round's number.
"""
import collections
import json
import pathlib
import random
import shutil
import signal
import subprocess
import time

import fabric
from fabric import BIN, GROUP_ENTERPRISE, GROUP_EXTERNAL, TIARA, run, wait_until
from tie_server import TieServer, member, thumbprint

from campaign.oracle import Oracle
from campaign.values import ABSENT, ENTERPRISE, EXTERNAL, Lost

CRASH = BIN / "tiara_crash"
LATER = BIN / "liblater.so"
FIXTURE = pathlib.Path(__file__).parents[2] / "fixtures" / "store-v1"
LANES = 24
LIFE = 10  # rounds of one store
LONGEST = 4.0  # seconds until a service that does not come to its kill point is killed
AGED = 400 * 24 * 3600

SERVING = ("service.group.taken", "service.commit.before", "store.write.before", "store.write.after",
           "store.merge.before", "store.merge.after", "service.commit.after", "service.cache.after",
           "service.answer.before", "service.events.before", "service.events.after", "disk.append", "disk.sync.before",
           "disk.sync.after")
OPENING = ("store.open.recovered", "store.open.done", "disk.create", "disk.append", "disk.sync.before",
           "disk.sync.after", "disk.rename.before", "disk.rename.after", "disk.delete")
UPGRADING = ("store.upgrade.before", "store.upgrade.after", "store.write.before", "store.write.after", "disk.append",
             "disk.rename.before")
AGEING = ("store.retention.before", "store.retention.after")
BACKING_UP = ("store.backup.before", "store.backup.after", "disk.create", "disk.rename.before")
FAULTS = ("nospace", "ioerror", "short", "sync")
# The order of rounds; each takes the next of its own list of places or faults.
KINDS = ("kill", "point", "power", "fault", "point", "open", "power", "point", "clock", "fault", "broken_open", "point",
         "kill", "backup", "point", "upgrade", "fault", "retention")
PLACES = {"point": SERVING, "open": OPENING, "upgrade": UPGRADING, "retention": AGEING, "backup": BACKING_UP,
          "fault": FAULTS, "broken_open": FAULTS}


def plan(number):
    """(kind, place) of a round: all kinds in turn, and of each kind all places in turn."""
    turn, position = divmod(number, len(KINDS))
    kind = KINDS[position]
    if kind not in PLACES:
        return kind, ""
    before = turn * KINDS.count(kind) + KINDS[:position].count(kind)
    return kind, PLACES[kind][before % len(PLACES[kind])]


class Campaign:
    def __init__(self, root, seed, mutation=None):
        self.root, self.seed, self.mutation = pathlib.Path(root), seed, mutation
        self.fabric = fabric.Fabric(self.root).start("--no-service")
        client = self.fabric.provision("tie", "TIE Server")
        config = self.fabric.provision("oracle", GROUP_ENTERPRISE, GROUP_EXTERNAL)
        own = thumbprint(self.root / "oracle" / "client.crt")
        self.server = TieServer(self.root / "server", client, f'[identity]\ntrusted_senders = "{own}"\n')
        self.server.admit(member("oracle", (GROUP_ENTERPRISE, GROUP_EXTERNAL), sha1=own))
        self.store = self.server.directory / "store"
        self.oracle = Oracle(config).open().use(open(self.root / "acknowledged", "a"))
        self.head = None
        self.kinds, self.places = collections.Counter(), collections.Counter()
        self.totals = collections.Counter()

    def close(self):
        self.server.end()
        self.oracle.socket.close()
        self.oracle.log.close()
        self.fabric.kill()

    # --- rounds

    def run(self, first, rounds, tell=print):
        """Rounds `first` to `first + rounds` - 1; `first` begins a life."""
        for number in range(first, first + rounds):
            begun = time.monotonic()
            kind, place = plan(number)
            try:
                self.round(number, kind, place, is_last=number + 1 == first + rounds)
            except AssertionError as problem:
                life = number - number % LIFE
                raise Lost(f"round {number} ({kind} {place}) of seed {self.seed}: {problem}\n"
                           f"Again: scripts/crash-campaign --seed {self.seed} --first {life} --rounds "
                           f"{number - life + 1}") from None
            tell(f"round {number}: {kind} {place}: {self.oracle.acknowledged} acknowledged, {self.oracle.refused} "
                 f"refused, {self.oracle.events} events, {time.monotonic() - begun:.1f} s")

    def round(self, number, kind, place, is_last=False):
        self.random = random.Random(f"{self.seed} {number}")
        if number % LIFE == 0 or kind == "upgrade" or self.head is None:
            self.new_store(FIXTURE if kind == "upgrade" else None)
        self.oracle.begin_round(disk_fails=kind == "fault")
        self.name, self.reached = f"{self.seed}.{number}", True
        getattr(self, kind)(place)
        self.kinds[kind] += 1
        if place and self.reached:
            self.places[f"{kind} {place}"] += 1
        self.check_copy()
        self.check_service(whole=is_last or kind == "retention" or (number + 1) % LIFE == 0)
        if kind == "retention":
            self.head = None  # its changes lie too far in the future for what comes now: a new store
        for name in ("acknowledged", "refused", "events"):
            self.totals[name] += getattr(self.oracle, name)
        if self.oracle.problems:
            raise Lost(f"{len(self.oracle.problems)} problems\n" + "\n".join(self.oracle.problems[:20]))

    def new_store(self, copy_of=None):
        shutil.rmtree(self.store, ignore_errors=True)
        (self.server.directory / "store-id").unlink(missing_ok=True)  # or it would be missed
        if copy_of is not None:
            shutil.copytree(copy_of, self.store)
            self.store.chmod(0o700)
        self.oracle.forget()
        self.head, self.fixture_files = "0:" + "0" * 64, 0
        if copy_of is not None:
            self.fixture_files = self.verify(self.store)["files"]
            shutil.rmtree(self.store)
            shutil.copytree(copy_of, self.store)

    def moment(self):
        return self.random.uniform(0.1, 0.7)

    def kill(self, _):
        self.live(TIARA, self.moment())

    def power(self, _):
        """What was not synced is gone with the process."""
        disk = "lie" if self.mutation == "unsynced" else f"volatile,seed={self.random.getrandbits(32)}"
        self.live(CRASH, self.moment(), TIARA_DISK=disk)

    def point(self, place):
        environment = {"TIARA_KILL_AT": f"{place}:{self.count_of(place)}"}
        if self.random.random() < 0.5:
            environment["TIARA_DISK"] = f"volatile,seed={self.random.getrandbits(32)}"
        elif place.startswith("disk."):
            environment["TIARA_DISK"] = "sound"
        if self.mutation == "split":
            environment.update(TIARA_SPLIT_COMMITS="1", TIARA_KILL_AT=f"store.write.split:{self.count_of('')}")
        self.live(CRASH, None, **environment)

    def count_of(self, place):
        if place.startswith("store.merge"):
            return self.random.randint(1, 15)
        return self.random.randint(1, 60)

    def fault(self, place):
        self.live(CRASH, self.random.uniform(0.6, 1.5), TIARA_DISK=(
            f"volatile,fault={place},after={self.random.randint(20, 120)},"
            f"faults={self.random.choice((1, 3, 1000))},seed={self.random.getrandbits(32)}"),
            how=self.random.choice((signal.SIGKILL, signal.SIGTERM)))

    def open(self, place):
        self.live(TIARA, self.moment())
        self.die_opening(place)

    def broken_open(self, place):
        """The disk fails while the service opens the store: it says so and ends, or goes on with what works."""
        self.live(TIARA, self.moment())
        environment = {"TIARA_DISK": f"fault={place},after={self.random.randint(0, 6)},faults=1000"}
        if self.start(CRASH, environment, ends_with=(8,)):
            self.reached = False
            self.end_with(signal.SIGTERM)

    def clock(self, _):
        """The clock was ahead before the death; a consumer has seen changes of that time."""
        self.live(TIARA, self.moment(), LD_PRELOAD=str(LATER), TIARA_LATER=str(self.random.randint(60, 3600)))

    def upgrade(self, place):
        self.die_opening(place)
        self.live(TIARA, self.moment())

    def retention(self, place):
        """The service lives in the future: what has no override ages."""
        self.age()
        self.live(CRASH, None, TIARA_KILL_AT=f"{place}:{self.random.randint(1, 2)}", LD_PRELOAD=str(LATER),
                  TIARA_LATER=str(AGED))

    def backup(self, place):
        shelf = self.root / f"shelf-{self.name}"
        made = []

        def make():
            made.append(subprocess.Popen([str(TIARA), "store", "backup", str(shelf), "--state",
                                          str(self.server.directory)], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        # Not before the back-up, so that it is there that the service dies.
        count = 1 if place.startswith("store") else self.random.randint(4, 12)
        self.live(CRASH, None, TIARA_KILL_AT=f"{place}:{count}", TIARA_DISK="sound", meanwhile=make)
        for process in made:
            process.wait(fabric.DEADLINE)
        self.shelf = shelf

    # --- deaths

    def live(self, program, seconds, meanwhile=None, how=signal.SIGKILL, **environment):
        """The service runs under the oracle's writes until it dies of what the environment says, or is killed."""
        if not self.start(program, environment):
            return
        child, begun, state = self.server.process.child, time.monotonic(), {"meanwhile": meanwhile}

        def goes_on():
            elapsed = time.monotonic() - begun
            if state["meanwhile"] and elapsed > 0.2:
                state.pop("meanwhile")()
                state["meanwhile"] = None
            return child.poll() is None and elapsed < (LONGEST if seconds is None else seconds)
        self.oracle.write(self.random, LANES, goes_on, self.name)
        self.reached = seconds is not None or child.poll() is not None
        self.end_with(how)
        self.oracle.drain()

    def die_opening(self, place):
        environment = {"TIARA_KILL_AT": f"{place}:{self.random.randint(1, 4) if place.startswith('disk') else 1}",
                       "TIARA_DISK": "sound"}
        if self.start(CRASH, environment):
            self.reached = False
            self.end_with(signal.SIGKILL)

    def start(self, program, environment, ends_with=(-signal.SIGKILL,)):
        """False: it died before it was ready."""
        self.server.program = program
        self.server.launch(**environment)
        line = self.server.process.line()
        if line is None:
            self.expect_end(ends_with)
        return line is not None

    def end_with(self, how):
        if self.server.process.running():
            self.server.process.child.send_signal(how)
        self.expect_end((0,) if how == signal.SIGTERM else (-how,))

    def expect_end(self, codes):
        code = self.server.process.child.wait(fabric.DEADLINE)
        log = self.server.log()
        self.server.process.stop()
        self.server.process = None
        if code not in codes:
            raise Lost(f"the service ended with {code}\n" + log[-2000:])

    def age(self):
        """What only External speaks of may be gone from now on."""
        for file in self.oracle.files:
            register = file.levels.get(ENTERPRISE)
            if EXTERNAL in file.levels and (register is None or register.known == ABSENT):
                file.register(EXTERNAL).sent(ABSENT)
        for joined in self.oracle.joined:
            if joined.whole.known == ABSENT:
                joined.apart["md5"].sent(ABSENT)

    # --- checks

    def json_of(self, *arguments):
        done = run(TIARA, *arguments, "--json")
        if done.returncode != 0:
            raise Lost(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
        return json.loads(done.stdout)

    def verify(self, store):
        return self.json_of("store", "verify", "--store", store)

    def check_copy(self):
        """What the deaths left, without the service."""
        copy = self.root / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.store, copy)
        report = self.verify(copy)
        if report["files"] < self.fixture_files:
            raise Lost(f"{report['files']} files are left of {self.fixture_files}")
        self.head = self.json_of("audit", "verify", "--store", copy, "--head", self.head)["head"]
        lines = run(TIARA, "audit", "export", "--store", copy).stdout.splitlines()
        self.totals["audit entries"] += self.oracle.check_audit(lines)

    def check_service(self, whole):
        """What the release program answers after its start on the store."""
        if not self.start(TIARA, {}):
            raise Lost("the service does not start\n" + self.server.log()[-2000:])
        oracle = self.oracle
        files = oracle.files if whole else list(oracle.round_files.values())
        self.totals["levels"] += oracle.check_files(files)
        self.totals["joined"] += oracle.check_joined(oracle.joined if whole else oracle.round_joined)
        self.totals["counted"] += oracle.check_counted()
        self.totals["updates"] += oracle.check_updates()
        if getattr(self, "shelf", None):
            self.check_back_up()
        self.end_with(signal.SIGKILL)

    def check_back_up(self):
        """A back-up that was cut off stands in nobody's way: the next one is whole."""
        shelf, self.shelf = self.shelf, None
        self.json_of("store", "backup", shelf, "--state", self.server.directory)
        restored = self.root / "restored"
        shutil.rmtree(restored, ignore_errors=True)
        done = run(TIARA, "store", "restore", shelf, "--store", restored)
        if done.returncode != 0:
            raise Lost(f"the back-up does not restore: {done.stderr}")
        self.verify(restored)
        self.json_of("audit", "verify", "--store", restored, "--head", self.head)
        shutil.rmtree(shelf)

    def summary(self):
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        totals = ", ".join(f"{count} {what}" for what, count in self.totals.items())
        return f"{sum(self.kinds.values())} rounds ({kinds}); {len(self.places)} places; {totals}; nothing lost"

    def unreached(self):
        """Places at which no round so far has died, though one was planned."""
        planned = {f"{kind} {place}" for kind, place in map(plan, range(sum(self.kinds.values()))) if place}
        return sorted(planned - set(self.places))
