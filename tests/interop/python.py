"""An independent Python peer publishes the External report exactly as the original client does."""
import pathlib
import sys
import unittest

import fabric
from fabric import levels, run, wait_until

PEER = pathlib.Path(__file__).resolve().parent / "python_external_report.py"


class Python(fabric.FabricTest):
    def test_external_report_reaches_the_store(self):
        config = self.fabric.provision("python", fabric.GROUP_EXTERNAL)
        path = self.make_file("python")
        done = run(sys.executable, PEER, config, path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        wait_until(lambda: levels(config, path).get(15) == 70, "provider 15 at 70")


if __name__ == "__main__":
    unittest.main()
