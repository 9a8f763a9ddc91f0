"""The benchmark of the TIE service still does what it says, with few files."""
import json
import pathlib
import shutil
import tempfile
import unittest

from fabric import BIN, run

RECORDS = 10_000
WAYS = ("md5", "sha1", "sha256", "all")


class TieBench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        cls.filled = cls.root / "filled"
        done = cls.fill(cls.filled)
        assert done.returncode == 0, done.stderr

    @staticmethod
    def fill(directory, *more):
        return run(BIN / "tie_bench", "fill", directory, "--records", RECORDS, "--names", "--every-change", 10,
                   "--every-override", 100, *more)

    @staticmethod
    def run_bench(directory, *more):
        return run(BIN / "tie_bench", "run", directory, "--lookups", 3_000, "--hot", 500, "--json", *more)

    def measure(self, *more):
        done = self.run_bench(self.filled, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_known_files_are_found_and_others_are_not(self):
        result = self.measure("--cached-digests", 16)
        self.assertEqual(result["records"], RECORDS)
        for way in WAYS:
            with self.subTest(way=way):
                known, unknown = result[f"store.{way}"], result[f"unknown.{way}"]
                self.assertEqual((known["known"], known["unanswered"]), (1, 0))
                self.assertEqual((unknown["known"], unknown["unanswered"]), (0, 0))
                # With so small a cache what is measured comes from the store.
                self.assertLess(known["fromCache"], 0.1)
                self.assertGreater(known["perSecond"], 0)

    def test_hot_files_come_from_the_cache(self):
        result = self.measure()
        for way in WAYS:
            self.assertEqual(result[f"cache.{way}"]["fromCache"], 1, way)

    def test_measures_start_memory_disk_scans_and_sets(self):
        result = self.measure("--cold", "--scans", "--sets", 200)
        for name in ("startColdSeconds", "startWarmSeconds", "residentAfterStartMiB", "residentAfterLookupsMiB",
                     "diskBytesPerRecord", "scan.searchNothing", "scan.updatesOldest", "scan.overridden",
                     "setsPerSecond"):
            self.assertGreater(result[name], 0, name)

    def test_a_filled_directory_is_used_again_and_no_other_is_touched(self):
        again = self.fill(self.filled)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("filled like this already", again.stderr)
        for directory, more, why in ((self.filled, ("--seed", 2), "filled in another way"),
                                     (self.root, (), "not empty")):
            with self.subTest(why=why):
                refused = self.fill(directory, *more)
                self.assertEqual(refused.returncode, 1)
                self.assertIn(why, refused.stderr)
        unfilled = self.run_bench(self.root)
        self.assertEqual(unfilled.returncode, 1)
        self.assertIn("not filled", unfilled.stderr)


if __name__ == "__main__":
    unittest.main()
