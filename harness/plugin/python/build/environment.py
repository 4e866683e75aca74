"""Where a backend's packages lie: an environment in the user's cache, or one of the user's own."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import interpreter
from disk import bytes_in, check_room
from interpreter import VARIABLE, Python, clean_environment, runs
from locking import locked
from messages import Failure, megabytes, say
from packages import LOCK, WHEELS, Installer, has_local_wheels, install, is_offline

# Written last into an environment that is whole.
MARKER = "complete"

# In an environment: folders of builds whose libraries are linked to one in it, which their scripts write, a
# line each.
USERS = "users"

# While an environment is made, what was fetched lies beside what is unpacked of it.
ROOM = 1.5


def cache():
    """The folder of all environments; the same cache as the harness's."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):
        home = os.environ.get("HOME")
        if not home:
            raise Failure("neither HOME nor XDG_CACHE_HOME says where to keep packages; set one")
        base = os.path.join(home, ".cache")
    return Path(base, "trainmark", "python")


def version_of(program, package):
    """The version of a package that a Python has, or nothing."""
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    return runs(program, code, package)


def key(requirements, prepare):
    """Stands for packages and what is done to them, whatever comments and blanks there are."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in lines]
    content = "\n".join(filter(None, lines)).encode("utf-8")
    return hashlib.sha256(content + (prepare.read_bytes() if prepare else b"")).hexdigest()[:12]


class Environment:
    """What all environments have, each with its own `summary` of its packages."""

    def __init__(self, folder):
        self.folder = folder

    @property
    def program(self):
        """Its Python."""
        return self.folder / "bin/python"

    def differences(self):
        """What its packages are other than asked for: nothing, where they were installed as asked."""
        return []

    def packages(self):
        """The files that say what is installed, and what is done to it."""
        return [self.requirements] if self.requirements.is_file() else []

    def python(self):
        """Its Python's answers."""
        python = Python.ask(str(self.program))
        if python is None:
            raise Failure(f"{self.program} does not run; delete {self.folder}: it is made again")
        return python


class Own(Environment):
    """An environment of the user's: nothing is installed into it."""

    def __init__(self, folder, source, requirements):
        super().__init__(Path(folder))
        self.source, self.requirements = source, requirements

    def check(self):
        """Fails where it cannot serve."""
        named = f"{self.source}={self.folder}"
        if not self.program.exists():
            if self.program.is_symlink():
                gone = f"its Python, {os.readlink(self.program)}, is gone"
                raise Failure(f"{named}: {gone}; make the environment again, or unset {self.source}")
            raise Failure(f"{named} is no environment, since it has no bin/python; set it to one, or unset it")
        python = Python.ask(str(self.program))
        if python is None:
            raise Failure(f"{named}: its Python does not run; make the environment again, or unset {self.source}")
        reason = python.unfit(interpreter.Demand(""))
        if reason:
            raise Failure(f"{reason}, or unset {self.source}")
        if version_of(self.program, "numpy") is None:
            raise Failure(f"{named} has no numpy; install it there (`{self.program} -m pip install numpy`)")

    def make(self):
        """It is there; what it has other than asked for is told."""
        self.check()
        say(f"packages of {self.folder}, by {self.source}")
        for difference in self.differences():
            say(difference)

    def differences(self):
        """What its packages are other than asked for."""
        found = [(name, version_of(self.program, name), wanted) for name, wanted in pinned(self.requirements)]
        return [
            f"{name} {there or 'is absent'}, where {self.requirements.name} says {wanted}"
            for name, there, wanted in found
            if there != wanted
        ]

    def summary(self):
        """What `list` says of it."""
        return f"packages of {self.folder} ({self.source})"

    def is_whole(self):
        """Nothing of it is to be fetched."""
        return True


