"""A backend's library: the bridge with the backend's sources behind it, as a self-extracting archive."""

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from interpreter import runs
from locking import locked
from messages import Failure, say

# The bridge's crate, with the package that backends import.
CRATE = Path(__file__).resolve().parents[1]
PACKAGE = CRATE / "trainmark"

# The oldest time that an archive can tell: the same sources make the same library.
EPOCH = (1980, 1, 1, 0, 0, 0)

# Prints where a source is no Python, as the Python sees it that will run it.
CHECK = """
import sys
for path in sys.argv[1:]:
    try:
        compile(open(path, "rb").read(), path, "exec")
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        print(f"{path.rpartition('/')[2]}{where}: {error.msg}: {(error.text or '').strip()}")
        break
"""


def build_bridge(target):
    """Builds the bridge, for all Python backends once, and returns its library."""
    folder = target.parent / ".python"
    with locked(folder / "bridge.lock", "the bridge to Python"):
        command = ["cargo", "build", "--release", "--locked", "--package", "trainmark-python", "--lib"]
        built = subprocess.run(command, cwd=CRATE, env={**os.environ, "CARGO_TARGET_DIR": str(folder)})
        if built.returncode != 0:
            # cargo has said why.
            raise SystemExit(built.returncode)
        names = [f"libtrainmark_python{suffix}" for suffix in (".so", ".dylib")]
        found = [path for path in (folder / "release" / name for name in names) if path.is_file()]
        if not found:
            raise Failure(f"cargo left no library of the bridge in {folder / 'release'}")
        copy = target / "bridge"
        shutil.copyfile(found[0], copy)
    return copy


def sources(folder, module):
    """The Python files of a backend, by their names in the archive."""
    if not (folder / module).is_file():
        raise Failure(f"{folder / module} is not there: backend.toml names it (python = \"{module}\")")
    found = {path.name: path for path in sorted(folder.glob("*.py"))}
    for name in ("trainmark", "trainmark.py"):
        if (folder / name).exists():
            raise Failure(f"{folder / name} would hide the module trainmark; give it another name")
    return found


def check_sources(python, files):
    """Fails where one is no Python of the version that will run it."""
    fault = runs(python, CHECK, *files)
    if fault:
        raise Failure(fault)


def archive(files, comment):
    """The archive of a backend's sources and of the package."""
    package = {f"{PACKAGE.name}/{path.name}": path for path in sorted(PACKAGE.glob("*.py"))}
    content = io.BytesIO()
    # As it is: an interpreter without zlib can read it, and nothing of it is large.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as written:
        for name, path in {**files, **package}.items():
            written.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes())
        written.comment = json.dumps(comment, sort_keys=True).encode("utf-8")
    return content.getvalue()


def assemble(bridge, files, comment, library):
    """Puts the library together; it is there at once and whole."""
    staged = library.with_name(f"{library.name}.new")
    with open(staged, "wb") as out:
        out.write(bridge.read_bytes())
        out.write(archive(files, comment))
    shutil.copymode(bridge, staged)
    os.replace(staged, library)
    say(f"{library.name}: {', '.join(files)}")
