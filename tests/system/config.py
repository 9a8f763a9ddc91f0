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

    def test_the_directory_of_a_server_is_no_state(self):
        self.settings('[fabric]\nconfig = "ent/dxlclient.config"\n')
        for command in (["config", "check"], ["config", "show"], ["auth", "list"], ["cert-authority", "show"], ["up"],
                        ["up", "--check-config"]):
            with self.subTest(command):
                done = run(TIARA, *command, "--state", self.state)
                self.assertEqual((done.returncode, done.stdout), (8, ""), done.stderr)
                self.assertIn(f"`tiara server --config {self.state}/tiara.toml --check-config` checks it", done.stderr)
        self.assertFalse((self.state / "authorization.toml").exists())

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

    def test_check_reads_all_that_a_start_reads(self):
        Fabric(self.root).start().stop()
        (self.state / "topicauth.policy").write_text('{"send": [{"topic": "/a", "clients": ["x"]}]}')
        done = run(TIARA, "config", "check", "--state", self.state)
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"), done.stderr)
        self.assertIn('warning: ' + f'{self.state}/topicauth.policy:1: client "x" can never match', done.stderr)
        keystore = self.state / "keystore"
        for file, expected in ((keystore / "revokedcerts.lst", "revokedcerts.lst:1: expected a SHA-1"),
                               (keystore / "x.crl", "x.crl: expected 1 to 16 CRLs"),
                               (keystore / "broker.crt", "broker.crt: "), (keystore / "broker.key", "broker.key: "),
                               (self.state / "service" / "service.key", "service"),
                               (self.state / "broker-id", "broker-id: expected a lower-case uuid"),
                               (self.state / "admin.token", "admin.token: expected one line")):
            with self.subTest(file=file.name):
                before = file.read_bytes() if file.exists() else None
                file.write_text("short\n")
                for command in (["config", "check"], ["up", "--check-config"]):
                    done = run(TIARA, *command, "--state", self.state)
                    self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                    self.assertIn(expected, done.stderr)
                file.unlink() if before is None else file.write_bytes(before)
        self.assertEqual(run(TIARA, "config", "check", "--state", self.state).returncode, 0)

    def test_check_wants_a_state(self):
        done = run(TIARA, "config", "check", "--state", self.root / "typo")
        self.assertEqual(done.returncode, 8)
        self.assertIn("typo: no state there", done.stderr)
        self.assertIn("no state there", run(TIARA, "status", "--state", self.root / "typo").stderr)

    def test_a_pipe_or_a_directory_in_place_of_a_file_is_an_error(self):
        Fabric(self.root).start().stop()
        for name in ("tiara.toml", "authorization.toml", "topicauth.policy", "admin.token", "broker-id",
                     "keystore/revokedcerts.lst", "keystore/x.crl", "keystore/broker.key", "service/service.crt"):
            file, kept = self.state / name, self.root / "kept"
            if file.exists():
                file.rename(kept)
            for make in (lambda: os.mkfifo(file, 0o600), lambda: file.mkdir(mode=0o700)):
                make()
                with self.subTest(file=name, kind="pipe" if file.is_fifo() else "directory"):
                    done = run(TIARA, "config", "check", "--state", self.state, timeout=20)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(f"{file}: cannot read: ", done.stderr)
                file.unlink() if file.is_fifo() else file.rmdir()
            if kept.exists():
                kept.rename(file)
        self.assertEqual(run(TIARA, "config", "check", "--state", self.state).returncode, 0)

    def test_a_bad_variable_stops_the_start(self):
        done = run(TIARA, "up", "--state", self.state, **with_environment(TIARA_LIMITS_CONNECTIONS="0"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("TIARA_LIMITS_CONNECTIONS: expected 1 to 1000000", done.stderr)

    def test_a_state_that_is_not_there_yet_is_fine(self):
        done = run(TIARA, "up", "--state", self.state, "--check-config")
        self.assertEqual((done.returncode, done.stdout, self.state.exists()), (0, "ok\n", False))

    def test_a_mistake_on_the_command_line_names_value_and_range(self):
        for arguments, words in ((["--port", "99999"], "65535"), (["--set", "limits.connectionz=1"],
                                                               "the nearest is limits.connections;"),
                                 (["--set", "limits.connections=many"], 'expected an integer, found "many"')):
            done = run(TIARA, "up", "--state", self.state, *arguments, "--check-config")
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        done = run(TIARA, "rep", "get", "0" * 32, cwd=self.root, **with_environment(DXL_CONFIG=""))
        self.assertEqual(done.returncode, 2)
        self.assertIn("--config FILE or DXL_CONFIG", done.stderr)

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

    def test_import_refuses_a_policy_that_would_not_start(self):
        conf = self.original(dxlbroker_conf="policyTopicAuthStateFile=topicauth.policy\n",
                             topicauth_policy='{"send": [\n  {"topic": "/a"} ]}')
        for more in (["--dry-run"], []):
            done = run(TIARA, "config", "import", conf, "--state", self.state, *more)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn('topicauth.policy:2: the entry needs "clients"', done.stderr)
            self.assertFalse(self.state.exists())
        (conf.parent / "topicauth.policy").write_text('{"send": [{"topic": "/a/+", "clients": []}]}')
        done = run(TIARA, "config", "import", conf, "--state", self.state)
        self.assertEqual(done.returncode, 0)
        self.assertIn('warning: ' + f'{conf.parent}/topicauth.policy:1: topic "/a/+" can never match', done.stderr)
        self.assertNotIn("no topic policy imported", done.stderr)

    def test_import_says_what_it_did_not_find_and_what_stays(self):
        conf = self.original(dxlbroker_conf="brokerId=2f1c0f5e-1a2b-4c3d-8e9f-001122334455\nlistenPort=8884\nlogLevel=\x1b]0;x\x07\n")
        done = run(TIARA, "config", "import", conf, "--state", self.state)
        self.assertIn("no topic policy imported: every client may", done.stderr)
        self.assertIn(r"logLevel=\x1b]0;x\x07", done.stdout)
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        again = run(TIARA, "config", "import", conf, "--state", self.state)
        self.assertEqual((again.returncode, again.stdout), (2, ""))  # refused: nothing is listed as taken
        forced = run(TIARA, "config", "import", conf, "--state", self.state, "--force")
        self.assertIn(f"ignored     brokerId=2f1c0f5e-1a2b-4c3d-8e9f-001122334455  ({self.state}/broker-id is there and "
                      "stays;", forced.stdout)

    def test_import_tells_what_is_unsupported(self):
        conf = self.original(dxlbroker_conf="fipsEnabled=true\nuser=dxl\n")
        done = run(TIARA, "config", "import", conf, "--state", self.state)
        self.assertEqual(done.returncode, 7)
        self.assertIn("unsupported fipsEnabled=true  (there is no FIPS mode;", done.stdout)
        self.assertIn("ignored     user=dxl", done.stdout)


if __name__ == "__main__":
    unittest.main()
