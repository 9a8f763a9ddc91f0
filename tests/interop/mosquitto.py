"""Debian's mosquitto_pub and mosquitto_sub against our broker: MQTT 3.1 and 3.1.1 over TLS.

Not over WebSockets: these two clients have none. paho_mqtt.py and mqtt_js.py cover that.
"""
import os
import signal
import unittest

import fabric
from fabric import run
from raw_peer import read_config, DEADLINE

VERSIONS = ("mqttv31", "mqttv311")
REPORT = "/mcafee/event/external/file/report"  # only its group may send, only the TIE service receive


class Mosquitto(fabric.FabricTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = cls.fabric.provision("mosquitto")

    def command(self, program, version, *arguments, config=None):
        host, port, certificate, key, authority = read_config(config or self.config)
        # Line by line, or nothing comes before the program's end. --insecure: no host name check.
        return ["stdbuf", "-oL", program, "-h", host, "-p", port, "--cafile", authority, "--cert",
                certificate, "--key", key, "--insecure", "-V", version, "-d", *arguments]

    def publish(self, version, topic, *arguments, **more):
        """Returns once the program has ended, which with QoS 1 and 2 is after the acknowledgement."""
        done = run(*self.command("mosquitto_pub", version, "-t", topic, *arguments, **more),
                   timeout=DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def subscribe(self, version, *arguments, granted, **more):
        """A subscriber whose SUBACK has come; `granted` is what it must say."""
        process = self.start_process(*self.command(
            "mosquitto_sub", version, "-F", "message %t %q %r %p", *arguments, **more))
        self.assertEqual(self.line(process, "Subscribed "), f"(mid: 1): {granted}")
        return process

    def line(self, process, start="message "):
        """What follows `start` in the next line that has it; other lines say which packets passed."""
        while True:
            line = process.line(DEADLINE)
            self.assertIsNotNone(line, process.log())
            if line.startswith(start):
                return line.removeprefix(start)

    def test_every_qos_is_acknowledged_and_delivered_at_0(self):
        acknowledged = ("sending PUBLISH", "received PUBACK", "received PUBCOMP")
        for version in VERSIONS:
            for granted in range(3):
                with self.subTest(version=version, granted=granted):
                    subscriber = self.subscribe(version, "-t", "/tests/qos", "-q", granted,
                                                granted=granted)
                    for qos in range(3):
                        said = self.publish(version, "/tests/qos", "-q", qos, "-m", f"at {qos}")
                        self.assertIn(acknowledged[qos], said)
                        self.assertEqual(self.line(subscriber), f"/tests/qos 0 0 at {qos}")

    def test_wildcards_match_and_overlapping_filters_give_one_copy(self):
        cases = [("/tests/+/leaf", "/tests/a/leaf", "/tests/a/b/leaf"),
                 ("/tests/a/#", "/tests/a/b/c", "/tests/b"),
                 ("/tests/a/#", "/tests/a", "/tests/ab"),
                 ("/tests/+", "/tests/", "/tests")]
        for version in VERSIONS:
            for pattern, matching, other in cases:
                with self.subTest(version=version, filter=pattern):
                    subscriber = self.subscribe(version, "-t", pattern, "-t", matching, "-t", "/end",
                                                granted="0, 0, 0")
                    for topic in (other, matching, "/end"):
                        self.publish(version, topic, "-q", "1", "-m", "x")
                    self.assertEqual(self.line(subscriber), f"{matching} 0 0 x")
                    self.assertEqual(self.line(subscriber), "/end 0 0 x")

    def test_unsubscribing_ends_delivery(self):
        for version in VERSIONS:
            with self.subTest(version):
                subscriber = self.subscribe(version, "-t", "/tests/kept", "-t", "/tests/dropped",
                                            "-U", "/tests/dropped", granted="0, 0")
                while "received UNSUBACK" not in self.line(subscriber, "Client "):
                    pass
                self.publish(version, "/tests/dropped", "-q", "1", "-m", "x")
                self.publish(version, "/tests/kept", "-q", "1", "-m", "y")
                self.assertEqual(self.line(subscriber), "/tests/kept 0 0 y")

    def test_will_is_published_when_the_client_is_killed_and_not_when_it_says_goodbye(self):
        for version in VERSIONS:
            with self.subTest(version):
                watcher = self.subscribe(version, "-t", "/tests/will", granted="0")
                for how, text in ((signal.SIGTERM, "polite"), (signal.SIGKILL, "killed")):
                    self.subscribe(version, "-t", "/tests/x", "--will-topic", "/tests/will",
                                   "--will-payload", text, "--will-qos", "2", "--will-retain",
                                   granted="0").stop(how)
                self.assertEqual(self.line(watcher), "/tests/will 0 0 killed")

    def test_nothing_is_retained(self):
        for version in VERSIONS:
            with self.subTest(version):
                self.publish(version, "/tests/retain", "-q", "1", "-r", "-m", "before")
                subscriber = self.subscribe(version, "-t", "/tests/retain", granted="0")
                self.publish(version, "/tests/retain", "-q", "1", "-r", "-m", "after")
                self.assertEqual(self.line(subscriber), "/tests/retain 0 0 after")

    def test_900_kib_arrive_whole(self):
        content = os.urandom(450 << 10).hex()
        path = self.make_file("large", content.encode())
        for version in VERSIONS:
            with self.subTest(version):
                subscriber = self.subscribe(version, "-t", "/tests/large", granted="0")
                self.publish(version, "/tests/large", "-q", "2", "-f", path)
                self.assertEqual(self.line(subscriber), f"/tests/large 0 0 {content}")

    def test_sending_where_it_is_refused_costs_the_message_not_the_connection(self):
        for version in VERSIONS:
            with self.subTest(version):
                watcher = self.subscribe(version, "-t", REPORT, "-t", "/end", granted="0, 0",
                                         config=self.fabric.admin)
                said = self.publish(version, REPORT, "-q", "1", "-m", "x", "--repeat", "3")
                self.assertEqual([said.count(what) for what in ("sending CONNECT", "received PUBACK")],
                                 [1, 3], said)
                self.publish(version, "/end", "-q", "1", "-m", "y")
                self.assertEqual(self.line(watcher), "/end 0 0 y")

    def test_receiving_where_it_is_refused_is_granted_but_brings_nothing(self):
        for version in VERSIONS:
            with self.subTest(version):
                subscriber = self.subscribe(version, "-t", REPORT, "-t", "/end", "-q", "1",
                                            granted="1, 1")
                for topic in (REPORT, "/end"):
                    self.publish(version, topic, "-q", "1", "-m", "x", config=self.fabric.admin)
                self.assertEqual(self.line(subscriber), "/end 0 0 x")

    def test_equal_client_ids_live_side_by_side(self):
        for version in VERSIONS:
            with self.subTest(version):
                identity = ("-i", "{6d0cd1f9-4ec3-4f7a-8a55-90f4a3a0c7f1}")
                both = [self.subscribe(version, *identity, "-t", "/tests/twins", granted="0")
                        for _ in range(2)]
                self.publish(version, "/tests/twins", *identity, "-q", "1", "-m", "x")
                for subscriber in both:
                    self.assertEqual(self.line(subscriber), "/tests/twins 0 0 x")
                    self.assertTrue(subscriber.running())

    def test_a_session_asked_to_persist_starts_clean(self):
        for version in VERSIONS:
            with self.subTest(version):
                session = ("--disable-clean-session", "-i", "persistent", "-q", "1")
                self.subscribe(version, *session, "-t", "/tests/old", "-t", "/tests/session",
                               granted="1, 1").stop()
                self.publish(version, "/tests/session", "-q", "1", "-m", "meanwhile")
                again = self.subscribe(version, *session, "-t", "/tests/session", granted="1")
                self.publish(version, "/tests/old", "-q", "1", "-m", "forgotten")
                self.publish(version, "/tests/session", "-q", "1", "-m", "now")
                self.assertEqual(self.line(again), "/tests/session 0 0 now")

    def test_user_name_and_password_are_ignored(self):
        for version in VERSIONS:
            with self.subTest(version):
                self.publish(version, "/tests/user", "-q", "1", "-m", "x", "-u", "joe", "-P", "secret")


if __name__ == "__main__":
    unittest.main()
