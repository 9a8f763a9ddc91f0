#!/usr/bin/python3
"""An independent peer for TIE: speaks MQTT, DXL and TIE with Debian's paho and msgpack, none of our code.

Publishes an External file report byte for byte as the OpenDXL TIE client for Python does, asks for a file's
reputation (--get), and prints reputation changes as they come (--watch). One JSON document per line on stdout.

Exit codes: 0 ok; 1 no connection, answer or event before the deadline; 2 wrong usage or configuration.
"""

import argparse
import base64
import binascii
import configparser
import json
import os
import queue
import ssl
import sys
import time
import uuid

import msgpack
import paho.mqtt.client as mqtt

REQUEST, RESPONSE, EVENT, ERROR = range(4)
MESSAGE_VERSION = 2

TOPIC_REPORT = "/mcafee/event/external/file/report"
TOPIC_GET = "/mcafee/service/tie/file/reputation"
TOPIC_CHANGE = "/mcafee/event/tie/file/repchange/broadcast"

PROVIDER_EXTERNAL = 15
SCAN_TYPE_API = 3


class TimedOut(Exception):
    """The deadline passed first."""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="dxlclient.config to connect with")
    parser.add_argument("--md5")
    parser.add_argument("--sha1")
    parser.add_argument("--sha256")
    parser.add_argument("--filename", default="")
    parser.add_argument("--type", type=int, default=0, help="file type number (18 = PEEXE)")
    parser.add_argument("--comment", default="External Reputation set via OpenDXL")
    parser.add_argument("--score", type=int, help="trust level; publishes a report if given")
    parser.add_argument("--get", action="store_true", help="ask for the file's reputation (after the report)")
    parser.add_argument("--watch", type=float, metavar="SECONDS",
                        help="print reputation changes for so long, or until --count of them; the subscription "
                             "is in place before the report goes out, and READY is written to stderr")
    parser.add_argument("--count", type=int, help="with --watch: stop after this many events; fewer is a time-out")
    parser.add_argument("--timeout", type=float, default=30, help="for connecting and for the answer to --get")
    arguments = parser.parse_args()
    arguments.hashes = {kind: value for kind in ("md5", "sha1", "sha256")
                        if (value := getattr(arguments, kind)) is not None}
    if arguments.score is None and not arguments.get and arguments.watch is None:
        parser.error("nothing to do: give --score, --get or --watch")
    if (arguments.score is not None or arguments.get) and not arguments.hashes:
        parser.error("give at least one of --md5, --sha1, --sha256")
    for value in arguments.hashes.values() if arguments.get else ():
        try:
            binascii.unhexlify(value)
        except ValueError as error:
            parser.error("%s: %s" % (value, error))
    return arguments


def read_config(path):
    """Certificate paths and (host, port) pairs in file order; a host's second address comes after its name."""
    ini = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    ini.optionxform = str
    with open(path, encoding="utf-8") as file:
        ini.read_file(file)

    def resolve(name):
        value = ini["Certs"][name]
        beside = os.path.join(os.path.dirname(os.path.abspath(path)), value)
        return beside if not os.path.exists(value) and os.path.exists(beside) else value

    addresses = []
    for line in ini["Brokers"].values():
        fields = [field.strip() for field in line.split(";")]
        if not fields[0].isdigit():
            del fields[0]  # the broker's id
        port, hosts = int(fields[0]), fields[1:3]
        addresses += [(host.strip("[]"), port) for host in hosts if host]
    certificates = {name: resolve(name) for name in ("BrokerCertChain", "CertFile", "PrivateKey")}
    return certificates, addresses


def new_id():
    return "{%s}" % uuid.uuid4()


def pack_message(kind, payload, reply_to=None):
    """Fields in wire order, in the old raw family only, as the original client packs them."""
    fields = [MESSAGE_VERSION, kind, new_id(), "", "", [], [], payload]
    if kind == REQUEST:
        fields += [reply_to, ""]
    fields += [[], "", []]
    packer = msgpack.Packer(use_bin_type=False)
    return fields[2], b"".join(packer.pack(field) for field in fields)


def unpack_message(data):
    unpacker = msgpack.Unpacker(raw=True)
    unpacker.feed(data)
    fields = list(unpacker)
    message = {"version": fields[0], "kind": fields[1], "id": fields[2].decode(), "payload": fields[7]}
    if message["kind"] in (RESPONSE, ERROR):
        message["request"] = fields[8].decode()
    if message["kind"] == ERROR:
        message["code"], message["text"] = fields[10], fields[11].decode()
    return message


def decode_payload(payload):
    return json.loads(payload.rstrip(b"\0").decode("utf-8"))


