"""NumPy: every layer's forward and backward pass written out. Slow, and all of it can be read."""

from importlib.metadata import version

import trainmark as tm

OPTIMISERS = ("sgd", "momentum", "adam")


def describe() -> tm.Description:
    return tm.Description(
        f"NumPy {version('numpy')}",
        [tm.Implementation("primitive", "biased_from_zero", "batch norm and its gradient from array operations")],
        notes=["the gradients are written by hand: this shows what arrays alone cost, not a framework"],
    )


def open(request: tm.Request):
    from training import Session

    return Session(request)
