"""A cache of parsed YAML: the values of each text, as JSON, by the hash of the text.

Reading YAML takes thirty times as long as reading the same values as JSON, and every render reads
the contracts of released versions, which never change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from finbase.system.user_folders import SealedFolder

MOST_TEXTS: Final = 500
_MOST_OF_ONE: Final = 1 << 20


def load_yaml(source: bytes) -> Any:
    """Read a YAML text into plain values; raises ``yaml.YAMLError``."""
    import yaml  # Imported late: cached texts, as in completion, need no parser.

    return yaml.load(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


class YamlCache:
    """The cache in the user's folder; without a safe folder, every text is parsed again."""

    def __init__(self, kind: str = "yaml", read: Callable[[bytes], Any] | None = None) -> None:
        """Keep the results of ``read`` (default: ``load_yaml``) in a folder named ``kind``."""
        self._kind = kind
        self._read = read

    def load(self, source: bytes) -> Any:
        """Read a YAML text, from the cache if possible; raises ``yaml.YAMLError``."""
        folder = self._folder
        if folder is None:
            return self._parse(source)
        name = hashlib.sha256(source).hexdigest()
        if kept := folder.read(name):
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(kept)
        data = self._parse(source)
        if text := _as_json(data):
            folder.write(name, text.encode())
        return data

    def _parse(self, source: bytes) -> Any:
        return (self._read or load_yaml)(source)

    @cached_property
    def _folder(self) -> SealedFolder | None:
        return SealedFolder.open(self._kind, MOST_TEXTS, _MOST_OF_ONE)


def _as_json(data: Any) -> str | None:
    """Return the data as JSON, or None if JSON cannot represent it exactly, such as a date."""
    text = ""
    try:
        # In pieces, to stop early: aliases can make a short YAML text very long.
        for piece in json.JSONEncoder().iterencode(data):
            text += piece
            if len(text) > _MOST_OF_ONE:
                return None
        return text if json.loads(text) == data else None
    except (TypeError, ValueError, RecursionError):
        return None
