"""Runs tie_stand_ins.test.js: where the open stand-ins differ from the product, ours follows the product."""
import unittest

import fabric
from node_tests import run_node_tests


class StandIns(fabric.FabricTest):
    def test_each_row(self):
        run_node_tests("tie_stand_ins.test.js",
                       CONFIG_ALL=str(self.fabric.provision("all", fabric.GROUP_EXTERNAL, fabric.GROUP_ENTERPRISE)),
                       CONFIG_OTHER=str(self.fabric.provision("other")))


if __name__ == "__main__":
    unittest.main()
