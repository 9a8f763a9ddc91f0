"""Runs tie_javascript.test.js: each operation of npm's unmodified TIE client against our service."""
import unittest

import fabric
from dxl_wire import certificate_sha1
from node_tests import run_node_tests


class TieClient(fabric.FabricTest):
    def test_each_operation(self):
        everything = self.fabric.provision("all", fabric.GROUP_EXTERNAL, fabric.GROUP_ENTERPRISE)
        nothing = self.fabric.provision("none")
        sandbox = self.fabric.provision("sandbox", fabric.GROUP_SANDBOX)
        run_node_tests("tie_javascript.test.js", CONFIG_ALL=str(everything), CONFIG_NONE=str(nothing),
                       CONFIG_SANDBOX=str(sandbox), SHA1_ALL=certificate_sha1(everything), SHA1_NONE=certificate_sha1(nothing))


if __name__ == "__main__":
    unittest.main()
