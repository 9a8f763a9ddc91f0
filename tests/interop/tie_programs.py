"""Programs that people run against a TIE server, modelled as peers: one per row of the TIE reference's §10.

Each model does on the wire what its program does, in that one's odd forms, and asserts what the program relies on.
"""
import base64
import datetime
import json
import time
import unittest

import fabric
from fabric import wait_until
from node_tests import run_node_tests
from python_tie import (ATD, CHANGE, ENTERPRISE, EXTERNAL, GTI, MWG, SANDBOX, PythonTie, TieError, by_provider,
                        new_digests, wire_hashes)

PREVALENCE, FIRST_CONTACT = "2101652", "2102165"
HISTORY = "/opendxl-tiara/service/tie/history"


class CortexXsoar:
    """One digest a request; the lowest level that is not 0 decides; a table of all entries and attributes."""

    PROVIDERS = {GTI: "GTI", ENTERPRISE: "Enterprise", ATD: "ATD", MWG: "MWG"}

    def score(self, digest_type, digest):
        entries = self.reader.get_file({digest_type: digest})
        rows = [{"Provider": self.PROVIDERS.get(provider, provider), "Level": entry["trustLevel"],
                 "Created": datetime.datetime.fromtimestamp(entry["createDate"], datetime.timezone.utc).isoformat()}
                for provider, entry in entries.items()]
        first = datetime.datetime.fromtimestamp(int(entries[ENTERPRISE]["attributes"][FIRST_CONTACT]), datetime.timezone.utc)
        known = [row["Level"] for row in rows if row["Level"] not in (0, 50)]
        verdict = ("unknown" if not known else "good" if min(known) >= 70 else "suspicious" if min(known) >= 30 else "bad")
        return verdict, rows, first

    def test_cortex_xsoar(self):
        hashes = new_digests()
        for digest_type, digest in hashes.items():
            verdict, rows, first = self.score(digest_type, digest)
            self.assertEqual((verdict, [row["Provider"] for row in rows]), ("unknown", ["GTI", "Enterprise"]))
            self.assertLess(abs(first.timestamp() - time.time()), 600)
        self.writer.set_file(99, hashes)
        self.assertEqual(self.score("sha1", hashes["sha1"])[0], "good")
        self.writer.set_external(30, hashes, filename="x")
        self.wait_for_level(hashes, EXTERNAL, 30)
        verdict, rows, _ = self.score("md5", hashes["md5"])
        # It knows no name for provider 15 and shows the number.
        self.assertEqual((verdict, [row["Provider"] for row in rows]), ("suspicious", ["GTI", "Enterprise", EXTERNAL]))
        self.assertEqual(self.reader.get_agents({"md5": hashes["md5"]}, 500), [])


class WildFireBridge:
    """Indexes providers 3 and 1 without asking, and overrides only what nobody has decided for good."""

    def take_verdict(self, sha256, malicious):
        entries = self.writer.get_file({"sha256": sha256})
        present = (entries[ENTERPRISE]["trustLevel"], entries[GTI]["trustLevel"])
        undecided = present == (0, 0) or present[0] in (50, 70, 85) or (present[0] == 0 and present[1] in (50, 70, 85))
        if malicious and undecided:
            self.writer.set_file(1, {"sha256": sha256}, "sample.exe", "WildFire verdict")
        return malicious and undecided

    def test_wildfire_bridge(self):
        sha256 = new_digests()["sha256"]
        self.assertTrue(self.take_verdict(sha256, True))
        self.assertEqual(self.reader.get_file({"sha256": sha256})[ENTERPRISE]["trustLevel"], 1)
        self.assertFalse(self.take_verdict(sha256, True))
        for level, written in ((50, True), (70, True), (85, True), (99, False), (15, False)):
            hashes = new_digests()
            self.writer.set_file(level, hashes)
            self.assertEqual(self.take_verdict(hashes["sha256"], True), written, level)
            # By the SHA-256 alone it changed the file that is known by all three.
            self.assertEqual(self.reader.get_file({"md5": hashes["md5"]})[ENTERPRISE]["trustLevel"], 1 if written else level)


