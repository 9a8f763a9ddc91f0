"""Runs javascript.test.js: npm's unmodified OpenDXL clients against our broker and service."""
import unittest

import fabric
from dxl_wire import address
from node_tests import run_node_tests


class JavaScript(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.all = cls.fabric.provision("all", fabric.GROUP_EXTERNAL, fabric.GROUP_ENTERPRISE)
        cls.none = cls.fabric.provision("none")

    def run_tests(self, scheme, config_of):
        for config in (self.all, self.none):
            address(self.fabric, config, scheme)  # is there, and right
        run_node_tests("javascript.test.js", CONFIG_ALL=str(config_of(self.all)),
                       CONFIG_NONE=str(config_of(self.none)), SCHEME=scheme,
                       CPP_CONFIG=str(self.none), CPP_PEER=str(fabric.BIN / "cpp_peer"))

    def test_unmodified_clients_over_tls(self):
        self.run_tests("mqtts", lambda config: config)

    def test_unmodified_clients_over_websockets(self):
        def copy(config):
            changed = config.with_name("websockets.config")
            changed.write_text(config.read_text().replace("[General]\n", "[General]\nUseWebSockets = true\n"))
            return changed

        self.run_tests("wss", copy)


if __name__ == "__main__":
    unittest.main()
