"""Keeps two builds from making one thing at once."""

import fcntl
from contextlib import contextmanager

from messages import say


@contextmanager
def locked(path, title):
    """Holds the lock of a file, which goes with the process, and says where it has to be waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{title}: another build makes it; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            # A file system without locks, where nobody can wait for anybody.
            pass
        yield
