"""Puts the packages of a requirements file into an environment, with uv or pip."""

import hashlib
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

from disk import bytes_in
from interpreter import clean_environment
from messages import Failure, megabytes, say

# Settings of the user that contradict an environment, or leave its byte code out.
CONTRARY = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_NO_COMPILE",
    "PIP_PYTHON",
    "PIP_CONSTRAINT",
    "UV_CONSTRAINT",
)

# What all that is installed must be: a file whose hash is written down, and nothing that runs while it
# is installed.
CHECKED = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement"]


# How pip and uv say that a package has no hash or no version, ...
UNCHECKED = ("must have their versions pinned", "Hashes are required", "must have a hash")

# ... that there is none of a name, for this Python, ...
MISSING = re.compile(
    r"No matching distribution found for (\S+)"
    r"|Because (\S+) (?:was not found|has no (?:usable )?wheels)"
    r"|Because there is no version of (\S+)"
)

# ... what has another hash, ...
MISMATCH = re.compile(r"Hash mismatch for `(\S+)`|^(\S+) from \S+")

# ... and, uv only, that nobody answers.
UNREACHABLE = re.compile(r"Failed to fetch: `?([^\s`]+)")


# The folder of wheels that builds share, beside that of all environments, and the lock of whoever fetches.
WHEELS = "wheels"
LOCK = "lock"


class Installer:
    """What installs into an environment that is made with a Python: uv, that Python's pip, or one of its own."""

    def __init__(self, python, folder):
        self.python = python
        self.program = folder / "bin/python"
        self.uv = shutil.which("uv")
        self.has_own_pip = not self.uv and not python.installs_for_others
        self.wheels = folder.parent.parent / WHEELS

    def command(self, *what):
        """The command that installs something, for the environment of `variables`."""
        if self.uv:
            start = [self.uv, "pip", "install", "--python", str(self.program), "--compile-bytecode"]
            return [*start, "--no-progress", "--no-cache", *what]
        if self.has_own_pip:
            start = [str(self.program), "-I", "-m", "pip"]
        else:
            start = [self.python.program, "-I", "-m", "pip", "--python", str(self.program)]
        quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--no-warn-script-location"]
        # What is fetched is kept once, unpacked.
        return [*start, "install", *quiet, "--no-cache-dir", *what]

    def variables(self, temporary):
        """The environment's variables, with what is temporary in a folder that is watched."""
        settings = {"TMPDIR": str(temporary), "PIP_USER": "no", "PIP_REQUIRE_VIRTUALENV": "no"}
        # A connection that breaks is gone on with by a pip that can, which one that cannot ignores.
        settings["PIP_RESUME_RETRIES"] = "10"
        if is_offline():
            settings["UV_OFFLINE"] = "1"
        variables = clean_environment(**settings)
        return {name: value for name, value in variables.items() if name not in CONTRARY}


def wheels_that_are_here(folder, requirements):
    """Wheels that the build of another backend has fetched and a requirements file asks for, by their hashes."""
    asked = requirements.read_text(encoding="utf-8")
    return [wheel for wheel in sorted(folder.glob("*.whl")) if f"sha256:{sha256(wheel)}" in asked]


def sha256(file):
    """Of a file's content, hexadecimal."""
    summed = hashlib.sha256()
    with open(file, "rb") as content:
        while block := content.read(1 << 20):
            summed.update(block)
    return summed.hexdigest()


def is_offline():
    """Whether --offline was given."""
    return bool(os.environ.get("TRAINMARK_OFFLINE"))


def has_local_wheels():
    """Whether wheels may come from a folder of the user's: pip looks there, whatever --offline forbids."""
    return bool(os.environ.get("PIP_FIND_LINKS") or os.environ.get("UV_FIND_LINKS"))


def install(title, installer, folder, requirements, expected):
    """Installs what a requirements file names; `expected`: the bytes that it takes, 0 where nobody knows."""
    temporary = folder / "temporary"
    temporary.mkdir()
    say(f"{title}: fetching through {'uv' if installer.uv else 'pip'} into {folder}")
    with Progress(title, None if installer.uv else temporary, folder, expected):
        # By themselves: of two files that are alike, pip prefers the index's. One that is for another
        # Python or machine is refused, and then fetched.
        for wheel in wheels_that_are_here(installer.wheels, requirements):
            run(installer.command("--no-index", "--no-deps", str(wheel)), installer.variables(temporary))
        done = run(installer.command(*CHECKED, str(requirements)), installer.variables(temporary))
    shutil.rmtree(temporary, ignore_errors=True)
    if done.returncode != 0:
        raise Failure(f"{title} could not be made: {reason_of(done.stdout, installer.python)}")


def run(command, variables):
    """Runs a command that installs; what it prints goes to the log."""
    done = subprocess.run(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    for line in done.stdout.splitlines():
        # Not at the line's start: the error that counts is told below.
        say(f"| {line}")
    return done


def reason_of(log, python):
    """Why pip or uv has failed, by what it printed, and what to do."""
    lines = log.splitlines()
    if any("DO NOT MATCH THE HASHES" in line or "Hash mismatch" in line for line in lines):
        package = first_found(MISMATCH, lines)
        what = f"of {package} " if package else ""
        return (
            f"what was fetched {what}has another hash than the requirements file says: the connection broke "
            "off, or the file is another one; try again, or mend the hash"
        )
    if any(sign in line for line in lines for sign in UNCHECKED):
        return "the requirements file gives no hash or no version (==) for a package; write both"
    missing = first_found(MISSING, lines)
    if missing and is_offline():
        return f"--offline forbids fetching {missing}; build once without --offline"
    if missing:
        return (
            f"there is no wheel of {missing} for Python {python.short} on {python.platform}, or the package index cannot "
            "be reached; mend the requirements file, or try again with a network that reaches it"
        )
    if address := first_found(UNREACHABLE, lines):
        return f"{address} cannot be reached; try again with a network that reaches the package index"
    errors = [line.strip() for line in lines if re.match(r"\s*(ERROR|error)\b", line)]
    causes = [line.strip() for line in lines if re.match(r"\s*(cause|Caused by):", line)]
    return f"{'; '.join([*errors[:1], *causes[:1]]) or (lines or ['it printed nothing'])[-1].strip()}; see the log"


def first_found(pattern, lines):
    """What the first of a pattern's groups that is there says, in the first line that has one; else nothing."""
    for line in lines:
        if found := pattern.search(line.strip()):
            return next(filter(None, found.groups()))
    return None


# Bytes of which it is not worth while to tell.
SHOWN = 1 << 20


class Progress:
    """Tells now and then how much has come, while something else is waited for."""

    SECONDS = 2.0

    def __init__(self, title, temporary, folder, expected):
        self.title, self.temporary, self.folder, self.expected = title, temporary, folder, expected
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.tell, daemon=True)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def tell(self):
        """Until it is over: what pip fetches lies in the temporary folder, and is then unpacked beside it. uv
        unpacks while it fetches: only the sum of both can be told."""
        before = 0
        while not self.is_over.wait(self.SECONDS):
            fetched = bytes_in(self.temporary) if self.temporary else 0
            unpacked = bytes_in(self.folder) - fetched
            of = f" of {megabytes(self.expected)}" if self.expected else ""
            if fetched > before + SHOWN:
                speed = megabytes((fetched - before) / self.SECONDS)
                say(f"{self.title}: {megabytes(fetched)} fetched, {speed}/s")
            elif unpacked > SHOWN:
                say(f"{self.title}: unpacking, {megabytes(unpacked)}{of}")
            before = fetched
