"""JAX: the model is a function, its training step another, compiled by XLA."""

import os
from importlib.metadata import version

import trainmark as tm

OPTIMISERS = ("sgd", "momentum", "adam")

# Of the packages, the one that is there where they are for CUDA, too.
CUDA = "jax-cuda13-plugin"

NOTES = [
    "an epoch is a loop over the compiled step, which a CPU did faster than one lax.scan of it",
    "XLA compiles in the first epoch, once for full batches and once for the last one",
]


def describe() -> tm.Description:
    # `import jax` takes seconds: nothing here needs it unless there is a plugin for CUDA.
    return tm.Description(
        f"JAX {version('jax')}",
        [tm.Implementation("primitive", "biased_from_zero", "batch norm from jax.numpy's operations, jitted")],
        [tm.Device("cpu"), *graphics_processors()],
        NOTES,
    )


def open(request: tm.Request):
    # Read when XLA makes its client for the CPU, before the first array. A GPU is not asked for.
    os.environ["PJRT_NPROC"] = str(request.threads)
    if request.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    elif reason := tm.without_cuda(CUDA):
        raise tm.DeviceError(f"{request.device} cannot be used: {reason}")
    from training import Session

    return Session(request)


def graphics_processors() -> list[tm.Device]:
    if reason := tm.without_cuda(CUDA):
        return [tm.Device("cuda:0", reason)]
    import jax

    try:
        return [tm.Device(f"cuda:{device.id}") for device in jax.devices("cuda")]
    except RuntimeError as error:
        return [tm.Device("cuda:0", str(error).splitlines()[0])]
