"""Memory of the harness that is lent for one call.

Views cannot be taken back: a numpy array does not let go of the memory below it. So each call
looks afterwards whether somebody still refers to an array that it was given.
"""

from __future__ import annotations

import gc
import sys
from typing import Any, List, Sequence

from trainmark._failure import Breach


def _references(lent: Sequence[object]) -> List[int]:
    return [sys.getrefcount(one) for one in lent]


# What Python itself counts for an item of a list that nobody else refers to; it differs by version.
_FREE = _references([object()])[0]


def check_returned(function: Any, name: str, lent: Sequence[object]) -> None:
    """Refuses that a backend keeps arrays which are valid during the call only."""
    if max(_references(lent)) <= _FREE:
        return
    # What only a cycle of garbage refers to is not kept.
    gc.collect()
    kept = [index for index, references in enumerate(_references(lent)) if references > _FREE]
    if kept:
        what = f"array {kept[0]} of {len(lent)} that it was given" if len(lent) > 1 else "the array that it was given"
        raise Breach(
            f"{name}() keeps {what}, whose memory is valid during the call only; keep a copy "
            "(array.copy(), torch.tensor(array), jnp.array(array, copy=True))",
            function,
        )
