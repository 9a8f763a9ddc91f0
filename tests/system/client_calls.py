"""Every operation of the TIE client library on a real broker and service."""
import unittest

import fabric
from fabric import BIN


class ClientCalls(fabric.FabricTest):
    def test_every_operation_does_what_it_says(self):
        done = fabric.run(BIN / "client_calls", self.fabric.admin)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"^(\d+) of \1 calls as expected\n$")

    def test_a_batch_of_ten_thousand_is_answered(self):
        done = fabric.run(BIN / "client_calls", self.fabric.admin, "10000")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("10000 of 10000 answered", done.stdout)


if __name__ == "__main__":
    unittest.main()