class Fabric:
    """One connection. Messages are put into `incoming` by paho's network thread and taken out by the main one."""

    def __init__(self, certificates, addresses, timeout):
        self.client_id = new_id()
        self.reply_to = "/mcafee/client/" + self.client_id
        self.incoming = queue.Queue()
        self.done = queue.Queue()
        self.mqtt = mqtt.Client(client_id=self.client_id, clean_session=True, protocol=mqtt.MQTTv311)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # DXL certificates name no host
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates["BrokerCertChain"])
        context.load_cert_chain(certificates["CertFile"], certificates["PrivateKey"])
        self.mqtt.tls_set_context(context)
        self.mqtt.on_connect = lambda client, data, flags, code: self.done.put(("connect", code))
        self.mqtt.on_subscribe = lambda client, data, mid, granted: self.done.put(("subscribe", mid))
        self.mqtt.on_message = lambda client, data, packet: self.incoming.put((packet.topic, packet.payload))
        self.connect(addresses, timeout)
        self.subscribe(self.reply_to, timeout)

    def connect(self, addresses, timeout):
        problem = "no broker in the configuration"
        for host, port in addresses:
            try:
                self.mqtt.connect(host, port, keepalive=1800)
                break
            except OSError as error:
                problem = "%s:%d: %s" % (host, port, error)
        else:
            raise TimedOut(problem)
        self.mqtt.loop_start()
        code = self.wait("connect", timeout)
        if code != 0:
            raise TimedOut("the broker refused the connection: %s" % mqtt.connack_string(code))

    def wait(self, what, timeout, value=None):
        deadline = time.monotonic() + timeout
        while True:
            try:
                kind, got = self.done.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimedOut("no answer to %s" % what) from None
            if kind == what and value in (None, got):
                return got

    def subscribe(self, topic, timeout):
        self.wait("subscribe", timeout, self.mqtt.subscribe(topic, 0)[1])

    def publish(self, topic, message):
        self.mqtt.publish(topic, message, 0).wait_for_publish(30)

    def receive(self, deadline):
        try:
            topic, data = self.incoming.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimedOut("nothing came in time") from None
        return topic, unpack_message(data)

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def report_payload(arguments):
    """The text of the original client: default separators, non-ASCII escaped, this order of members."""
    return json.dumps({
        "file": {
            "type": arguments.type,
            "hashes": arguments.hashes,
            "attributes": {"filename": arguments.filename},
            "reputation": {"score": arguments.score},
        },
        "provider": {"id": PROVIDER_EXTERNAL},
        "comment": arguments.comment,
    })


def get_payload(hashes):
    return json.dumps({
        "hashes": [{"type": kind, "value": base64.b64encode(binascii.unhexlify(value)).decode()}
                   for kind, value in hashes.items()],
        "scanType": SCAN_TYPE_API,
    })


def show(what, value):
    print(json.dumps({what: value}), flush=True)


def get_reputation(fabric, arguments, events):
    """Asks and prints; change events that come meanwhile are kept in `events`."""
    request, message = pack_message(REQUEST, get_payload(arguments.hashes).encode(), fabric.reply_to)
    fabric.publish(TOPIC_GET, message)
    deadline = time.monotonic() + arguments.timeout
    while True:
        topic, answer = fabric.receive(deadline)
        if topic == TOPIC_CHANGE:
            events.append(answer)
        elif answer.get("request") == request:
            break
    if answer["kind"] == ERROR:
        show("error", {"code": answer["code"] & 0xFFFFFFFF, "message": answer["text"]})
    else:
        show("response", decode_payload(answer["payload"]))


def watch(fabric, arguments, events):
    deadline = time.monotonic() + arguments.watch
    shown = 0
    while arguments.count is None or shown < arguments.count:
        try:
            message = events.pop(0) if events else fabric.receive(deadline)[1]
        except TimedOut:
            if arguments.count is None:
                return
            raise
        if message["kind"] == EVENT:
            show("event", decode_payload(message["payload"]))
            shown += 1


def run(arguments, certificates, addresses):
    fabric = Fabric(certificates, addresses, arguments.timeout)
    events = []
    try:
        if arguments.watch is not None:
            fabric.subscribe(TOPIC_CHANGE, arguments.timeout)
            print("READY", file=sys.stderr, flush=True)
        if arguments.score is not None:
            message_id, message = pack_message(EVENT, report_payload(arguments).encode())
            fabric.publish(TOPIC_REPORT, message)
            show("published", message_id)
        if arguments.get:
            get_reputation(fabric, arguments, events)
        if arguments.watch is not None:
            watch(fabric, arguments, events)
    finally:
        fabric.close()


def main():
    arguments = parse_arguments()
    try:
        certificates, addresses = read_config(arguments.config)
    except (OSError, KeyError, ValueError, configparser.Error) as error:
        print("%s: %r" % (arguments.config, error), file=sys.stderr)
        return 2
    try:
        run(arguments, certificates, addresses)
    except TimedOut as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:  # a certificate or key that cannot be used
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
