"""2,000 clients reconnect at once: all come back, and others get an answer to each of their requests."""
import json
import unittest

import fabric
from fabric import BIN

CLIENTS = 2000
# A test is no stop-watch, bench/crowd measures; this only says that others were served all the time.
SANE_P99_MS = 5_000


class Crowd(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory = cls.fabric.provision("crowd").parent

    def test_reconnecting_at_once_loses_nobody_and_no_request_of_others(self):
        done = fabric.run(BIN / "crowd", "--port", self.fabric.port, "--clients", CLIENTS,
                          "--idle-seconds", 1, "--after-seconds", 0,
                          "--ca", self.directory / "brokercerts.crt",
                          "--cert", self.directory / "client.crt",
                          "--key", self.directory / "client.key", timeout=250)
        self.assertTrue(done.stdout, done.stderr)
        result = json.loads(done.stdout)
        phases = result["phases"]
        print(f"{result['back']} clients back after {result['storm_seconds']:.1f} s, p99 of others "
              f"{phases['storm']['latency_ms']['p99']:.1f} ms, {result['p99_ratio']:.1f} × idle")
        self.assertEqual((result["back"], result["events_delivered"], result["prober_failure"]),
                         (CLIENTS, CLIENTS, ""), done.stderr)
        self.assertEqual({name: (phase["unanswered"], phase["errors"]) for name, phase in phases.items()},
                         {name: (0, 0) for name in ("opening", "idle", "storm", "after")})
        self.assertGreater(phases["storm"]["requests"], 0)
        self.assertLess(phases["storm"]["latency_ms"]["p99"], SANE_P99_MS)
        self.assertEqual(done.returncode, 0, done.stderr)


class CrowdOnTwoThreads(Crowd):
    up_options = ("--threads", "2")


if __name__ == "__main__":
    unittest.main()
