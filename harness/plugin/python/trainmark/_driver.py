"""The NVIDIA driver, as a process that is about to use it sees it."""

from __future__ import annotations

import sys
from typing import Optional

# What every framework's part for CUDA opens.
_LIBRARY = "libcuda.so.1"


def without_cuda(package: str) -> Optional[str]:
    """Why no NVIDIA GPU can be used; None where one may be, which the framework then knows.

    `package` is the distribution, such as `nvidia-cublas`, that the environment has where it was made
    for CUDA. Neither it nor the framework is imported: that takes seconds.
    """
    # Not with `import trainmark`, which a backend for CPUs waits for, too.
    import ctypes
    from importlib.metadata import PackageNotFoundError, version

    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return "there is no NVIDIA driver"
    try:
        version(package)
    except PackageNotFoundError:
        return (
            f"{sys.prefix} was made without CUDA's libraries ({package} is absent); build again where the "
            "driver is, or set TRAINMARK_PYTHON to an environment that has them"
        )
    return None
