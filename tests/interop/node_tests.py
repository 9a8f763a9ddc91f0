"""Runs a Node test program with the packages of package-lock.json."""
import fcntl
import hashlib
import os
import pathlib

from fabric import run

HERE = pathlib.Path(__file__).resolve().parent


def install_packages():
    """`npm ci`, unless it was done for this very lock file; one test at a time."""
    with open(HERE / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = HERE / "node_modules" / ".tiara-lock"
        wanted = hashlib.sha256(lock.read()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        done = run("npm", "ci", "--ignore-scripts", cwd=HERE, timeout=240)
        if done.returncode != 0:
            raise AssertionError(f"npm ci: exit {done.returncode}\n{done.stdout}{done.stderr}")
        stamp.write_text(wanted)


def run_node_tests(file, **environment):
    """Fails unless every test of the file passes."""
    install_packages()
    # The program rather than `node --test`: the reporter then is the same in Node 18 and 20.
    done = run("node", HERE / file, env={**os.environ, **environment}, timeout=180)
    print(done.stdout)
    if done.returncode != 0:
        raise AssertionError(f"{file}: exit {done.returncode}\n{done.stdout}{done.stderr}")
