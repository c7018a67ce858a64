"""What a render did to the files, in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from pathlib import PurePosixPath

from finbase.environment.model import Environment
from finbase.project.files import owner
from finbase.project.journal import Undone
from finbase.project.tree import Changes
from finbase.release.integrity import Breach
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "abandoned", "by_folder", "render_json", "summary", "undone"]

SCHEMA_VERSION = 1


def summary(environments: Sequence[Environment], changes: Changes, outcome: str) -> str:
    """Sum a render up in one line that ends with the outcome."""
    modules = {(use.name, use.version) for each in environments for use in each.modules}
    return (
        f"{_count(environments, 'environment')}, {_count(modules, 'module version')}: "
        f"{len(changes.created)} files new, {len(changes.changed)} changed, "
        f"{len(changes.removed)} removed, {len(changes.unchanged)} unchanged; {outcome}"
    )


def render_json(changes: Changes, breaches: Sequence[Breach], *, written: bool) -> str:
    """Return the JSON document as text; paths are relative to the project."""
    return document.render(
        SCHEMA_VERSION,
        clean=changes.clean and not breaches,
        written=written,
        created=[str(path) for path in changes.created],
        changed=[str(path) for path in changes.changed],
        removed=[str(path) for path in changes.removed],
        unchanged=len(changes.unchanged),
        breaches=[
            {"folder": str(breach.folder), "what": breach.what, "way_out": breach.way_out}
            for breach in breaches
        ],
    )


def by_folder(changes: Changes) -> dict[str, str]:
    """Say what happens in each module version, in each stack, and to what lies in neither."""
    counted: dict[str, dict[str, int]] = {}
    for kind, paths in (
        ("new", changes.created),
        ("changed", changes.changed),
        ("removed", changes.removed),
    ):
        for path in paths:
            counts = counted.setdefault(str(owner(path) or path), {})
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
