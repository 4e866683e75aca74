"""The backend's own modules: executed as they lie in the library, told of as they lie in their folder."""

from __future__ import annotations

import importlib.util
import linecache
import os
import sys
import zipimport
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, Optional

# The library, whose archive this module was imported from.
_LIBRARY = os.path.dirname(os.path.dirname(__file__))


class Sources(MetaPathFinder, InspectLoader):
    """Imports them from the library, compiled under the names of the files that the author edits."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._archive = zipimport.zipimporter(_LIBRARY)

    def find_spec(self, name: str, path: Any, target: Optional[ModuleType] = None) -> Optional[ModuleSpec]:
        if "." in name or self._read(name) is None:
            return None
        # The place of what is executed, so that nobody takes other files from beside it.
        return importlib.util.spec_from_file_location(name, self._place(name), loader=self)

    def get_code(self, name: str) -> Optional[CodeType]:
        source = self._read(name)
        if source is None:
            return None
        path = os.path.join(self._folder, f"{name}.py")
        try:
            lines = importlib.util.decode_source(source).splitlines(keepends=True)
            # Tracebacks show the lines that are executed, whatever has been made of the file since.
            linecache.cache[path] = (len(source), None, lines, path)
        except (SyntaxError, UnicodeDecodeError):
            # Compiling says it.
            pass
        return compile(source, path, "exec", dont_inherit=True)

    def get_source(self, name: str) -> Optional[str]:
        source = self._read(name)
        return None if source is None else importlib.util.decode_source(source)

    def _place(self, name: str) -> str:
        return os.path.join(_LIBRARY, f"{name}.py")

    def _read(self, name: str) -> Optional[bytes]:
        try:
            return self._archive.get_data(self._place(name))
        except OSError:
            return None


def found_in(folder: str) -> None:
    """Says where the backend's files were when the library was built."""
    sys.meta_path.insert(0, Sources(folder))
