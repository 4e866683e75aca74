"""What folders take on the disk, and what there is of it."""

import os
import shutil
from pathlib import Path

from messages import Failure, megabytes


def bytes_in(folder):
    """Bytes that the files below a folder take; what goes away meanwhile counts for nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                pass
    return total


def check_room(wanted, folder, title):
    """Fails where so many bytes are not free in a folder that may have yet to be made."""
    place = Path(folder)
    while not place.is_dir() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise Failure(
            f"{title} takes {megabytes(wanted)} in {folder}, where {megabytes(free)} are free; make room, or "
            "set XDG_CACHE_HOME"
        )
