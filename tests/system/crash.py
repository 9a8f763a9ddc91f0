"""kill -9 of `tiara up` during a stream of acknowledged sets loses none of them."""
import unittest

import fabric
from fabric import BIN, wait_until

ROUNDS = 4
ENOUGH = 200  # acknowledged sets before each kill


class Crash(fabric.FabricTest):
    def test_acknowledged_sets_survive_repeated_kills(self):
        log = self.root / "acknowledged"
        port = self.fabric.port
        lines = 0
        for number in range(ROUNDS):
            stream = self.start_process(BIN / "set_stream", "stream", self.fabric.admin, log,
                                        f"round {number}")
            wait_until(lambda: not stream.running() or self.count(log) >= lines + ENOUGH,
                       f"{ENOUGH} acknowledged sets")
            self.assertTrue(stream.running(), stream.log())
            self.assertEqual(self.fabric.kill(), -9)
            self.assertEqual(stream.child.wait(fabric.DEADLINE), 0, stream.log())
            lines = self.count(log)
            self.fabric.start(port=port)
            done = fabric.run(BIN / "set_stream", "verify", self.fabric.admin, log)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        print(f"{lines} acknowledged sets in {ROUNDS} rounds; {done.stdout.strip()}")

    @staticmethod
    def count(log):
        return log.read_bytes().count(b"\n") if log.exists() else 0


if __name__ == "__main__":
    unittest.main()
