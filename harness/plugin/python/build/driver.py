"""Whether packages for CUDA are wanted: by the rule that all of trainmark's builds have."""

import subprocess
from pathlib import Path

from messages import Failure

RULE = Path(__file__).resolve().parents[4] / "scripts/nvidia-driver.sh"

# Those that overrule it: for backends in Python, and for all.
VARIABLES = ("TRAINMARK_PYTHON_CUDA", "TRAINMARK_CUDA")


def is_wanted():
    """Whether a variable says so, or a driver is there."""
    return asked().returncode == 0


def signs():
    """The files by which a driver is seen, there or not; none where a variable decides."""
    return asked("--signs").stdout.splitlines()


def asked(*options):
    command = ["sh", str(RULE), *options, VARIABLES[0]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8", errors="replace")
    if done.returncode > 1 or done.returncode < 0:
        raise Failure(f"{RULE} does not say whether there is an NVIDIA driver: it ended with {done.returncode}")
    return done
