#!/usr/bin/python3
"""`tiara config` and `--check-config`: what holds, who set it, what is wrong, what an original broker's files become."""
import json
import os
import pathlib
import tempfile
import unittest

from fabric import Fabric, TIARA, run


def with_environment(**variables):
    return {"env": {**os.environ, **variables}}


class ConfigTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tiara-config-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.state = self.root / "state"

    def settings(self, text):
        self.state.mkdir(mode=0o700, exist_ok=True)
        (self.state / "tiara.toml").write_text(text)

    def show(self, **more):
        done = run(TIARA, "config", "show", "--state", self.state, "--origin", "--json", **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_every_layer_shows_its_origin(self):
        self.settings("[listen]\nport = 1\nws_port = 2\n")
        shown = self.show(**with_environment(TIARA_LISTEN_PORT="3"))
        self.assertEqual(shown["listen.port"], {"value": 3, "origin": "TIARA_LISTEN_PORT"})
        self.assertEqual(shown["listen.ws_port"], {"value": 2, "origin": f"{self.state}/tiara.toml:3"})
        self.assertEqual(shown["broker.threads"], {"value": 1, "origin": "default"})
        plain = run(TIARA, "config", "show", "--state", self.state)
        self.assertIn("listen.port = 1\n", plain.stdout)

    def test_check_names_every_mistake_and_starts_nothing(self):
        self.settings("[listen]\nport = 70000\n[limits]\nconections = 3\n")
        for command in (["up", "--state", self.state, "--check-config"],
                        ["config", "check", "--state", self.state]):
            done = run(TIARA, *command, **with_environment(TIARA_LIMITS_CONNECTION="5"))
            self.assertEqual((done.returncode, done.stdout), (2, ""), command)
            self.assertIn(f"{self.state}/tiara.toml:4: unknown key limits.conections", done.stderr)
            self.assertIn("TIARA_LIMITS_CONNECTION: no such setting; the nearest is "
                          "TIARA_LIMITS_CONNECTIONS", done.stderr)
        self.assertEqual([file.name for file in self.state.iterdir()], ["tiara.toml"])

    def test_check_reads_the_policy_of_a_state_that_was_started(self):
        fabric = Fabric(self.root).start()
        fabric.stop()
        check = ["config", "check", "--state", self.state]
        self.assertEqual(run(TIARA, *check).stdout, "ok\n")
        (self.state / "authorization.toml").write_text("[[member]]\nnmae = 1\n")
        done = run(TIARA, *check)
        self.assertEqual(done.returncode, 2)
        self.assertIn("authorization.toml:2", done.stderr)
        (self.state / "authorization.toml").unlink()
        self.assertEqual(run(TIARA, *check).returncode, 2)

    def test_a_bad_variable_stops_the_start(self):
        done = run(TIARA, "up", "--state", self.state, **with_environment(TIARA_LIMITS_CONNECTIONS="0"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("TIARA_LIMITS_CONNECTIONS: expected 1 to 1000000", done.stderr)

    def test_a_state_that_is_not_there_yet_is_fine(self):
        done = run(TIARA, "up", "--state", self.state, "--check-config")
        self.assertEqual((done.returncode, done.stdout, self.state.exists()), (0, "ok\n", False))

    def test_arguments_win(self):
        done = run(TIARA, "up", "--state", self.state, "--set", "limits.connections=0", "--check-config",
                   **with_environment(TIARA_LIMITS_CONNECTIONS="5"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("--set: limits.connections: expected 1 to 1000000", done.stderr)

    def original(self, **files):
        folder = self.root / "original"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        return folder / "dxlbroker.conf"

    def test_import_writes_a_state_that_starts(self):
        conf = self.original(
            dxlbroker_conf_defaults="listenPort=8883\nsendConnectEvents=true\ntestModeEnabled=false\n",
            dxlbroker_conf="brokerId={2F1C0F5E-1A2B-4C3D-8E9F-001122334455}\nlistenPort=8884\n"
                           "webSocketsEnabled=true\nwebSocketsListenPort=8885\npolicyGeneralStateFile=general.policy\n"
                           "policyTopicAuthStateFile=topicauth.policy\n",
            general_policy="connectionLimit=77\n", topicauth_policy="{}")
        command = ["config", "import", conf, "--state", self.state]
        dry = run(TIARA, *command, "--dry-run")
        self.assertEqual(dry.returncode, 0, dry.stdout + dry.stderr)
        self.assertFalse(self.state.exists())
        self.assertIn(f"taken       listenPort=8884  (listen.port = 8884; {conf}:2)", dry.stdout)

        done = run(TIARA, *command)
        self.assertEqual((done.returncode, done.stdout), (0, dry.stdout), done.stderr)
        shown = self.show()
        self.assertEqual([shown[key]["value"] for key in ("listen.port", "listen.ws_port", "limits.connections",
                                                          "broker.send_connect_events")], [8884, 8885, 77, True])
        self.assertEqual((self.state / "broker-id").read_text(), "2f1c0f5e-1a2b-4c3d-8e9f-001122334455\n")
        self.assertEqual((self.state / "topicauth.policy").read_text(), "{}")
        for name in ("tiara.toml", "topicauth.policy", "broker-id", "authorization.toml"):
            self.assertEqual((self.state / name).stat().st_mode & 0o777, 0o600, name)
        Fabric(self.root).start().stop()

        again = run(TIARA, *command)
        self.assertEqual(again.returncode, 2)
        self.assertIn("tiara.toml: is there and would be replaced; --force does it", again.stderr)
        self.assertEqual(run(TIARA, *command, "--force").returncode, 0)

    def test_import_tells_what_is_unsupported(self):
        conf = self.original(dxlbroker_conf="fipsEnabled=true\nuser=dxl\n")
        done = run(TIARA, "config", "import", conf, "--state", self.state)
        self.assertEqual(done.returncode, 7)
        self.assertIn("unsupported fipsEnabled=true  (there is no FIPS mode;", done.stdout)
        self.assertIn("ignored     user=dxl", done.stdout)


if __name__ == "__main__":
    unittest.main()
