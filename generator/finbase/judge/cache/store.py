"""Verdicts of earlier runs in the user's cache folder, one file each, named by their inputs.

A judge returns the cached verdict if no input of it has changed.

An entry is trusted because only its user can write it: files and folders that other users can
write to are ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from finbase.errors import TerraformError
from finbase.judge.cache.inputs import VerdictInputs, stack_hash, tree_hash
from finbase.judge.catalogue import Failure
from finbase.judge.check import Judged, StackJudge
from finbase.judge.verdict import Scenario, Verdict
from finbase.system.user_folders import (
    UnsafePermissionsError,
    cache_home,
    keep_newest,
    private_folder,
    read_private,
    write_private,
)
from finbase.terraform.program import Terraform
from finbase.terraform.provider import Installation

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
        with suppress(OSError):
            os.utime(path)  # ``keep_newest`` goes by this time.
        return judged

    def store(self, inputs: Mapping[str, str], judged: Judged, when: datetime) -> None:
        """Store a verdict of the time ``when``; do nothing if the folder cannot be written."""
        with suppress(OSError):
            write_private(self._folder / _name(inputs), _encode(inputs, judged, when))
        self.prune()

    def prune(self, most: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        """Remove the least recently used entries until the others keep within the limits."""
        keep_newest(self._folder, most, most_bytes)


@dataclass(frozen=True)
class CachedJudge:
    """Looks a verdict up by the hashes of its inputs, and otherwise runs ``judge``.

    ``note`` receives warnings about damaged entries, ``now`` returns the time of a new verdict.
    """

    judge: StackJudge
    cache: VerdictCache
    note: Callable[[str], object]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, name: str) -> Judged:
        """Return the verdict on an environment, from the cache if it has one."""
        inputs = self._inputs(name)
        if cached := self._load(name, inputs):
            return cached
        stack = features = ""

        # The user may edit the project during a run, and undo the edit. So hash the very copies
        # that are planned and judged. A copy that cannot be hashed is not cached.
        def hash_stack(project: Path, copy: Path) -> None:
            nonlocal stack
            with suppress(OSError):
                stack = stack_hash(project, copy)

        def hash_features(copy: Path) -> None:
            nonlocal features
            with suppress(OSError):
                features = tree_hash(copy)

        judged = self.judge(name, stack_copied=hash_stack, features_copied=hash_features)
        if inputs and self._inputs_of_copies(name, stack, features) == inputs:
            self.cache.store(inputs, judged, self.now())
        return judged

    def _load(self, name: str, inputs: Mapping[str, str]) -> Judged | None:
        try:
            return self.cache.load(inputs) if inputs else None
        except UnusableEntryError as error:
            self.note(f"{name}: ignoring a {error}; checking again")
            return None

    def _inputs(self, name: str) -> Mapping[str, str]:
        """Return the hashes of the inputs; empty if one cannot be read or hashed.

        Then the run itself reports what is wrong.
        """
        with suppress(OSError, TerraformError):
            return self._inputs_at_start.of(name)
        return {}

    def _inputs_of_copies(self, name: str, stack: str, features: str) -> Mapping[str, str]:
        # All inputs but the copies are hashed again: they may have changed during the run.
        with suppress(OSError):
            return self._hash_inputs().combine(name, stack, features)
        return {}

    @cached_property
    def _inputs_at_start(self) -> VerdictInputs:
        return self._hash_inputs()

    def _hash_inputs(self) -> VerdictInputs:
        return VerdictInputs(self.judge.root, self.judge.terraform, self.judge.provider)


def cached_plan(
    cache: VerdictCache, root: Path, name: str, terraform: Terraform, provider: Installation
) -> bytes | None:
    """Return the plan of the cached verdict on an environment, or None if there is none."""
    with suppress(OSError, TerraformError, UnusableEntryError):
        cached = cache.load(VerdictInputs(root, terraform, provider).of(name))
        return cached.plan if cached else None
    return None


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
