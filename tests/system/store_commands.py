#!/usr/bin/python3
"""`tiara store` and `tiara audit`: back-ups while the store is written, restore, damage, a full disk."""
import csv
import io
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import stat
import tempfile
import unittest

import fabric
from fabric import BIN, TIARA, levels, run, tiara, wait_until

ENOUGH = 300  # acknowledged sets before a back-up


def store(action, *arguments, **more):
    return run(TIARA, "store", action, *arguments, **more)


def audit(action, *arguments):
    return run(TIARA, "audit", action, *arguments)


class StoreTest(fabric.FabricTest):
    """Each test has a fabric of its own, for it stops it and breaks its store."""

    def setUp(self):
        self.folder = self.root / self.id().rsplit(".", 1)[1]
        self.folder.mkdir()
        self.own = fabric.Fabric(self.folder).start()
        self.addCleanup(lambda: self.own.process is not None and self.own.kill())
        self.state = self.own.state
        self.shelf = self.folder / "backups"

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-store-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)

    def assert_exit(self, code, done):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def fill(self, name="stream", enough=ENOUGH):
        """Streams sets until so many are acknowledged; the stream goes on. [(digest, level)]"""
        log = self.folder / name
        stream = self.start_process(BIN / "set_stream", "stream", self.own.admin, log, name)
        wait_until(lambda: not stream.running() or log.exists() and log.read_bytes().count(b"\n") >= enough,
                   "acknowledged sets")
        self.assertTrue(stream.running(), stream.log())
        return stream, self.acknowledged(log)

    @staticmethod
    def acknowledged(log):
        lines = log.read_text().splitlines(keepends=True)
        return [(digest, int(level)) for digest, level in (line.split() for line in lines if line.endswith("\n"))]

    def entries(self, *place):
        """Of the audit log, after it was verified."""
        self.assert_exit(0, audit("verify", *place))
        return [json.loads(line) for line in self.assert_exit(0, audit("export", *place)).stdout.splitlines()]

    def start_in_vain(self):
        """A start that must be refused at once."""
        return run(TIARA, "up", "--state", self.state, *"--port 0 --ws-port 0 --https-port 0".split())

    def set(self, name, level="KNOWN_TRUSTED", *more):
        file = self.own.root / name
        file.write_text(name)
        self.assert_exit(0, tiara(self.own.admin, "rep", "set", level, file, *more))
        return file


