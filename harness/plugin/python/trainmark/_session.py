"""A backend's session behind the calls of the bridge's library: memory becomes arrays, and what
the backend returns is held against the interface."""

from __future__ import annotations

import operator
from typing import Any, List, Sequence, Tuple

import numpy as np

import trainmark
from trainmark._failure import Breach, answered
from trainmark._lent import LentSamples, check_returned

_REQUIRED = ("set_parameters", "get_parameters", "train_step", "predict")


def samples(pixels: memoryview, labels: memoryview, shape: Tuple[int, ...]) -> trainmark.Samples:
    """The memory of one split as arrays."""
    count = len(labels)
    return trainmark.Samples(_array(pixels, np.uint8, count, *shape), _array(labels, np.uint8, count))


def _array(memory: memoryview, kind: Any, *shape: int) -> Any:
    """Memory as an array. Not a reshaped one: views of that would refer to another array than
    the one whose references are counted."""
    return np.ndarray(shape, kind, memory)


def _indices(memory: memoryview) -> Any:
    return _array(memory, np.uint32, memory.nbytes // 4)


class Session:
    """The methods are those of the plugin contract."""

    def __init__(self, session: Any, opened_by: Any, request: trainmark.Request) -> None:
        missing = [name for name in _REQUIRED if not callable(getattr(session, name, None))]
        if missing:
            names = ", ".join(missing)
            raise Breach(
                f"open() returned {_shown(session)}, expected a session: it has no method {names}", opened_by
            )
        self._session = session
        self._lent = LentSamples(
            {
                f"{name}.{array}": getattr(getattr(request, name), array)
                for name in ("train", "test")
                for array in ("pixels", "labels")
            },
            opened_by,
        )
        self._shapes = [parameter.shape for parameter in request.parameters]
        self._classes = request.classes

    @answered
    def set_parameters(self, views: Sequence[memoryview]) -> Tuple[()]:
        function = self._session.set_parameters
        lent = self._parameters(views)
        function(list(lent))
        check_returned(function, "set_parameters", lent)
        return ()

    @answered
    def get_parameters(self, views: Sequence[memoryview]) -> Tuple[()]:
        function = self._session.get_parameters
        lent = self._parameters(views)
        given = list(lent)
        _expect_nothing(function(given), function, "get_parameters", "values[i][...] = …")
        _check_written(given, lent, function)
        del given
        check_returned(function, "get_parameters", lent)
        return ()

    @answered
    def train_step(self, batch: memoryview) -> Tuple[float, int]:
        function = self._session.train_step
        lent = [_indices(batch)]
        outcome = _outcome(function(lent[0]), function, "train_step", len(lent[0]))
        check_returned(function, "train_step", lent)
        return outcome

    @answered
    def train_epoch(self, order: memoryview, batch_size: int) -> Tuple[float, int]:
        function, name = getattr(self._session, "train_epoch", None), "train_epoch"
        lent = [_indices(order)]
        if function is None:
            function, name = self._session.train_step, "train_step"
            outcome = self._steps(lent[0], batch_size)
        else:
            outcome = _outcome(function(lent[0], batch_size), function, name, len(lent[0]))
        check_returned(function, name, lent)
        return outcome

    def _steps(self, order: Any, batch_size: int) -> Tuple[float, int]:
        """An epoch of a session that has steps only."""
        step = self._session.train_step
        total, right = 0.0, 0
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            loss, correct = _outcome(step(batch), step, "train_step", len(batch))
            total += loss * len(batch)
            right += correct
        return total / len(order), right

    @answered
    def predict(self, split: str, indices: memoryview, batch_size: int, logits: memoryview) -> Tuple[()]:
        function = self._session.predict
        lent = [_indices(indices)]
        lent.append(_array(logits, np.float32, len(lent[0]), self._classes))
        _expect_nothing(
            function(split, lent[0], batch_size, lent[1]), function, "predict", "logits[...] = …"
        )
        check_returned(function, "predict", lent)
        return ()

    @answered
    def close(self) -> Tuple[()]:
        close = getattr(self._session, "close", None)
        self._session = None
        if close is not None:
            close()
        del close
        self._lent.check_closed()
        return ()

    def _parameters(self, views: Sequence[memoryview]) -> List[Any]:
        return [_array(view, np.float32, *shape) for view, shape in zip(views, self._shapes)]


def _outcome(outcome: Any, function: Any, name: str, samples: int) -> Tuple[float, int]:
    """The mean loss and the number of right predictions that a backend returned."""
    if not isinstance(outcome, tuple) or len(outcome) != 2:
        raise Breach(
            f"{name}() returned {_shown(outcome)}, expected (loss, correct): the samples' mean loss "
            "and how many of them were predicted rightly",
            function,
        )
    loss, correct = outcome
    try:
        loss = float(loss)
    except (TypeError, ValueError):
        raise Breach(f"{name}() returned the loss {_shown(loss)}, expected a float", function) from None
    try:
        correct = operator.index(correct)
    except TypeError:
        raise Breach(f"{name}() returned {_shown(correct)} as correct, expected an int", function) from None
    if not 0 <= correct <= samples:
        raise Breach(f"{name}() returned {correct} correct of {samples} samples", function)
    return loss, correct


def _expect_nothing(returned: Any, function: Any, name: str, instead: str) -> None:
    if returned is not None:
        raise Breach(
            f"{name}() returned {_shown(returned)}, expected nothing: it writes into what it is given, {instead}",
            function,
        )


def _check_written(given: List[Any], lent: List[Any], function: Any) -> None:
    """Refuses a list whose items were replaced, so that nothing was written to the harness."""
    replaced = [index for index, array in enumerate(lent) if len(given) <= index or given[index] is not array]
    if replaced:
        index = replaced[0]
        raise Breach(
            f"get_parameters() put another object in the place of values[{index}]; "
            f"write into the array: values[{index}][...] = …",
            function,
        )


def _shown(value: Any) -> str:
    """A value for a message: itself where it is short, else its type."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)[:60]
    return f"an object of type {type(value).__name__}"