class Cached(Environment):
    """An environment in the cache, made when it is wanted, for all backends with the same requirements."""

    def __init__(self, title, folder, python, requirements, prepare, disk):
        super().__init__(folder)
        self.title, self.base, self.requirements = title, python, requirements
        self.prepare, self.disk = prepare, disk

    @classmethod
    def find(cls, title, demand, requirements, prepare, disk):
        """The one that is there for these requirements, else the place of one that is to be made."""
        if not requirements.is_file():
            what = "list numpy and the framework in it, each with version and hash"
            raise Failure(f"{requirements} is not there; {what}")
        if prepare and not prepare.is_file():
            raise Failure(f"{prepare} is not there: backend.toml names it")
        wanted = key(requirements, prepare)
        if not os.environ.get(VARIABLE):
            # Another Python that has come first on the PATH is no reason to fetch it all again.
            for folder in sorted(cache().glob(f"*-{wanted}-*/")):
                there = cls(title, folder, None, requirements, prepare, disk)
                if there.is_whole():
                    return there
        python = interpreter.choose(demand)
        place = hashlib.sha256(f"{python.base}\n{python.platform}".encode()).hexdigest()[:6]
        return cls(title, cache() / f"{python.short}-{wanted}-{place}", python, requirements, prepare, disk)

    def is_whole(self):
        """Whether it was made to its end on such a machine, and its Python is still there."""
        marker = self.folder / MARKER
        return marker.is_file() and is_of_here(facts_of(marker)) and self.program.exists()

    def bytes(self):
        """What it takes on the disk."""
        return facts_of(self.folder / MARKER).get("bytes", 0)

    def packages(self):
        """The files that say what is installed, and what is done to it."""
        return [self.requirements, *([self.prepare] if self.prepare else [])]

    def check(self):
        """Fails where it is not there and cannot be made."""
        if self.is_whole():
            return
        if is_offline() and not has_local_wheels():
            raise Failure(
                f"{self.title} is not here and --offline forbids fetching it; build once without --offline, or "
                f"set {VARIABLE} to an environment of your own"
            )
        check_room(int(self.disk * ROOM), self.folder.parent, self.title)

    def summary(self):
        """What `list` says of it."""
        if self.is_whole():
            return f"packages of {megabytes(self.bytes())} in {self.folder}"
        taken = f", which take {megabytes(self.disk)}" if self.disk else ""
        return f"packages to be fetched into {self.folder}{taken}"

    def make(self):
        """Makes it, if it is not there whole, at its place: it holds its own path."""
        with locked(self.folder.parent / f"{self.folder.name}.lock", self.title):
            if self.is_whole():
                say(f"{self.title}: {megabytes(self.bytes())} in {self.folder}")
                return
            self.check()
            sweep(self.folder.parent)
            before = self.set_aside()
            try:
                self.fill()
            except BaseException:
                # Half of it would be of no use.
                shutil.rmtree(self.folder, ignore_errors=True)
                if before:
                    before.rename(self.folder)
                raise
            if before:
                shutil.copyfile(before / USERS, self.folder / USERS)
                shutil.rmtree(before, ignore_errors=True)

    def set_aside(self):
        """Makes room for one that is made again: what a library is linked to is kept until then."""
        aside = self.folder.with_name(f".{self.folder.name}.before")
        if not users(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
            return None
        shutil.rmtree(aside, ignore_errors=True)
        return self.folder.rename(aside)

    def fill(self):
        """Makes an environment with its packages where there is nothing."""
        say(f"{self.title}: made with {self.base.name}")
        # Another build may be about to fetch what is wanted here, too, and finds it here once it is whole.
        with locked(cache().parent / WHEELS / LOCK, f"{self.title}: wheels"):
            start = time.monotonic()
            self.fetch()
            self.complete()
        seconds = round(time.monotonic() - start)
        say(f"{self.title}: {megabytes(self.bytes())} in {self.folder}, made in {seconds} s")

    def complete(self):
        """Does what is to be done to the packages, and marks the environment as whole."""
        if self.prepare:
            command = [str(self.program), str(self.prepare)]
            run_logged(command, f"{self.title}: {self.prepare.name} failed", self.prepare.parent)
        if version_of(self.program, "numpy") is None:
            raise Failure(f"{self.requirements} has no numpy, which every backend's arrays come with; add it")
        taken = bytes_in(self.folder)
        facts = {"bytes": taken, "machine": machine(), "python": self.base.program, "version": list(self.base.version)}
        written = self.folder / f"{MARKER}.new"
        written.write_text(json.dumps(facts), encoding="utf-8")
        written.rename(self.folder / MARKER)

    def fetch(self):
        """Makes an environment and puts its packages into it."""
        installer = Installer(self.base, self.folder)
        without_pip = [] if installer.has_own_pip else ["--without-pip"]
        command = [self.base.program, "-I", "-m", "venv", *without_pip, str(self.folder)]
        run_logged(command, f"{self.title} cannot be made")
        install(self.title, installer, self.folder, self.requirements, self.disk)


def machine():
    """System and processor, which packages are compiled for: a home may be shared by several."""
    there = os.uname()
    return f"{there.sysname}-{there.machine}"


def facts_of(marker):
    """What a marker says of its environment; nothing where it is not to be read."""
    try:
        facts = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def is_of_here(facts):
    """Whether an environment is for a machine such as this."""
    return facts.get("machine", machine()) == machine()


def users(folder):
    """Builds that are still there and whose libraries are linked to one in an environment."""
    try:
        lines = (folder / USERS).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    return [line for line in lines if Path(line).exists()]


def sweep(folder):
    """Removes environments whose Python has gone: nobody can use them any more, but what is linked to them."""
    for marker in folder.glob(f"*/{MARKER}"):
        has_gone = is_of_here(facts_of(marker)) and not (marker.parent / "bin/python").exists()
        if has_gone and not users(marker.parent):
            say(f"removing {marker.parent}: its Python is gone")
            shutil.rmtree(marker.parent, ignore_errors=True)


def run_logged(command, title, folder=None):
    """Runs a command whose output goes to the log; its last line is why it failed."""
    done = subprocess.run(
        command,
        env=clean_environment(),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    for line in lines:
        say(f"| {line}")
    if done.returncode != 0:
        raise Failure(f"{title}: {lines[-1] if lines else f'it ended with {done.returncode}'}")


def pinned(requirements):
    """Name and version of what a requirements file asks of every Python."""
    if not requirements.is_file():
        return []
    # Those with a marker may not be meant.
    line = re.compile(r"^([\w.-]+)==([^\s;\\]+)\s*(?:\\|$|--)", re.MULTILINE)
    return [(found[1], found[2]) for found in line.finditer(requirements.read_text(encoding="utf-8"))]
