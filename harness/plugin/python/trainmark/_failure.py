"""What is raised becomes a status and a line of text; the traceback goes to the log."""

from __future__ import annotations

import functools
import os
import traceback
from types import TracebackType
from typing import Any, Callable, Optional, Tuple

import trainmark

OK = 0
# The numbers of trainmark.h.
INVALID, UNSUPPORTED, FAILED, OUT_OF_MEMORY, DEVICE = 1, 2, 3, 4, 5

_SAID_BY_THE_BACKEND = {
    trainmark.Invalid: INVALID,
    trainmark.Unsupported: UNSUPPORTED,
    trainmark.DeviceError: DEVICE,
}

# Frameworks have exceptions of their own for it, most of them a plain RuntimeError.
_OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "resource_exhausted")

_OWN_FOLDER = os.path.dirname(__file__) + os.sep

# Where the backend's files lie: in the library, and where they were when it was built.
_backend_folders = [os.path.dirname(os.path.dirname(__file__))]


def backend_lies_in(folder: str) -> None:
    """Says where the backend's files were when the library was built."""
    _backend_folders.append(folder)


def _is_backends(file: Optional[str]) -> bool:
    # Not what lies deeper: an environment may.
    return os.path.dirname(file or "") in _backend_folders


class Breach(Exception):
    """A backend's function did not do what the interface asks for."""

    def __init__(self, message: str, function: Optional[Callable[..., Any]] = None) -> None:
        super().__init__(message)
        self.place = _place_of_function(function)


def answered(function: Callable[..., Tuple[Any, ...]]) -> Callable[..., Tuple[Any, ...]]:
    """Makes a function answer (0, *what it returns), or a status and a message. It raises nothing."""

    @functools.wraps(function)
    def answer(*arguments: Any) -> Tuple[Any, ...]:
        try:
            return (OK, *function(*arguments))
        except BaseException as error:  # SystemExit and KeyboardInterrupt too
            return _status(error), _one_line(error)

    return answer


def _status(error: BaseException) -> int:
    for kind, status in _SAID_BY_THE_BACKEND.items():
        if isinstance(error, kind):
            return status
    words = str(error).lower()
    if isinstance(error, MemoryError) or any(known in words for known in _OUT_OF_MEMORY_WORDS):
        return OUT_OF_MEMORY
    return FAILED


def _one_line(error: BaseException) -> str:
    message = _first_line(str(error))
    if isinstance(error, tuple(_SAID_BY_THE_BACKEND)):
        return _printable(message or type(error).__name__)
    if isinstance(error, Breach):
        place = error.place
        line = message
    else:
        traceback.print_exception(type(error), error, _without_bridge(error.__traceback__))
        place = _place(error)
        line = _named(error, message)
    return _printable(f"{line} ({place})" if place else line)


def _without_bridge(frames: Optional[TracebackType]) -> Optional[TracebackType]:
    """A traceback from where the bridge calls the backend."""
    last = frames
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frames = frames.tb_next
    return frames or last


def _named(error: BaseException, message: str) -> str:
    """The last line of its traceback, and what to do where it would have ended the harness's process."""
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) was called, in a process that is trainmark's; raise an exception instead"
    if isinstance(error, SyntaxError):
        message = error.msg
    name = type(error).__name__
    return f"{name}: {message}" if message else name


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")


def _place(error: BaseException) -> Optional[str]:
    """File and line of the backend's own code that was running, else of any but the bridge's."""
    if isinstance(error, SyntaxError) and _is_backends(error.filename):
        return f"{os.path.basename(error.filename or '')}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_OWN_FOLDER, "<frozen"))
    ]
    own = [frame for frame in frames if _is_backends(frame.filename)]
    if not frames:
        return None
    last = (own or frames)[-1]
    where = "" if last.name == "<module>" else f" in {last.name}"
    return f"{os.path.basename(last.filename)}:{last.lineno}{where}"


def _place_of_function(function: Optional[Callable[..., Any]]) -> Optional[str]:
    wrapped: Any = function
    while hasattr(wrapped, "__wrapped__"):
        wrapped = wrapped.__wrapped__
    code = getattr(wrapped, "__code__", None)
    if code is None:
        return None
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno} in {code.co_name}"
