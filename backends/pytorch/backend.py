"""PyTorch, as its users write it: modules, autograd, an optimiser and a loop."""

import functools
import os
import shutil
import sysconfig
import tempfile
from importlib.metadata import version

import trainmark as tm

OPTIMISERS = ("sgd", "momentum", "adam")

# Of the packages, the one that is there where they are for CUDA, too.
CUDA = "nvidia-cublas"

FRAMEWORKS, CHAPTER = "unbiased_from_one", "biased_from_zero"

IMPLEMENTATIONS = [
    tm.Implementation("builtin", FRAMEWORKS, "nn.BatchNorm2d and nn.BatchNorm1d"),
    tm.Implementation(
        "primitive", CHAPTER, "the chapter's batch_norm from tensor operations, its moving averages detached"
    ),
    tm.Implementation(
        "chapter",
        CHAPTER,
        "batch_norm as the chapter writes it: the moving averages hold on to the autograd graph of every "
        "step before, so that memory grows",
    ),
    tm.Implementation("compiled", FRAMEWORKS, "builtin through torch.compile, which compiles in the first epoch"),
    tm.Implementation(
        "tuned",
        FRAMEWORKS,
        "builtin with oneDNN's max pooling and a heap that keeps what a step has freed, as the backend tch has both",
    ),
    tm.Implementation(
        "notebook", FRAMEWORKS, "builtin fed by a DataLoader with 4 workers, which turn each image into floats"
    ),
]


def describe() -> tm.Description:
    # `import torch` takes seconds: nothing here needs it unless there is a GPU.
    devices = [tm.Device("cpu")]
    reason = tm.without_cuda(CUDA)
    if reason is None:
        devices += graphics_processors()
    else:
        devices.append(tm.Device("cuda:0", reason))
    notes = [
        "max pooling and the heap are as PyTorch has them, but in `tuned`; a backend over the same libtorch may do them "
        "otherwise",
        "compiled: torch.compile compiles anew in every process: the first epoch has it",
        "chapter: its moving averages hold on to the autograd graph of every step, as the chapter writes them",
    ]
    if devices[-1].id != "cpu" and devices[-1].unavailable is None:
        notes.append("TF32 is off, cuDNN's benchmark on")
    return tm.Description(f"PyTorch {version('torch')}", IMPLEMENTATIONS, devices, notes)


def open(request: tm.Request):
    if request.device != "cpu" and (reason := tm.without_cuda(CUDA)):
        raise tm.DeviceError(f"{request.device} cannot be used: {reason}")
    if request.implementation == "compiled" and (reason := without_compiler()):
        raise tm.Unsupported(f"torch.compile needs {reason}")
    # Read when torch.compile is first imported; its compilers are processes of their own. What another
    # process has compiled is not taken, so that the first epoch has the compiling.
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = str(request.threads)
    if request.implementation == "compiled":
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = compiled_here()
    from training import Session

    return Session(request)


@functools.cache
def compiled_here() -> str:
    """A folder for what this process compiles; closing a session empties it."""
    return tempfile.mkdtemp(prefix="trainmark-compiled-")


def graphics_processors() -> list[tm.Device]:
    import torch

    if not torch.cuda.is_available():
        return [tm.Device("cuda:0", "torch.cuda.is_available() says no: the driver shows no device or is too old")]
    return [tm.Device(f"cuda:{index}") for index in range(torch.cuda.device_count())]


def without_compiler() -> str | None:
    """What torch.compile lacks to compile for a CPU."""
    if not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        return "a C++ compiler, such as Debian's g++"
    if not os.path.isfile(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
        return "Python.h; install Python's headers, such as Debian's python3-dev"
    return None