class MultiSandboxIntegration:
    """Several sandboxes share provider 15: the lower level wins, so it asks first and never raises."""

    def report(self, sandbox, level, sha256):
        present = self.writer.get_file({"sha256": sha256}).get(EXTERNAL)
        if present is None or level < present["trustLevel"] or present["trustLevel"] == 0:
            self.writer.set_external(level, {"sha256": sha256}, filename="sample", comment=f"verdict of {sandbox}")
            return True
        return False

    def test_multi_sandbox_integration(self):
        sha256 = new_digests()["sha256"]
        self.reader.subscribe(CHANGE)
        levels = []
        for sandbox, level in (("one", 70), ("two", 99), ("three", 15), ("four", 30), ("five", 1)):
            if not self.report(sandbox, level, sha256):
                continue
            change = self.reader.next_change_of({"sha256": sha256})
            levels.append(by_provider(change["newReputations"]["reputations"])[EXTERNAL]["trustLevel"])
        self.assertEqual(levels, [70, 15, 1])
        history = json.loads(self.writer.ask(HISTORY, {"hashes": wire_hashes({"sha256": sha256})}))["entries"]
        self.assertEqual([entry["comment"] for entry in history], ["verdict of five", "verdict of three", "verdict of one"])


class BulkImporter:
    """A list of single digests of mixed types and cases, one request each, Enterprise or External."""

    def test_bulk_importer(self):
        files = [new_digests() for _ in range(40)]
        rows = [(kind, files[number][kind].upper() if number % 2 else files[number][kind], (1, 15, 99)[number % 3])
                for number in range(len(files)) for kind in [("md5", "sha1", "sha256")[number % 3]]]
        for kind, digest, level in rows:
            self.writer.set_file(level, {kind: digest}, "", "bulk import")
        for kind, digest, level in rows:
            self.assertEqual(self.reader.get_file({kind: digest})[ENTERPRISE]["trustLevel"], level)
        # The same list again, as somebody always does: no error, and nothing changes.
        self.reader.subscribe(CHANGE)
        for kind, digest, level in rows:
            self.writer.set_file(level, {kind: digest}, "", "bulk import")
        last = new_digests()
        self.writer.set_file(50, last)
        _, change = self.reader.next_event()
        self.assertEqual({each["value"] for each in change["hashes"]}, {each["value"] for each in wire_hashes(last)})


class MispTie:
    """Attributes of one MISP object come one by one: a file's three digests are tied together by nobody."""

    def test_misp_tie(self):
        hashes = new_digests()
        for kind, digest in hashes.items():
            self.writer.set_external(1, {kind: digest}, 0, "", f"MISP event 7 {kind}")
        for kind, digest in hashes.items():
            self.wait_for_level({kind: digest}, EXTERNAL, 1)
        # Whoever asks with all three sees the verdict, too.
        entries = self.reader.get_file(hashes)
        self.assertEqual([(provider, entry["trustLevel"]) for provider, entry in entries.items()], [(1, 0), (3, 0), (15, 1)])


class MispSandboxBridge:
    """Reads topic 20 beside TIE: every value is a text, digests are in upper case."""

    def summary_of(self, hashes):
        return {"Summary": {
            "Event_Type": "ATD File Report", "MISversion": "4.8.0.0", "JSONversion": "1.002", "fileId": "Not Available",
            "Subject": {"Name": "dropper.exe", "Type": "PE32", "md5": hashes["md5"].upper(), "sha-1": hashes["sha1"].upper(),
                        "sha-256": hashes["sha256"].upper(), "size": "4096", "Timestamp": "2020-01-02 03:04:05",
                        "parent_archive": "Not Available"},
            "Selectors": [{"Engine": "Sandbox", "MalwareName": "Malware.Dynamic", "Severity": "5"}],
            "Verdict": {"Severity": "5", "Description": "Subject is malicious"},
            "Processes": [], "Stats": [{"ID": "0", "Category": "Persistence", "Severity": "4"}],
            "Behavior": [{"ID": "1", "Analysis": "Wrote to the registry"}]}}

    def test_misp_sandbox_bridge(self):
        sandbox = self.peer(self.fabric.provision("sandbox", fabric.GROUP_SANDBOX))
        self.reader.subscribe(SANDBOX)
        hashes = new_digests()
        sent = self.summary_of(hashes)
        sandbox.publish(SANDBOX, sent)
        topic, event = self.reader.next_event()
        self.assertEqual((topic, event), (SANDBOX, sent))  # passed on as it was
        subject = event["Summary"]["Subject"]
        self.assertEqual(int(event["Summary"]["Verdict"]["Severity"]), 5)
        entry = wait_until(lambda: self.reader.get_file({"md5": subject["md5"].lower()}).get(ATD), "the verdict")
        self.assertEqual(entry["trustLevel"], 1)


