"""Run once in an environment that has its packages.

Where CUDA's libraries are not among them, puts stubs in the place of those that PyTorch's wheel for Linux
is linked to: 2 GB that need not be fetched. The loader wants each of them to be there, with every function
that is asked for by name, although a CPU calls none. One that is called all the same says its name and
ends the process.

Then the wheels that backends/tch has fetched are of no further use.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import distributions
from pathlib import Path

SITE = Path(sysconfig.get_paths()["platlib"])

# Libraries of NVIDIA's but for the driver's, which is opened at run time.
LIBRARY = re.compile(r"lib(cu|nv|nccl)(?!da\.so)")
FUNCTION = re.compile(r"_*(cu[A-Z]|cublas|cuda|cudnn|cufft|cufile|cupti|curand|cusolver|cusparse|nccl|nvJitLink|nvrtc|nvshmem|nvtx)")

STUB = """
#include <stdio.h>
#include <stdlib.h>
static void stop(const char *name) {
    fprintf(stderr, "%s: called, but this environment was made without CUDA's libraries\\n", name);
    abort();
}
"""


def read(option, library):
    """The rows that readelf prints of a library, as words."""
    command = ["readelf", "--wide", option, str(library)]
    rows = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.splitlines()
    return [row.split() for row in rows]


def needed(library):
    """Names of the libraries that it asks for."""
    return {row[-1].strip("[]") for row in read("--dynamic", library) if "(NEEDED)" in row}


def symbols(library):
    """Names that it cannot do without, and names that it has."""
    wanted, had = set(), set()
    for row in read("--dyn-syms", library):
        if len(row) < 8 or row[4] not in ("GLOBAL", "WEAK"):
            continue
        name = row[7].partition("@")[0]
        if row[6] != "UND":
            had.add(name)
        elif row[4] == "GLOBAL":
            wanted.add(name)
    return wanted, had


def compile_stubs(folder, libraries, functions):
    """All functions lie in the first library: the loader looks through all of them."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary, "stubs.c")
        source.write_text(STUB + "".join(f'void {name}(void) {{ stop("{name}"); }}\n' for name in functions))
        empty = Path(temporary, "empty.c")
        empty.write_text("")
        for index, library in enumerate(libraries):
            options = ["-shared", "-fPIC", "-w", "-fno-builtin", f"-Wl,-soname,{library}"]
            file = source if index == 0 else empty
            subprocess.run(["cc", *options, "-o", str(folder / library), str(file)], check=True)


def make_stubs():
    torch = SITE / "torch/lib"
    folder = SITE / "nvidia/cu13/lib"
    linked = [*torch.glob("*.so*"), *(SITE / "torch").glob("_C*.so"), *folder.glob("*.so*")]
    here = {library.name for library in linked}
    missing = set().union(*map(needed, linked)) - here
    stubbed = sorted(name for name in missing if LIBRARY.match(name))
    wanted, had = (set().union(*names) for names in zip(*map(symbols, linked)))
    functions = sorted(name for name in wanted - had if FUNCTION.match(name))
    compile_stubs(folder, stubbed, functions)
    print(f"{len(stubbed)} libraries of CUDA's are stubs, with {len(functions)} functions: {' '.join(stubbed)}")


def remove_wheels():
    """Those that are installed here, where this is an environment of trainmark's cache."""
    wheels = Path(sys.prefix).parent.parent / "wheels"
    names = {re.sub("[-_.]+", "_", each.metadata["Name"]) + f"-{each.version}-" for each in distributions()}
    for wheel in wheels.glob("*.whl"):
        if wheel.name.startswith(tuple(names)):
            wheel.unlink(missing_ok=True)


def main():
    if sys.platform == "linux" and not any(SITE.glob("nvidia_cublas-*.dist-info")):
        make_stubs()
    remove_wheels()


if __name__ == "__main__":
    main()
