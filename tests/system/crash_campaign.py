#!/usr/bin/python3
"""The short form of the crash campaign (scripts/crash-campaign is the long one), and that it would notice."""
import os
import pathlib
import shutil
import tempfile
import unittest

from campaign.rounds import CRASH, KINDS, LIFE, Campaign, Lost
from fabric import TIARA

SEED = int(os.environ.get("TIARA_CRASH_SEED", "1"))


class CrashCampaign(unittest.TestCase):
    def make(self, mutation=None):
        root = pathlib.Path(tempfile.mkdtemp(prefix="tiara-crash-"))
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        campaign = Campaign(root, SEED, mutation)
        self.addCleanup(campaign.close)
        return campaign

    def test_nothing_acknowledged_is_lost(self):
        campaign = self.make()
        campaign.run(0, len(KINDS))
        print(campaign.summary(), "Not reached:", campaign.unreached())
        self.assertEqual(set(campaign.kinds), set(KINDS))
        self.assertGreater(campaign.totals["acknowledged"], 0)
        self.assertGreater(campaign.totals["refused"], 0)

    def test_a_disk_that_does_not_sync_is_noticed(self):
        campaign = self.make("unsynced")
        campaign.round(0, "kill", "")
        with self.assertRaisesRegex(Lost, "the audit log says None, acknowledged"):
            campaign.round(1, "power", "")

    def test_a_commit_in_two_parts_is_noticed(self):
        campaign = self.make("split")
        with self.assertRaisesRegex(Lost, "problem"):
            for number in range(0, 30, LIFE):  # the half of a commit of metadata alone is whole
                campaign.round(number, "point", "store.write.before")

    def test_the_program_that_users_get_has_none_of_it(self):
        hooked, plain = CRASH.read_bytes(), TIARA.read_bytes()
        for hook in (b"TIARA_KILL_AT", b"TIARA_DISK", b"TIARA_SPLIT_COMMITS", b"store.write.before",
                     b"service.answer.before", b"CrashDisk"):
            self.assertIn(hook, hooked)
            self.assertNotIn(hook, plain)


if __name__ == "__main__":
    unittest.main()
