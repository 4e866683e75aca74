"""What the bridge's library calls. Every function answers a tuple: 0 and what was asked for, or a
status and a message."""

from __future__ import annotations

import faulthandler
import importlib
import json
import signal
import sys
from dataclasses import asdict
from types import ModuleType
from typing import Any, Callable, Dict, Tuple, cast

import trainmark
from trainmark._failure import Breach, answered, backend_lies_in
from trainmark._sources import found_in

_module = "backend"


@answered
def start(module: str, folder: str) -> Tuple[()]:
    """Says which module is the backend and from which folder it was built, if that is known; called once,
    before anything else."""
    global _module
    _module = module
    if folder:
        backend_lies_in(folder)
        found_in(folder)
    # Where a framework crashes, the log has Python's stack. The descriptor is the process's
    # standard error, whatever a backend makes of sys.stderr.
    faulthandler.enable(2)
    # Before Python 3.11, the first import of `signal` takes interrupts, which are the harness's.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return ()


@answered
def describe() -> Tuple[str]:
    """The backend's description as JSON."""
    function = _function("describe", "a trainmark.Description")
    description = function()
    if not isinstance(description, trainmark.Description):
        returned = f"an object of type {type(description).__name__}" if description is not None else "None"
        raise Breach(f"describe() returned {returned}, expected a trainmark.Description", function)
    return (json.dumps(asdict(description)),)


@answered
def open(
    text: str,
    train_pixels: memoryview,
    train_labels: memoryview,
    test_pixels: memoryview,
    test_labels: memoryview,
) -> Tuple[Any]:
    """A session for a request in JSON, on samples in memory."""
    function = _function("open", "a session")
    # Not before, so that a backend is described at once.
    try:
        from trainmark._lent import LentSamples
        from trainmark._session import Session, samples
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise Breach(f"{sys.executable} has no numpy; name it in the backend's requirements") from None
    LentSamples.check_earlier()
    request = json.loads(text)
    optimiser = trainmark.Optimiser(**request.pop("optimiser"))
    _check_optimiser(optimiser.kind)
    shape = tuple(request.pop("input"))
    layers = [_layer(fields) for fields in request.pop("layers")]
    parameters = [_parameter(fields) for fields in request.pop("parameters")]
    for index, parameter in enumerate(parameters):
        layers[parameter.layer].parameters.append(index)
    request = trainmark.Request(
        **request,
        input=shape,
        optimiser=optimiser,
        layers=layers,
        parameters=parameters,
        train=samples(train_pixels, train_labels, shape),
        test=samples(test_pixels, test_labels, shape),
    )
    return (Session(function(request), function, request),)


def _function(name: str, returns: str) -> Callable[..., Any]:
    """A function of the backend's module."""
    module: ModuleType = importlib.import_module(_module)
    if not callable(getattr(module, name, None)):
        raise Breach(f"{_module}.py has no function {name}, which returns {returns}")
    return cast(Callable[..., Any], getattr(module, name))


def _check_optimiser(kind: str) -> None:
    """Refuses one that the backend's module does not list as OPTIMISERS."""
    known = getattr(importlib.import_module(_module), "OPTIMISERS", ("sgd",))
    if kind not in known:
        raise trainmark.Unsupported(f"{_module}.py does not train with optimiser {kind}: OPTIMISERS lacks it")


def _layer(fields: Dict[str, Any]) -> trainmark.Layer:
    shapes = {name: tuple(fields.pop(name)) for name in ("input", "output")}
    return trainmark.Layer(kind=fields.pop("kind"), **shapes, **fields, parameters=[])


def _parameter(fields: Dict[str, Any]) -> trainmark.Parameter:
    return trainmark.Parameter(shape=tuple(fields.pop("shape")), **fields)
