"""The Python that is to serve a backend: which ones there are, and what each of them can do."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from messages import Failure

OLDEST = (3, 9)
NEWEST = (3, 14)

# Programs on the PATH, in the order in which they are asked.
NAMES = ["python3"] + [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]

# The oldest pip that installs into an environment of another Python.
PIP_FOR_OTHERS = (22, 3)

# Names an environment of the user's own by its folder, or a Python to make environments with.
VARIABLE = "TRAINMARK_PYTHON"

# Settings of the user that would show one Python the modules of another, or keep byte code away.
FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONPLATLIBDIR",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)

QUERY = """
import json, sys, sysconfig
from importlib.util import find_spec
value = sysconfig.get_config_var
def pip():
    try:
        from importlib.metadata import version
        return version("pip") if find_spec("pip") else ""
    except Exception:
        return ""
print(json.dumps({
    "program": sys.executable,
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "prefix": sys.prefix,
    "base": getattr(sys, "_base_executable", None) or sys.executable,
    "platform": sysconfig.get_platform(),
    "free_threaded": bool(value("Py_GIL_DISABLED")),
    "folders": [value("LIBDIR") or "", value("PYTHONFRAMEWORKPREFIX") or "", sys.base_prefix + "/lib"],
    "libraries": [value("INSTSONAME") or "", value("LDLIBRARY") or ""],
    "pip": pip(),
    "ensurepip": bool(find_spec("ensurepip")),
    "venv": bool(find_spec("venv")),
}))
"""


def clean_environment(**changes):
    """The variables of this process without those that lead a Python astray."""
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**variables, "PYTHONNOUSERSITE": "1", **changes}


def runs(program, code, *arguments):
    """What a Python prints that runs this code, with none of the folder's; nothing where it fails."""
    try:
        done = subprocess.run(
            [str(program), "-I", "-c", code, *map(str, arguments)],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@dataclass(frozen=True)
class Python:
    """A Python that has answered."""

    program: str
    version: tuple
    implementation: str
    prefix: str
    base: str
    platform: str
    free_threaded: bool
    folders: tuple
    libraries: tuple
    pip: str
    ensurepip: bool
    venv: bool

    @classmethod
    def ask(cls, program):
        """The Python behind a program, or nothing where it is none that runs."""
        try:
            facts = json.loads(runs(program, QUERY) or "")
            return cls(**{name: tuple(fact) if isinstance(fact, list) else fact for name, fact in facts.items()})
        except (ValueError, TypeError):
            return None

    @property
    def name(self):
        """`Python 3.11.2 (/usr/bin/python3)`, also of one in an environment."""
        return f"Python {'.'.join(map(str, self.version))} ({self.base})"

    @property
    def short(self):
        """`3.11`."""
        return f"{self.version[0]}.{self.version[1]}"

    def library(self):
        """The shared library that holds it, or nothing where it was built without one."""
        for name in filter(None, self.libraries):
            for folder in filter(None, self.folders):
                path = Path(folder, name)
                if re.search(r"\.(so|dylib)|Python$", path.name) and path.is_file():
                    return path.resolve()
        return None

    def unfit(self, demand):
        """Why it cannot serve a backend that demands such as `>=3.10`; nothing where it can."""
        if self.implementation != "cpython":
            return f"{self.name} is {self.implementation}; install CPython"
        if not OLDEST <= self.version[:2] <= NEWEST:
            newest, oldest = ".".join(map(str, NEWEST)), ".".join(map(str, OLDEST))
            return f"{self.name} is none of {oldest} to {newest}; install one of these"
        if self.free_threaded:
            return f"{self.name} is free-threaded, which has another interface; install a usual one"
        if not demand.is_met_by(self.version):
            return f"{self.name} is none of those that its packages are for ({demand}); install one"
        if self.library() is None:
            return f"{self.name} has no shared library libpython{self.short}; {self.remedy()}"
        return None

    def remedy(self):
        """How this Python comes by its shared library."""
        if Path("/etc/debian_version").exists() and self.base.startswith(("/usr/bin/", "/bin/")):
            return f"install Debian's package libpython{self.short}"
        return (
            "build it with --enable-shared (pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install), or "
            "install another one"
        )

    @property
    def installs_for_others(self):
        """Whether its pip puts packages into an environment that has none."""
        return tuple(map(int, re.findall(r"\d+", self.pip)[:2])) >= PIP_FOR_OTHERS

    def lacks(self):
        """Why no environment can be made with it; nothing where one can."""
        if self.venv and (self.ensurepip or self.installs_for_others or shutil.which("uv")):
            return None
        return (
            f"{self.name} has neither ensurepip nor a pip of {'.'.join(map(str, PIP_FOR_OTHERS))}, and uv is not here; "
            f"install one, such as Debian's python{self.short}-venv or python3-pip"
        )


class Demand:
    """The versions that a backend's packages are for, such as `>=3.10,<3.14`."""

    def __init__(self, text):
        self.text = text
        self.parts = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = re.fullmatch(r"(>=|<)\s*3\.(\d+)", part)
            if not match:
                raise Failure(f"requires_python = \"{text}\" is not understood; write such as >=3.10,<3.14")
            self.parts.append((match[1], (3, int(match[2]))))

    def __str__(self):
        return self.text

    def is_met_by(self, version):
        """Whether a version such as (3, 11, 2) is one of them."""
        return all(version[:2] >= bound if sign == ">=" else version[:2] < bound for sign, bound in self.parts)


def choose(demand):
    """The Python that environments are made with: TRAINMARK_PYTHON's, else the first on the PATH that can."""
    named = os.environ.get(VARIABLE)
    if named:
        python = Python.ask(named)
        if python is None:
            raise Failure(f"{VARIABLE}={named} is no Python that runs; set it to one, or unset it")
        reason = python.unfit(demand) or python.lacks()
        if reason:
            raise Failure(f"{reason}, or set {VARIABLE} to another Python")
        return python
    reasons, asked = [], set()
    for name in NAMES:
        program = shutil.which(name)
        python = Python.ask(program) if program else None
        if python is None or python.program in asked:
            continue
        asked.add(python.program)
        reason = python.unfit(demand) or python.lacks()
        if reason is None:
            return python
        reasons.append(reason)
    if not reasons:
        raise Failure(
            "no Python runs here; install one with its library, such as Debian's python3, python3-venv and "
            f"libpython3-dev, or set {VARIABLE} to one"
        )
    raise Failure(f"{reasons[0]}, or set {VARIABLE} to another Python")
