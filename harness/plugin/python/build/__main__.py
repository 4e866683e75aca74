"""Builds the library of a backend in Python: an environment, and the bridge with the backend's sources.

It needs a Python of 3.9 or later and its standard library; the Python that serves the backend may be
another one. With --probe it makes nothing, and says whether it could; its last line is why not.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

import driver
import library
from environment import Cached, Own
from interpreter import VARIABLE, Demand
from messages import Failure, say

# Of the archive's comment, which the bridge reads.
FORMAT = 1

# What the harness reads of the library's Python, beside the library.
SERVED = "python.json"

# The line of a probe by which the harness knows that it need not announce a download.
NOTHING_TO_FETCH = "nothing to fetch"


def parse(arguments):
    """The command line, which the harness makes from backend.toml."""
    parser = argparse.ArgumentParser(prog="build", description=__doc__)
    parser.add_argument("--name", required=True, help="the backend's name")
    parser.add_argument("--version", required=True, help="the backend's version")
    parser.add_argument("--module", required=True, help="its file, such as backend.py")
    parser.add_argument("--library", required=True, help="name of the file that is made in CARGO_TARGET_DIR")
    parser.add_argument("--requirements", default="requirements.txt", help="its packages, with hashes")
    parser.add_argument("--requirements-cuda", default="requirements-cuda.txt", help="those where there is a driver")
    parser.add_argument("--requires-python", default="", help="versions that they are for, such as >=3.10")
    parser.add_argument("--prepare", help="a file that the environment's Python runs when it is made")
    parser.add_argument("--environment", help=f"an environment of the user's own, unless {VARIABLE} is set")
    parser.add_argument("--disk", type=int, default=0, help="bytes that the environment takes")
    parser.add_argument("--probe", action="store_true", help="say only whether it can be made")
    return parser.parse_args(arguments)


def find_environment(options, folder):
    """The environment that the backend is to run in."""
    for_cuda = folder / options.requirements_cuda
    with_cuda = for_cuda.is_file() and driver.is_wanted()
    requirements = for_cuda if with_cuda else folder / options.requirements
    named = os.environ.get(VARIABLE)
    if named and Path(named).is_dir():
        return Own(named, VARIABLE, requirements)
    if not named and options.environment:
        return Own(folder / options.environment, "python_environment", requirements)
    prepare = folder / options.prepare if options.prepare else None
    demand = Demand(options.requires_python)
    title = f"environment of {options.name}{' with CUDA' if with_cuda else ''}"
    return Cached.find(title, demand, requirements, prepare, options.disk)


def build(options, folder, target):
    """Builds it all, the cheapest first."""
    files = library.sources(folder, options.module)
    environment = find_environment(options, folder)
    environment.check()
    bridge = library.build_bridge(target)
    environment.make()
    python = environment.python()
    library.check_sources(environment.program, files.values())
    shared = python.library()
    if shared is None:
        raise Failure(f"{python.name} has no shared library any more; {python.remedy()}")
    comment = {
        "format": FORMAT,
        "name": options.name,
        "version": options.version,
        "python": str(environment.program),
        "libpython": str(shared),
        "module": Path(options.module).stem,
        # As text: one whose name is none is not told.
        "folder": str(folder) if str(folder).isprintable() else "",
    }
    library.assemble(bridge, files, comment, target / options.library)
    write_served(environment, python, shared, target, signs_against(environment, folder / options.requirements_cuda))


def signs_against(environment, for_cuda):
    """Files that are not there, and one of which would call for the packages for CUDA instead."""
    if isinstance(environment, Own) or not for_cuda.is_file() or environment.requirements == for_cuda:
        return []
    return driver.signs()


def write_served(environment, python, shared, target, unless):
    """Tells the harness what the library cannot do without, and what a person should know of it."""
    served = {
        "needs": [str(environment.program), str(shared)],
        "packages": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in environment.packages()},
        "chosen_by": {name: os.environ.get(name, "") for name in (VARIABLE, *driver.VARIABLES)},
        "unless": unless,
        "as_asked": not environment.differences(),
        "summary": f"{python.name}, {environment.summary()}",
    }
    (target / SERVED).write_text(json.dumps(served, indent=1), encoding="utf-8")


def probe(options, folder):
    """Says what would be built with, and fails where something is missing."""
    library.sources(folder, options.module)
    environment = find_environment(options, folder)
    environment.check()
    python = environment.python() if environment.is_whole() else environment.base
    if environment.is_whole():
        say(NOTHING_TO_FETCH)
    say(f"{python.name}, {environment.summary()}")


def main():
    """Runs in the backend's folder, as the harness's builds do."""
    options = parse(sys.argv[1:])
    folder = Path.cwd()
    try:
        if options.probe:
            probe(options, folder)
        else:
            build(options, folder, Path(os.environ["CARGO_TARGET_DIR"]))
    except Failure as failure:
        # The harness puts its own words before what a probe says.
        say(f"{'' if options.probe else 'error: '}{failure}")
        return 1
    except OSError as error:
        say(f"{'' if options.probe else 'error: '}{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
