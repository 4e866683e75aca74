"""What the tool says: lines on its progress, and one line on why it cannot go on."""


class Failure(Exception):
    """Why the library cannot be built, and what to do about it, in one line."""


def say(line):
    """Prints a line at once: the harness shows the last one while a build runs."""
    print(line, flush=True)


def megabytes(count):
    """`570 MB`, of bytes."""
    return f"{round(count / 1e6):,} MB"
