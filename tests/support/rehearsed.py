"""Rehearsals in tests: what a state says when AWS's own names are left out, and what is left."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What AWS draws by itself, so that no two stacks have the same.
_IDS = "vpc subnet sg sgr rtb igw nat eipalloc eipassoc vpce fl eni rtbassoc acl dopt pl"
_DRAWN = (
    (rf"\b({_IDS.replace(' ', '|')})-[0-9a-f]{{8,}}(-[0-9a-f]{{8}})?\b", r"\1-…"),
    (r"\br-rtb-[0-9a-f]+", "r-…"),
    (r"\bdb-[A-Z0-9]{20,}", "db-…"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "uuid"),
    (r"\bA[A-Z0-9]{19,20}\b", "unique"),
    (r"\b[0-9A-F]{13}\b", "zone"),
    (r"(:secret:[A-Za-z0-9/_-]+)-[A-Za-z0-9]{6}\b", r"\1-…"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "time"),
    (r"\b20\d{16}[0-9a-f]{8}\b", "number"),
    (r"-final-[0-9a-f]{8}", "-final-…"),
    (r"\b\d+\.\d+\.\d+\.\d+\b(?!/)", "address"),
    (r"\b(ip|ec2)-\d+-\d+-\d+-\d+\b", "address"),
)


def normalised(state: Mapping[str, Any]) -> dict[str, Any]:
    """Map each address of a state to its values, with what AWS draws replaced by words.

    Nothing, false and empty are the same: a resource that was imported has the one where another
    has the other.
    """
    found: dict[str, Any] = {}
    queue = [state.get("values", {}).get("root_module", {})]
    while queue:
        module = queue.pop()
        queue += module.get("child_modules", ())
        for resource in module.get("resources", ()):
            if resource["mode"] == "managed":
                found[resource["address"]] = _plain(resource["values"])
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name each address, and each argument of it, in which two normalised states differ."""
    found = [f"{address}: only in one" for address in sorted(set(one) ^ set(other))]
    for address in sorted(set(one) & set(other)):
        first, second = one[address], other[address]
        found += [
            f"{address}.{name}: {first.get(name)!r} and {second.get(name)!r}"
            for name in sorted(set(first) | set(second))
            if first.get(name) != second.get(name)
        ]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {name: _plain(each) for name, each in value.items()}
        return {name: each for name, each in plain.items() if each}
    if isinstance(value, list):  # Terraform sorts sets by what is left out here.
        parts = [_plain(part) for each in value for part in _single(each)]
        return sorted(parts, key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, str):
        for drawn, word in _DRAWN:
            value = re.sub(drawn, word, value)
    return value


def _single(value: Any) -> list[Any]:
    """Split a rule for several groups, as which AWS may show several rules that are alike."""
    groups = value.get("security_groups") if isinstance(value, dict) else None
    return [{**value, "security_groups": [group]} for group in groups] if groups else [value]


@contextmanager
def own_temporary_folder() -> Iterator[Path]:
    """Yield an empty folder for ``TMPDIR`` that PostgreSQL's user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="finbase-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if leftovers := [str(path) for path in folder.iterdir()]:
            raise AssertionError(leftovers)
        folder.rmdir()


def users_of(folder: Path) -> list[str]:
    """Name every process that has the folder in its command, its environment or as its own."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            texts = [(process / name).read_bytes() for name in ("cmdline", "environ")]
            texts.append(os.fsencode((process / "cwd").readlink()))
        except OSError:  # It has ended, or is a zombie: its parent has not asked for it yet.
            continue
        if any(os.fsencode(folder) in text for text in texts):
            found.append(f"{process.name} {texts[0].decode(errors='replace')}")
    return found


def wait_for_none(folder: Path, seconds: float = 20) -> list[str]:
    """Wait until no process uses the folder; the result is those that still do."""
    end = time.monotonic() + seconds
    while (left := users_of(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    return left
