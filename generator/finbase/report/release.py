"""A release in words, and as JSON."""

from __future__ import annotations

from finbase.release.integrity import folder_of
from finbase.release.prepare import Release
from finbase.report import document

__all__ = ["SCHEMA_VERSION", "reasons", "refusal", "render_json", "summary"]

SCHEMA_VERSION = 1


def reasons(release: Release) -> str:
    """List what changed for users, a line for each: the level that it needs, where, what."""
    return "".join(f"  {r.level!s:5}  {r.place}: {r.what}\n" for r in release.reasons)


def refusal(release: Release) -> str:
    """Say why a release is refused."""
    count = len(release.refused)
    changes = "1 change needs" if count == 1 else f"{count} changes need"
    return (
        f"{release.module} {release.version} is not released: {changes} more than a "
        f"{release.level} release\n    hint: finbase release {release.module} {release.needed} …, "
        "or change the templates so that it is not needed"
    )


def summary(release: Release, dry_run: bool) -> str:
    """Sum a release up."""
    folder = folder_of(release.module, release.version)
    files = sum(path.is_relative_to(folder) for path in release.steps)
    after = f"after {release.previous}" if release.previous else "the first"
    done = "would be released" if dry_run else "is released"
    return (
        f"{release.module} {release.version}, {after}, {done}: {folder}/ ({files} files written), "
        "its hash, changelog and upgrade notes; environments stay at what they pin"
    )


def render_json(release: Release, dry_run: bool) -> str:
    """Return the JSON document as text."""
    return document.render(
        SCHEMA_VERSION,
        module=release.module,
        version=str(release.version),
        previous=str(release.previous) if release.previous else None,
        level=str(release.level),
        needed=str(release.needed),
        released=not (dry_run or release.refused),
        reasons=[
            {"level": str(r.level), "place": str(r.place), "what": r.what, "to_do": r.todo or None}
            for r in release.reasons
        ],
    )
