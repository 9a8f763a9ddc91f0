"""Every sample, run against a real fabric: what it prints is what its original prints."""
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import unittest

import fabric
from fabric import BIN, levels, tiara, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from python_tie import PythonTie, new_digests, wire_hashes  # noqa: E402
from raw_peer import REQUEST, dxl_message, publish_packet  # noqa: E402

NOTEPAD = {"md5": "f2c7bb8acc97f92e987a2d4087d021b1", "sha1": "7eb0139d2175739b3ccb0d1110067820be6abd29",
           "sha256": "142e1d688ef0568370c37187fd9f2351d7ddeda574f8bfa9b0fa4ef42db85aa2"}
CERTIFICATE = "6eae26db8c13182a7947982991b4321732cc3de2"


def python_json(value):
    """As the Python client's samples print a dictionary."""
    return json.dumps(value, sort_keys=True, indent=4, separators=(",", ": "))


class Samples(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setter = cls.fabric.provision("setter", fabric.GROUP_ENTERPRISE)
        cls.reporter = cls.fabric.provision("reporter", fabric.GROUP_EXTERNAL)
        cls.outside = cls.fabric.provision("outside")

    def sample(self, name, config, *arguments, code=0):
        done = fabric.run(BIN / name, config, *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def watch(self, name, first_line):
        """A sample that waits for events, once it does."""
        child = self.start_process(BIN / name, self.outside, stdin=subprocess.PIPE)
        self.addCleanup(child.child.stdin.close)
        self.assertEqual(child.line(), first_line)
        return child

    def end(self, child):
        """Enter ends it."""
        child.child.stdin.write(b"\n")
        child.child.stdin.flush()
        self.assertEqual(child.child.wait(fabric.DEADLINE), 0, child.log())

    def read_event(self, child, wanted):
        """(first line, JSON text, value) of the first event that mentions `wanted`."""
        while True:
            first, lines = child.line(), []
            self.assertIsNotNone(first, "the sample ended")
            while not lines or lines[-1] != "}":
                lines.append(child.line())
            text = "\n".join(lines)
            if wanted in text:
                return first, text, json.loads(text)

    # Basics of DXL

    def test_event(self):
        lines = self.sample("event_example", self.outside).splitlines()
        self.assertEqual(sorted(line for line in lines if line.startswith("Received")),
                         sorted(f"Received event: {number}" for number in range(1000)))
        self.assertIn("Waiting for events to be received...", lines)
        self.assertRegex(lines[-1], r"^Elapsed time \(ms\): [0-9.e+]+$")
        self.assertEqual(len(lines), 1002)

    def test_service(self):
        self.assertEqual(self.sample("service_example", self.outside),
                         "Service received request payload: ping\nClient received response payload: pong\n")

    def test_wildcard(self):
        self.assertEqual(self.sample("wildcard_example", self.outside),
                         "Received event on /isecg/sample/wildcard/one: 1\n"
                         "Received event on /isecg/sample/wildcard/two/three: 2\n"
                         "Received event on /isecg/sample/wildcard/four: last\n")

    # Files and certificates

    def test_set_and_get_reputation(self):
        self.assertEqual(self.sample("basic_set_reputation_example", self.setter), "Succeeded.\n")
        output = self.sample("basic_get_reputation_example", self.outside)
        shape = re.fullmatch(r"Notepad\.exe reputations:\n(\{.*?\n\})\n\nEICAR reputations:\n(\{.*?\n\})\n", output, re.DOTALL)
        self.assertTrue(shape, output)
        notepad, eicar = (json.loads(text) for text in shape.groups())
        self.assertEqual({p: e["trustLevel"] for p, e in notepad.items()}, {"1": 0, "3": 99})
        self.assertEqual({p: e["trustLevel"] for p, e in eicar.items()}, {"1": 0, "3": 0})
        self.assertEqual(set(notepad["3"]), {"attributes", "createDate", "providerId", "trustLevel"})
        for text, value in zip(shape.groups(), (notepad, eicar)):
            self.assertEqual(text, python_json(value))
        self.assertEqual(levels(self.outside, NOTEPAD["sha256"]), {1: 0, 3: 99})

    def test_set_and_get_certificate_reputation(self):
        self.assertEqual(self.sample("basic_set_cert_reputation_example", self.setter), "Succeeded\n")
        first, text = self.sample("basic_get_cert_reputation_example", self.outside).split("\n", 1)
        self.assertEqual(first, "Certificate reputations:")
        value = json.loads(text)
        self.assertEqual({p: e["trustLevel"] for p, e in value.items()}, {"2": 0, "4": 99})
        self.assertEqual(text, python_json(value) + "\n")

    def test_refused_set_says_so(self):
        output = self.sample("basic_set_reputation_example", self.outside, code=1)
        self.assertRegex(output, r"^Error: .+\n$")

    def test_advanced_get(self):
        self.sample("basic_set_reputation_example", self.setter)
        output = self.sample("advanced_get_reputation_example", self.outside)
        self.assertRegex(output, r"(?s)^File reputation response:\n"
                         r"\tGlobal Threat Intelligence \(GTI\) trust level: 0\n"
                         r"\tEnterprise prevalence: \d+\n(\tFirst contact: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n)?"
                         r"\nFull file reputation response:\n\{\n.*\n\}\n\n"
                         r"Certificate reputation response:\n"
                         r"\tGlobal Threat Intelligence \(GTI\) trust level: 0\n.*"
                         r"\nFull certificate reputation response:\n\{\n.*\n\}\n$")

    def test_first_references(self):
        path = self.make_file("referenced")
        content = path.read_bytes()
        hashes = {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha1", "sha256")}
        heading = "\nSystems that have referenced the file:\n\n"
        self.assertEqual(self.sample("basic_first_ref_example", self.outside, path), heading)
        with PythonTie(self.outside) as peer:
            peer.connect()
            peer.ask("file/reputation", {"hashes": wire_hashes(hashes)})  # as an endpoint does
        line = wait_until(lambda: self.sample("basic_first_ref_example", self.outside, path)[len(heading):], "a reference")
        self.assertRegex(line, r"^\t\S+: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$")

    def test_certificate_first_references(self):
        output = self.sample("basic_get_cert_first_ref_example", self.outside)
        self.assertTrue(output.startswith("\nSystems that have referenced the certificate:\n\n"), output)

    # Events

    def test_reputation_change_callback(self):
        child = self.watch("basic_reputation_change_callback_example", "Waiting for reputation change events...")
        path = self.make_file("changing")
        self.assertEqual(tiara(self.setter, "rep", "set", "known_malicious", path).returncode, 0)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        first, text, value = self.read_event(child, digest)
        self.assertEqual(first, "Reputation change on topic: /mcafee/event/tie/file/repchange/broadcast")
        self.assertEqual(set(value), {"hashes", "newReputations", "oldReputations", "updateTime"})
        self.assertEqual(value["newReputations"]["3"]["trustLevel"], 1)
        self.assertEqual(value["oldReputations"]["3"]["trustLevel"], 0)
        self.assertEqual(text, python_json(value))
        self.end(child)

    def test_certificate_change_reaches_the_same_callback(self):
        child = self.watch("basic_reputation_change_callback_example", "Waiting for reputation change events...")
        with PythonTie(self.setter) as peer:
            peer.connect()
            certificate = new_digests()["sha1"]
            peer.ask("cert/reputation/set", {"trustLevel": 1, "providerId": 4, "comment": "",
                                             "hashes": wire_hashes({"sha1": certificate})})
        first, text, value = self.read_event(child, certificate)
        self.assertEqual(first, "Reputation change on topic: /mcafee/event/tie/cert/repchange/broadcast")
        self.assertEqual(value["hashes"], {"sha1": certificate})
        self.assertEqual(value["newReputations"]["4"]["trustLevel"], 1)
        self.end(child)

    def metadata(self, **members):
        """Tells the service of a file as an endpoint does; returns its digests."""
        hashes = new_digests()
        with PythonTie(self.outside) as peer:
            peer.connect()
            payload = json.dumps({"hashes": wire_hashes(hashes), **members})
            peer.send(publish_packet("/mcafee/service/tie/file/update_metadata",
                                     dxl_message(REQUEST, payload.encode(), "{metadata}", peer.reply_to)))
            peer.get_file(hashes)  # the answer shows that the message before it has arrived
        return hashes

    def test_detection_callback(self):
        child = self.watch("basic_detection_callback_example", "Waiting for detection events...")
        hashes = self.metadata(agentGuid="{endpoint}", name="bad.exe", remediation=5, localRep=1)
        first, text, value = self.read_event(child, hashes["sha256"])
        self.assertEqual(first, "Detection on topic: /mcafee/event/tie/file/detection")
        self.assertEqual(value["hashes"], hashes)
        self.assertEqual(value["remediationAction"], 5)
        self.assertEqual(text, python_json(value))
        self.end(child)

    def test_first_instance_callback(self):
        child = self.watch("basic_first_instance_callback", "Waiting for first instance events...")
        hashes = new_digests()
        with PythonTie(self.outside) as peer:
            peer.connect()
            peer.ask("file/reputation", {"hashes": wire_hashes(hashes)})  # as an endpoint does
        first, text, value = self.read_event(child, hashes["sha256"])
        self.assertEqual(first, "First instance on topic: /mcafee/event/tie/file/firstinstance")
        self.assertEqual(value["hashes"], hashes)
        self.assertEqual(text, python_json(value))
        self.end(child)

    # What the originals do not have

    def test_batch_lookup(self):
        paths = [self.make_file(f"batch{number}") for number in range(3)]
        tiara(self.setter, "rep", "set", "known_malicious", paths[1])
        output = self.sample("batch_lookup", self.outside, *paths)
        levels_in_order = [line.rsplit(": ", 1) for line in output.splitlines()]
        self.assertEqual([path for path, _ in levels_in_order], [str(path) for path in paths])
        self.assertEqual([level for _, level in levels_in_order], ["NOT_SET", "KNOWN_MALICIOUS", "NOT_SET"])

    def test_verified_external(self):
        path = self.make_file("verified")
        self.assertEqual(self.sample("verified_external", self.reporter, path), "Accepted\n")
        self.assertEqual(levels(self.outside, path)[15], 70)
        refused = self.sample("verified_external", self.outside, self.make_file("refused"), code=1)
        self.assertRegex(refused, r"^Refused: .+\n$")

    def test_caching_client(self):
        path = self.make_file("cached")
        tiara(self.setter, "rep", "set", "known_malicious", path)
        output = self.sample("caching_client", self.outside, path)
        shape = re.fullmatch(r"(\{\n.*?\n\}\n)\1From memory: 1, asked for: 1\n", output, re.DOTALL)
        self.assertTrue(shape, output)
        self.assertEqual(json.loads(shape.group(1))["3"]["trustLevel"], 1)

    # All alike

    def test_every_sample_names_what_is_missing(self):
        built = re.search(r"set\(TIARA_SAMPLES\n(.*?)\)", (pathlib.Path(__file__).resolve().parents[2] /
                          "samples" / "CMakeLists.txt").read_text(), re.DOTALL).group(1).split()
        self.assertGreaterEqual(len(built), 16)
        subject = self.make_file("subject")
        for name in built:
            with self.subTest(name):
                done = fabric.run(BIN / name, "/nowhere/dxlclient.config", subject)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stdout, r"^Error: /nowhere/dxlclient.config: .+\n$")


if __name__ == "__main__":
    unittest.main()
