"""What a render did to the files, in words."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from pathlib import PurePosixPath

from generator.ground import owner
from generator.journal import Undone
from generator.model import Environment
from generator.tree import Changes

__all__ = ["abandoned", "by_folder", "summary", "undone"]


def summary(environments: Sequence[Environment], changes: Changes, outcome: str) -> str:
    """Sum a render up in one line that ends with the outcome."""
    modules = {(use.name, use.version) for each in environments for use in each.modules}
    return (
        f"{_count(environments, 'environment')}, {_count(modules, 'module')}: "
        f"{len(changes.created)} files new, {len(changes.changed)} changed, "
        f"{len(changes.removed)} removed, {len(changes.unchanged)} unchanged; {outcome}"
    )


def by_folder(changes: Changes) -> dict[str, str]:
    """Say what happens in each module version and each stack."""
    counted: dict[str, dict[str, int]] = {}
    for kind, paths in (
        ("new", changes.created),
        ("changed", changes.changed),
        ("removed", changes.removed),
    ):
        for path in paths:
            counts = counted.setdefault(str(owner(path)), {})
            counts[kind] = counts.get(kind, 0) + 1
    return {
        folder: ", ".join(f"{count} {kind}" for kind, count in counts.items())
        for folder, counts in sorted(counted.items())
    }


def abandoned(stack: PurePosixPath, kept: Sequence[str]) -> str:
    """Say what has to be known of a stack that was removed."""
    told = f"{stack}.yaml is gone, so the stack {stack}/ was removed; what was applied of it stays"
    return f"{told}, and of Terraform's own files there {', '.join(kept)}" if kept else told


def undone(found: Undone) -> str:
    """Say what became of what an interrupted render had begun."""
    said = ["an earlier render was interrupted"]
    if found.restored:
        said.append(f"{_count(found.restored, 'file')} put back as before it")
    if found.left:
        said.append("changed since, so left alone: " + ", ".join(map(str, found.left)))
    return "; ".join(said if len(said) > 1 else [*said, "it had not changed any file yet"])


def _count(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
