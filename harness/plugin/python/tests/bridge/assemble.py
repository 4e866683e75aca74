"""assemble.py LIBRARY COMMENT FOLDER...: appends the Python files below the folders to a library."""

import pathlib
import sys
import zipfile

library, comment, *folders = sys.argv[1:]
with zipfile.ZipFile(library, "a") as archive:
    for folder in map(pathlib.Path, folders):
        for file in sorted(folder.rglob("*.py")):
            archive.write(file, file.relative_to(folder))
    archive.comment = comment.encode()
