"""Runs mqtt_js.test.js: the MQTT library of the JavaScript DXL client against our broker."""
import unittest

import fabric
from dxl_wire import SECTIONS, address
from node_tests import run_node_tests
from raw_peer import read_config


class MqttJs(fabric.FabricTest):
    def run_tests(self, scheme):
        config = self.fabric.provision(scheme)
        host, port = address(self.fabric, config, scheme)
        _, _, certificate, key, authority = read_config(config, SECTIONS[scheme])
        run_node_tests("mqtt_js.test.js", SCHEME=scheme, HOST=host, PORT=str(port), CERT=str(certificate),
                       KEY=str(key), CA=str(authority))

    def test_over_tls(self):
        self.run_tests("mqtts")

    def test_over_websockets(self):
        self.run_tests("wss")


if __name__ == "__main__":
    unittest.main()
