"""What the oracle remembers of each value: the last one that was acknowledged, and those that were sent after it without
an acknowledgement, which may be there or not."""
import base64
import hashlib

ENTERPRISE, CERT_ENTERPRISE, EXTERNAL = 3, 4, 15
LEVELS = (1, 15, 30, 70, 85, 99)
KINDS = ("md5", "sha1", "sha256")
ABSENT = 0  # the level of a provider without an entry


class Register:
    """One level: what an answer may say."""

    def __init__(self):
        self.known, self.maybe = ABSENT, []

    def sent(self, level):
        self.maybe.append(level)

    def acknowledged(self, level):
        self.known, self.maybe = level, []

    def allows(self, level):
        return level == self.known or level in self.maybe

    def seen(self, level):
        self.known, self.maybe = level, []


class File:
    """The digests of a file, and its registers by provider. Of a certificate, SHA-1 alone."""

    def __init__(self, name, kinds=KINDS, certificate=False):
        self.name, self.certificate = name, certificate
        self.digests = {kind: hashlib.new(kind, name.encode()).digest() for kind in kinds}
        self.levels = {}

    def register(self, provider):
        return self.levels.setdefault(provider, Register())

    def hashes(self, *kinds):
        return [{"type": kind, "value": base64.b64encode(self.digests[kind]).decode()}
                for kind in kinds or self.digests]

    def hexes(self, *kinds):
        return {kind: self.digests[kind].hex() for kind in kinds or self.digests}


class Joined:
    """A file whose digests were learned apart: SHA-1 set, MD5 reported, then all three set in one message."""

    def __init__(self, name):
        self.file = File(name)
        self.apart = {"md5": Register(), "sha1": Register()}  # External; Enterprise
        self.whole = Register()                               # Enterprise of all three

    def problem(self, answers):
        """`answers`: {kind: {provider: level}}. What is wrong, or None."""
        external = answers["md5"].get(EXTERNAL, ABSENT)
        if not self.apart["md5"].allows(external):
            return f"External by MD5 is {external}"
        levels = {kind: answers[kind].get(ENTERPRISE, ABSENT) for kind in KINDS}
        if levels["md5"] == levels["sha1"] == levels["sha256"] != ABSENT:
            if not self.whole.allows(levels["md5"]):
                return f"joined with level {levels['md5']}"
            others = [answers[kind].get(EXTERNAL, ABSENT) for kind in KINDS]
            return None if others == [external] * 3 else f"half joined: External is {others}"
        if self.whole.known != ABSENT:
            return f"not joined, though that was acknowledged: {answers}"
        apart = (levels["md5"] == ABSENT and levels["sha256"] == ABSENT and self.apart["sha1"].allows(levels["sha1"])
                 and answers["sha1"].get(EXTERNAL, ABSENT) == ABSENT
                 and answers["sha256"].get(EXTERNAL, ABSENT) == ABSENT)
        return None if apart else f"half joined: {answers}"

    def seen(self, answers):
        self.apart["md5"].seen(answers["md5"].get(EXTERNAL, ABSENT))
        self.whole.seen(answers["sha256"].get(ENTERPRISE, ABSENT))
        self.apart["sha1"].seen(answers["sha1"].get(ENTERPRISE, ABSENT))


class Counted:
    """Something that is not answered for (a first reference, metadata): due once a later set is acknowledged."""

    def __init__(self, file, agent=None, name=None):
        self.file, self.agent, self.name = file, agent, name
        self.due = False


class Lost(AssertionError):
    """The service broke a promise."""