class BackUps(StoreTest):
    def test_a_back_up_of_a_busy_store_is_whole_and_restores(self):
        stream, before = self.fill()
        made = self.assert_exit(0, store("backup", self.shelf, "--state", self.state, "--json"))
        self.assertEqual(json.loads(made.stdout)["number"], 1)
        self.assertTrue(stream.running(), "sets went on meanwhile")
        head = json.loads(self.assert_exit(0, audit("verify", "--state", self.state, "--json")).stdout)["head"]
        self.assertEqual(self.own.stop(), 0)
        wait_until(lambda: not stream.running(), "the stream to end")
        stream.stop()
        self.assertEqual(stat.S_IMODE(os.stat(self.shelf).st_mode), 0o700)

        shutil.move(self.state / "store", self.state / "store.old")
        self.assert_exit(0, store("restore", self.shelf, "--state", self.state))
        self.assert_exit(0, store("verify", "--state", self.state))
        kept = {(entry["hashes"]["sha256"], entry["new"]) for entry in self.entries("--state", self.state)}
        self.assertEqual([each for each in before if each not in kept], [])
        # What was noted after the back-up is not in it.
        missing = self.assert_exit(1, audit("verify", "--state", self.state, "--head", head))
        self.assertRegex(missing.stderr, r"entry \d+ is missing")
        self.own.start()
        self.set("after.txt")

    def test_a_second_back_up_adds_to_the_first_and_either_restores(self):
        first = self.set("first.txt")
        self.assert_exit(0, store("backup", self.shelf, "--state", self.state))
        second = self.set("second.txt", "KNOWN_MALICIOUS")
        self.own.stop()  # without a server the command opens the store itself
        self.assert_exit(0, store("backup", self.shelf, "--state", self.state))
        listed = store("list", self.shelf, "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["number"] for line in listed], [1, 2])
        self.assert_exit(8, store("restore", self.shelf, "--state", self.state))  # there is one
        shutil.rmtree(self.state / "store")
        done = self.assert_exit(0, store("restore", self.shelf, "--number", "1", "--state", self.state))
        self.assertEqual(done.stdout, f"restored back-up 1 to {self.state / 'store'}\n")
        self.own.start()
        self.assertEqual(levels(self.own.admin, first)[3], 99)
        self.assertEqual(levels(self.own.admin, second)[3], 0)
        self.assert_exit(8, store("restore", self.shelf, "--number", "3", "--store", self.folder / "new"))

    def test_a_damaged_back_up_is_refused(self):
        self.set("file.txt")
        self.assert_exit(0, store("backup", self.shelf, "--state", self.state))
        table = next(self.shelf.glob("**/*.sst"))
        flip(table, table.stat().st_size // 2)
        done = self.assert_exit(8, store("restore", self.shelf, "--store", self.folder / "new"))
        self.assertIn("back-up 1 is damaged", done.stderr)
        self.assertFalse((self.folder / "new").exists())

    def test_a_disk_that_is_full_fails_the_back_up_and_nothing_else(self):
        stream, _ = self.fill(enough=2000)
        stream.stop(signal.SIGKILL)
        self.own.stop()
        self.assert_exit(0, store("compact", "--state", self.state))
        self.assertGreater(max(table.stat().st_size for table in (self.state / "store").glob("*.sst")), 65536)

        def small_disk():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

        done = self.assert_exit(8, store("backup", self.shelf, "--state", self.state, preexec_fn=small_disk))
        self.assertIn(str(self.shelf), done.stderr)
        self.assert_exit(0, store("verify", "--state", self.state))
        self.assert_exit(0, store("backup", self.shelf, "--state", self.state))
        self.assert_exit(0, store("restore", self.shelf, "--store", self.folder / "new"))
        self.assert_exit(0, store("verify", "--store", self.folder / "new"))

    def test_a_running_server_says_why_it_made_no_back_up(self):
        self.set("file.txt")
        (self.folder / "occupied").write_text("a file")
        done = self.assert_exit(8, store("backup", self.folder / "occupied", "--state", self.state))
        self.assertIn("occupied", done.stderr)
        self.assertIn("no back-up: ", self.own.log())
        self.assert_exit(0, store("backup", self.shelf, "--state", self.state))

    def test_back_ups_are_made_in_no_directory_of_something_else(self):
        (self.folder / "foreign").mkdir()
        (self.folder / "foreign" / "file").write_text("x")
        wrong = [self.folder / "foreign", self.state, *(self.state / name / "new" for name in
                                                        ("store", "keystore", "service", "clients", "run"))]
        for running in (True, False):
            for directory in wrong:
                self.assert_exit(8, store("backup", directory, "--state", self.state))
                self.assertFalse((directory / "meta").exists())
            self.assert_exit(0, store("backup", self.state / "backups", "--state", self.state))
            if running:
                self.own.stop()

    def test_the_rest_is_refused_while_a_server_runs(self):
        for action in ("verify", "compact", "migrate"):
            done = self.assert_exit(8, store(action, "--state", self.state))
            self.assertIn("held by a running server or another command; stop that first", done.stderr)
        self.assert_exit(0, store("backup", self.shelf, "--state", self.state))
        self.assert_exit(8, store("restore", self.shelf, "--state", self.state))
        self.assert_exit(8, store("verify", "--state", self.folder / "nowhere"))
        self.assertIn("no such directory", self.assert_exit(8, store("list", self.folder / "nowhere")).stderr)
        self.assert_exit(8, audit("verify", "--store", self.folder / "nowhere"))


def flip(file, at):
    with open(file, "r+b") as damaged:
        damaged.seek(at)
        byte = damaged.read(1)
        damaged.seek(at)
        damaged.write(bytes([byte[0] ^ 0x40]))


class Damage(StoreTest):
    def setUp(self):
        super().setUp()
        for group in range(4):
            files = [self.own.root / f"{group}-{number}.txt" for number in range(30)]
            for file in files:
                file.write_text(file.name)
            self.assert_exit(0, tiara(self.own.admin, "rep", "set", "KNOWN_TRUSTED", *files, "--comment",
                                      f"<{group}> {os.urandom(200).hex()}"))
        self.own.stop()
        self.assert_exit(0, store("compact", "--state", self.state))

    def damage(self):
        """Flips a byte in the middle of the audit log: of the comments, its are the last in the store."""
        table = max((self.state / "store").glob("*.sst"), key=lambda file: file.stat().st_size)
        at = table.read_bytes().rfind(b"<1> ")
        self.assertGreater(at, 0)
        flip(table, at)

    def test_verify_finds_a_flipped_byte(self):
        sound = json.loads(self.assert_exit(0, store("verify", "--state", self.state, "--json")).stdout)
        self.assertEqual((sound["files"], sound["problems"]), (120, []))
        self.assertEqual(sound["auditHead"].split(":")[0], "120")
        self.damage()
        broken = store("verify", "--state", self.state)
        self.assert_exit(1, broken)
        self.assertRegex(broken.stdout, r"problems [1-9]")

    def test_audit_finds_a_flipped_byte(self):
        self.assert_exit(0, audit("verify", "--state", self.state))
        self.damage()
        for action in ("verify", "export"):
            broken = self.assert_exit(1, audit(action, "--state", self.state))
            self.assertRegex(broken.stderr, r"^tiara: the audit log is broken at entry \d+: ")

    def test_migrate_and_compact_leave_what_was_there(self):
        before = self.entries("--state", self.state)
        migrated = json.loads(self.assert_exit(0, store("migrate", "--state", self.state, "--json")).stdout)
        self.assertEqual(migrated, {"fromFormat": 2, "toFormat": 2, "rewritten": 0})
        self.assert_exit(0, store("compact", "--state", self.state))
        self.assertEqual(self.entries("--state", self.state), before)

    def test_an_old_store_is_migrated(self):
        old = self.folder / "old"
        shutil.copytree(pathlib.Path(__file__).parents[1] / "fixtures" / "store-v1", old)
        self.assert_exit(8, audit("verify", "--store", old))  # it has none, and reading changes nothing
        migrated = json.loads(self.assert_exit(0, store("migrate", "--store", old, "--json")).stdout)
        self.assertEqual((migrated["fromFormat"], migrated["toFormat"]), (1, 2))
        self.assertGreater(migrated["rewritten"], 0)
        self.assert_exit(0, store("verify", "--store", old))
        self.assertEqual(self.entries("--store", old), [])


    def test_a_store_without_current_is_touched_by_nothing(self):
        directory = self.state / "store"
        (directory / "CURRENT").unlink()
        before = {file.name: file.read_bytes() for file in directory.iterdir()}
        for done in (self.start_in_vain(), self.start_in_vain(), store("verify", "--state", self.state),
                     store("recover", "--accept-damaged-log", "--state", self.state),
                     store("compact", "--state", self.state), store("backup", self.shelf, "--state", self.state),
                     audit("verify", "--state", self.state)):
            self.assert_exit(8, done)
            self.assertIn("restore a back-up", done.stderr)
        self.assertEqual({file.name: file.read_bytes() for file in directory.iterdir()}, before)


class NoServer(StoreTest):
    def test_status_and_reload_say_that_no_server_runs(self):
        for end in (self.own.stop, self.own.kill):
            end()
            for command in ("status", "reload"):
                done = self.assert_exit(3, run(TIARA, command, "--state", self.state))
                self.assertEqual(done.stderr, f"tiara: no server is running on {self.state}\n")
            if end == self.own.stop:
                self.own.start()


class MissingStore(StoreTest):
    def test_a_store_that_was_there_is_not_made_anew(self):
        self.set("file.txt")
        self.own.stop()
        shutil.move(self.state / "store", self.folder / "elsewhere")
        for prepare in (lambda: None, (self.state / "store").mkdir):
            prepare()
            done = self.assert_exit(8, self.start_in_vain())
            self.assertIn(f"{self.state / 'store'}: the store was there before and is missing; mount", done.stderr)
        (self.state / "store").rmdir()
        (self.state / "store-id").unlink()  # as the message says
        self.own.start()


class DamagedLog(StoreTest):
    def test_a_log_that_ends_in_zeros_is_given_up_on_demand_only(self):
        files = [self.set(f"file-{number}.txt") for number in range(20)]
        self.assertEqual(self.own.kill(), -9)
        log, = (self.state / "store").glob("*.log")
        size = log.stat().st_size
        with open(log, "r+b") as damaged:
            damaged.seek(size - 600)
            damaged.write(bytes(600))
        for done in (store("verify", "--state", self.state), store("compact", "--state", self.state),
                     store("backup", self.shelf, "--state", self.state), audit("verify", "--state", self.state)):
            self.assert_exit(8, done)
            self.assertRegex(done.stderr, "restore a back-up.*`tiara store recover`")
        self.assert_exit(2, store("recover", "--state", self.state))
        self.assert_exit(8, store("verify", "--state", self.state))  # that changed nothing
        done = self.assert_exit(0, store("recover", "--accept-damaged-log", "--state", self.state, "--json"))
        report = json.loads(done.stdout)
        self.assertTrue(report["damaged"])
        self.assertIn("there may have been more than was seen; if you have a back-up, prefer it", done.stderr)
        kept = report["changeId"]
        self.assertTrue(0 < kept < 20, report)
        self.assertEqual(report["auditHead"].split(":")[0], str(kept))
        self.assert_exit(0, store("verify", "--state", self.state))
        self.assertEqual(len(self.entries("--state", self.state)), kept)
        again = self.assert_exit(0, store("recover", "--accept-damaged-log", "--state", self.state))
        self.assertRegex(again.stdout, f"^damaged no\nlast change id {kept}, seen in the log {kept}\n")
        self.own.start()
        self.assertEqual([levels(self.own.admin, file)[3] for file in files], [99] * kept + [0] * (20 - kept))


class Audit(StoreTest):
    def test_it_is_read_beside_a_running_server(self):
        self.set("file.txt", "KNOWN_TRUSTED", "--comment", "=cmd|'/c calc'!A0")
        self.set("file.txt", "KNOWN_MALICIOUS")
        first, second = self.entries("--state", self.state)
        self.assertEqual([first["number"], second["number"]], [1, 2])
        self.assertEqual([(first["old"], first["new"]), (second["old"], second["new"])], [(0, 99), (99, 1)])
        self.assertEqual((first["kind"], first["providerId"], first["type"]), ("enterprise", 3, "file"))
        self.assertEqual(first["comment"], "=cmd|'/c calc'!A0")
        self.assertEqual(first["actor"]["name"], "admin")
        self.assertRegex(first["actor"]["certificate"], "^[0-9a-f]{64}$")
        rows = list(csv.DictReader(io.StringIO(audit("export", "--state", self.state, "--csv").stdout)))
        self.assertEqual([row["new"] for row in rows], ["99", "1"])
        self.assertEqual(rows[0]["comment"], "'=cmd|'/c calc'!A0")  # no formula
        self.assertEqual(rows[1]["hash"], second["hash"])

    def test_a_noted_head_must_still_be_passed_through(self):
        self.set("first.txt")
        noted = re.search(r"head (\S+)", self.assert_exit(0, audit("verify", "--state", self.state)).stdout).group(1)
        self.set("second.txt")
        status = json.loads(run(TIARA, "status", "--state", self.state).stdout)["tie"]["auditHead"]
        for head in (noted, status, "0:" + "0" * 64):
            self.assert_exit(0, audit("verify", "--state", self.state, "--head", head))
        altered = noted[:-1] + ("0" if noted[-1] != "0" else "1")
        done = self.assert_exit(1, audit("verify", "--state", self.state, "--head", altered))
        self.assertIn("entry 1 has another hash", done.stderr)
        done = self.assert_exit(1, audit("verify", "--state", self.state, "--head", "9:" + "0" * 64))
        self.assertIn("entry 3 is missing", done.stderr)
        self.assert_exit(2, audit("verify", "--state", self.state, "--head", "9"))


if __name__ == "__main__":
    unittest.main()
