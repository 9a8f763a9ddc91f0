"""Starts `tiara server`, the TIE service alone, beside a fabric."""
import json
import os
import pathlib
import signal

from fabric import TIARA, Process, run


def thumbprint(certificate, algorithm="sha1"):
    line = run("openssl", "x509", "-in", certificate, "-noout", "-fingerprint", f"-{algorithm}").stdout
    return line.split("=")[1].strip().replace(":", "").lower()


def member(name, groups, **thumbprints):
    """A [[member]] block."""
    prints = "".join(f'{kind} = "{digits}"\n' for kind, digits in thumbprints.items())
    return f'[[member]]\nname = "{name}"\n{prints}groups = {json.dumps(list(groups))}\n'


class TieServer:
    """`config`: the dxlclient.config of its client. start() may be called again after stop()."""

    def __init__(self, directory, config, more=""):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o700)
        self.settings = self.directory / "tiara.toml"
        self.settings.write_text(f'{more}[fabric]\nconfig = "{config}"\n')
        self.members = self.directory / "authorization.toml"
        self.process = None
        self.program = TIARA

    def admit(self, *blocks):
        self.members.write_text('profile = "open"\n' + "".join(blocks))

    def launch(self, *extra, **environment):
        self.process = Process([self.program, "server", "--config", self.settings, *extra],
                               self.directory.parent / f"{self.directory.name}.log",
                               env={**os.environ, **environment})
        return self.process

    def start(self, *extra, **environment):
        line = self.launch(*extra, **environment).line()
        if line is None or not line.startswith("ready tie "):
            raise AssertionError(f"expected the ready line, got {line!r}\n{self.process.log()}")
        self.store_id = line.split()[2]
        return self

    def reload(self):
        self.process.child.send_signal(signal.SIGHUP)

    def status(self):
        done = run(TIARA, "status", "--state", self.directory)
        if done.returncode != 0:
            raise AssertionError(f"status: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def log(self):
        return self.process.log()

    def stop(self):
        code = self.process.stop()
        self.process = None
        return code

    def end(self):
        """For a test's cleanup."""
        if self.process is not None:
            self.process.stop(signal.SIGKILL)
