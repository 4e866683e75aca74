"""locked.py FILE COMMAND...: runs a command once nobody else holds the lock of a file."""

import fcntl
import os
import sys

file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o666)
try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("another build fetches; waiting", file=sys.stderr, flush=True)
    fcntl.flock(file, fcntl.LOCK_EX)
except OSError:
    # A file system without locks, where nobody can wait for anybody.
    pass
# The lock is the command's, and goes with it.
os.set_inheritable(file, True)
os.execvp(sys.argv[2], sys.argv[2:])
