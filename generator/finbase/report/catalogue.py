"""What the failure catalogue of a project says of one failure, for ``finbase explain``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from finbase.judge.catalogue import Failure, load_failures
from finbase.judge.features import read_feature

__all__ = ["about", "known"]

_PAGE = PurePosixPath("docs/explanation/failures.md")


def known(root: Path) -> tuple[Failure, ...]:
    """The failures of the project's catalogue; none where it has no catalogue.

    Raises ``ComplianceError`` for one that cannot be read.
    """
    features = root / "features"
    return load_failures(features) if (features / "failures.yaml").is_file() else ()


def about(failure: Failure, root: Path) -> Iterator[tuple[str, str]]:
    """What there is to say of a failure beside its title: names, with text of one or more lines."""
    yield "a plan must show", failure.requirement
    yield "severity", failure.severity
    yield "PCI DSS v4.0.1", ", ".join(failure.pci) or "none"
    yield "scenarios", "\n".join(_scenarios(failure.id, root)) or "none, so nothing looks for it"
    if failure.overlaps:
        yield "falls with", ", ".join(failure.overlaps)
    if (root / _PAGE).is_file():
        yield "why it matters", str(_PAGE)


def _scenarios(failure: str, root: Path) -> Iterator[str]:
    """Yield the place and the title of each scenario that is tagged with a failure."""
    for path in sorted((root / "features").glob("*.feature")):
        for scenario in read_feature(path).scenarios:
            if failure in scenario.tags:
                yield f"features/{path.name}:{scenario.line} {scenario.title}"
