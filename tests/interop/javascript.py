"""Runs javascript.test.js: npm's unmodified OpenDXL clients against our broker and service."""
import hashlib
import os
import pathlib
import shutil
import unittest

import fabric
from fabric import run

HERE = pathlib.Path(__file__).resolve().parent


def install_packages():
    """`npm ci`, unless it was done for this very lock file."""
    stamp = HERE / "node_modules" / ".tiara-lock"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    done = run("npm", "ci", "--ignore-scripts", cwd=HERE, timeout=240)
    if done.returncode != 0:
        raise AssertionError(f"npm ci: exit {done.returncode}\n{done.stdout}{done.stderr}")
    stamp.write_text(wanted)


class JavaScript(fabric.FabricTest):
    def test_unmodified_clients(self):
        install_packages()
        environment = dict(
            os.environ,
            CONFIG_ALL=str(self.fabric.provision("all", fabric.GROUP_EXTERNAL,
                                                 fabric.GROUP_ENTERPRISE)),
            CONFIG_NONE=str(self.fabric.provision("none")),
            CPP_PEER=str(fabric.BIN / "cpp_peer"), TIARA=str(fabric.TIARA))
        # The program rather than `node --test`: the reporter then is the same in Node 18 and 20.
        done = run("node", HERE / "javascript.test.js", env=environment, timeout=180)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
