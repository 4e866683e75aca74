"""Memory of the harness that is lent: for one call, or, of the samples, until a session is closed.

Views cannot be taken back: a numpy array does not let go of the memory below it. So it is looked
afterwards whether somebody still refers to an array that was lent.
"""

from __future__ import annotations

import gc
import sys
from typing import Any, Dict, List, Sequence

from trainmark._failure import Breach

_REMEDY = "keep a copy (array.copy(), torch.tensor(array), jnp.array(array, copy=True))"


def _references(lent: Sequence[object]) -> List[int]:
    return [sys.getrefcount(one) for one in lent]


# What Python itself counts for an item of a list that nobody else refers to; it differs by version.
_FREE = _references([object()])[0]


def _kept(lent: Sequence[object]) -> List[int]:
    """Which of these somebody else refers to."""
    if max(_references(lent), default=0) <= _FREE:
        return []
    # What only a cycle of garbage refers to is not kept.
    gc.collect()
    return [index for index, references in enumerate(_references(lent)) if references > _FREE]


def check_returned(function: Any, name: str, lent: Sequence[object]) -> None:
    """Refuses that a backend keeps arrays which are valid during the call only."""
    if kept := _kept(lent):
        what = f"array {kept[0]} of {len(lent)} that it was given" if len(lent) > 1 else "the array that it was given"
        raise Breach(f"{name}() keeps {what}, whose memory is valid during the call only; {_REMEDY}", function)


class LentSamples:
    """The samples' arrays that a session was opened with."""

    # Those of sessions that were closed with something still kept.
    _left: List[LentSamples] = []

    def __init__(self, arrays: Dict[str, Any], opened_by: Any) -> None:
        self._names, self._arrays, self._opened_by = list(arrays), list(arrays.values()), opened_by

    def check_closed(self) -> None:
        """Refuses that a backend keeps them when their session is closed and gone."""
        try:
            self._check()
        except Breach:
            # Closing a session cannot fail, but is told in the log. Opening the next one can.
            self._left.append(self)
            raise

    @classmethod
    def check_earlier(cls) -> None:
        """Refuses to open a session while the samples of a closed one are kept."""
        for one in cls._left:
            one._check()
        cls._left.clear()

    def _check(self) -> None:
        if kept := _kept(self._arrays):
            raise Breach(
                f"the session that open() returned is closed, but request.{self._names[kept[0]]} is still kept, whose "
                f"memory is valid while the session is open only; {_REMEDY}, or let go of it in close()",
                self._opened_by,
            )