class SlackAndDashboardScripts:
    """Subscribe to everything, know four providers by name, and die in the callback over a fifth."""

    NAMES = {GTI: "GTI", ENTERPRISE: "Enterprise", ATD: "ATD", MWG: "MWG"}

    def post(self, change):
        return ", ".join(f"{self.NAMES[entry['providerId']]} {entry['trustLevel']}"
                         for entry in change["newReputations"]["reputations"])

    def test_slack_and_dashboard_scripts(self):
        self.reader.subscribe("/mcafee/#")
        hashes, other = new_digests(), new_digests()
        self.writer.set_file(30, hashes, "a.exe")
        self.assertEqual(self.post(self.reader.next_change_of(hashes)), "GTI 0, Enterprise 30")
        # The wildcard shows each change on its second topic as well, with the same content.
        self.assertEqual(self.post(self.reader.next_change_of(hashes, "/mcafee/event/tie/file/repchange")), "GTI 0, Enterprise 30")
        self.writer.set_external(1, hashes, filename="a.exe")
        change = self.reader.next_change_of(hashes)
        with self.assertRaises(KeyError):  # their defect, of every server that knows provider 15
            self.post(change)
        self.writer.set_file(99, other)
        self.assertEqual(self.post(self.reader.next_change_of(other)), "GTI 0, Enterprise 99")


class NodeRed:
    def test_node_red(self):
        run_node_tests("tie_programs.test.js", CONFIG=str(self.writer_config))


class NetworkProducts:
    """IPS, firewall and gateway ask for files on the wire: an on-access scan by a system of its own, often one digest."""

    def statistics_of(self, hashes, **more):
        text = json.dumps({"scanType": 1, "hashes": wire_hashes(hashes), **more}, separators=(",", ":"))
        answer = json.loads(self.reader.ask_text("file/reputation", text + "\0"))  # a text with its end, as C has it
        self.assertIn("serverTime", answer["props"])
        entries = by_provider(answer["reputations"])
        # Listed apart: Enterprise answers and External ones.
        return entries[ENTERPRISE]["trustLevel"], entries.get(EXTERNAL, {"trustLevel": 0})["trustLevel"], answer

    def test_network_products(self):
        hashes = new_digests()
        enterprise, external, answer = self.statistics_of(hashes, fileType=18)
        self.assertEqual((enterprise, external, answer["props"]["submitMetaData"]), (0, 0, 1))
        self.writer.set_external(15, hashes, filename="x")
        self.wait_for_level(hashes, EXTERNAL, 15)
        self.assertEqual(self.statistics_of({"md5": hashes["md5"]})[:2], (0, 15))
        self.writer.set_file(99, hashes)
        self.assertEqual(self.statistics_of({"sha256": hashes["sha256"]})[:2], (99, 15))
        # It counts as a system that has seen the file, once.
        wait_until(lambda: self.reader.get_file(hashes)[ENTERPRISE]["attributes"][PREVALENCE] == "1", "prevalence 1")
        self.assertEqual(len(self.reader.get_agents(hashes)), 1)


class PowerShellImporter:
    """Its remote command has one digest in base64 and the level as text, and so goes on to the set topic."""

    def import_file(self, level, kind, digest, **more):
        self.writer.ask("file/reputation/set", {"hashes": [{"type": kind, "value": base64.b64encode(bytes.fromhex(digest)).decode()}],
                                                "trustLevel": level, **more})

    def test_powershell_importer(self):
        hashes = new_digests()
        for level, more in (("99", {}), ("1", {"providerId": "3", "filename": "a.exe"}), ("0", {"comment": None})):
            self.import_file(level, "sha1", hashes["sha1"], **more)
            self.assertEqual(self.reader.get_file({"sha1": hashes["sha1"]})[ENTERPRISE]["trustLevel"], int(level))
        for level, code in (("Known Malicious", 1), ("42", 3), ("", 1)):
            with self.assertRaises(TieError) as refused:
                self.import_file(level, "sha1", hashes["sha1"])
            self.assertEqual(refused.exception.code, code)


class Programs(CortexXsoar, WildFireBridge, MultiSandboxIntegration, BulkImporter, MispTie,
               MispSandboxBridge, SlackAndDashboardScripts, NodeRed, NetworkProducts, PowerShellImporter, fabric.FabricTest):
    """All on one fabric; each makes files of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.writer_config = cls.fabric.provision("writer", fabric.GROUP_ENTERPRISE, fabric.GROUP_EXTERNAL)
        cls.reader_config = cls.fabric.provision("reader")

    def peer(self, config):
        peer = PythonTie(config).connect()
        self.addCleanup(peer.socket.close)
        return peer

    def setUp(self):
        self.writer, self.reader = self.peer(self.writer_config), self.peer(self.reader_config)

    def wait_for_level(self, hashes, provider, level):
        return wait_until(lambda: self.reader.get_file(hashes).get(provider, {}).get("trustLevel") == level,
                          f"provider {provider} at {level}")


if __name__ == "__main__":
    unittest.main()
