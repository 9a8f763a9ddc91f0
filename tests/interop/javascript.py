"""Runs javascript.test.js: npm's unmodified OpenDXL clients against our broker and service."""
import unittest

import fabric
from dxl_wire import address
from node_tests import run_node_tests


class JavaScript(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provision()

    @classmethod
    def provision(cls):
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


# What the clients need under the profile "deny" to look up and watch.
TIE_RULES = (("send", "/mcafee/service/tie/#"), ("receive", "/mcafee/event/tie/#"))


class DeniedByDefault(JavaScript):
    """The same tests under the profile "deny", with rules for the topics they use."""

    @classmethod
    def setUpClass(cls):
        super(JavaScript, cls).setUpClass()
        cls.fabric.deny_by_default(*TIE_RULES, ("send", "/tests/#"), ("receive", "/tests/#"))
        cls.provision()


class DeniedWithoutRules(fabric.FabricTest):
    """The profile "deny" without a rule: refused, told so where it can be, and in the log."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fabric.deny_by_default()

    def test_unmodified_clients_are_refused(self):
        ordinary, member = self.fabric.provision("ordinary"), self.fabric.provision("member", fabric.GROUP_ENTERPRISE)
        run_node_tests("javascript_denied.test.js", CONFIG=str(ordinary), CONFIG_MEMBER=str(member))
        log = self.fabric.log()
        for name, topic in (("ordinary", "/mcafee/service/tie/file/reputation"), ("member", "/tests/event")):
            line = next((line for line in log.split("\n") if f"(CN={name}): message to {topic} refused" in line), "")
            self.assertIn("not_authorised", line, log)
            self.assertIn('profile "deny"', line)


if __name__ == "__main__":
    unittest.main()
