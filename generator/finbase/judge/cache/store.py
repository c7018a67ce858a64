"""Verdicts of earlier runs in the user's cache folder, one file each, named by their inputs.

An entry is trusted because only its user can write it: files and folders that other users can
write to are ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from finbase.judge.catalogue import Failure
from finbase.judge.check import Judged
from finbase.judge.verdict import Scenario, Verdict
from finbase.system.user_folders import (
    UnsafePermissionsError,
    cache_home,
    keep_newest,
    private_folder,
    read_private,
    write_private,
)

MOST_ENTRIES = 2000
MOST_BYTES = 128 << 20
"""Limits of the cache. The least recently used entries are removed first."""

_MOST_BYTES_OF_ENTRY = 16 << 20


class CacheUnavailableError(Exception):
    """There is no folder for the cache that only this user can write to."""


class UnusableEntryError(Exception):
    """An entry of the cache must not be used."""


class VerdictCache:
    """The verdict cache of this user. Several processes and threads may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def open(cls) -> VerdictCache:
        """Return the cache, with its folder created; raises ``CacheUnavailableError``."""
        try:
            folder = private_folder(cache_home(), ["finbase", "verdicts"])
        except RuntimeError as error:
            raise CacheUnavailableError(str(error)) from error
        except OSError as error:
            raise CacheUnavailableError(f"{error.filename}: {error.strerror}") from error
        if folder is None:
            raise CacheUnavailableError("other users can write to its folder")
        return cls(folder)

    def load(self, inputs: Mapping[str, str]) -> Judged | None:
        """Return the verdict that is stored for these inputs, or None if there is none.

        Raises ``UnusableEntryError`` if that is damaged, cannot be read, or could have been
        written by other users.
        """
        path = self._folder / _name(inputs)
        try:
            judged = _decode(read_private(path, _MOST_BYTES_OF_ENTRY), inputs)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnusableEntryError(f"unreadable cache entry: {error.strerror}") from error
        except UnsafePermissionsError as error:
            raise UnusableEntryError(f"cache entry: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError, zlib.error) as error:
            raise UnusableEntryError("damaged cache entry") from error
        with contextlib.suppress(OSError):
            os.utime(path)  # ``keep_newest`` goes by this time.
        return judged

    def store(self, inputs: Mapping[str, str], judged: Judged, when: datetime) -> None:
        """Store a verdict of the time ``when``; do nothing if the folder cannot be written."""
        with contextlib.suppress(OSError):
            write_private(self._folder / _name(inputs), _encode(inputs, judged, when))
        self.prune()

    def prune(self, most: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        """Remove the least recently used entries until the others keep within the limits."""
        keep_newest(self._folder, most, most_bytes)


def _name(inputs: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(inputs), sort_keys=True).encode()).hexdigest()


def _encode(inputs: Mapping[str, str], judged: Judged, when: datetime) -> bytes:
    entry = {
        "inputs": dict(inputs),
        "when": when.isoformat(),
        "verdict": asdict(replace(judged.verdict, cached_at=None)),
        "plan": judged.plan.decode(),
    }
    return zlib.compress(json.dumps(entry).encode())  # Its checksum shows a damaged file.


def _decode(content: bytes, inputs: Mapping[str, str]) -> Judged:
    entry = json.loads(zlib.decompress(content))
    if entry["inputs"] != dict(inputs):
        raise ValueError("the entry of other inputs")
    data = entry["verdict"]
    verdict = Verdict(
        data["environment"],
        tuple(Scenario(**_with_tuples(scenario)) for scenario in data["scenarios"]),
        tuple(Failure(**_with_tuples(failure)) for failure in data["failures"]),
        cached_at=datetime.fromisoformat(entry["when"]),
        not_judged=tuple(data["not_judged"]),
    )
    return Judged(verdict, entry["plan"].encode())


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
