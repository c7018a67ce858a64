"""Which requirements of standards and laws the controls support: ``features/frameworks/*.yaml``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from finbase.errors import ComplianceError, FinbaseError
from finbase.source.cache import load_yaml

FOLDER = "frameworks"
DEFAULT = "pci-dss"

_FORM = "compare it with features/frameworks/pci-dss.yaml of the released features"


@dataclass(frozen=True)
class Row:
    """One requirement, or a few: its number, a summary, its controls, and what remains for people.

    A row without controls is one that no plan can support.
    """

    number: str
    about: str
    controls: tuple[str, ...]
    remains: str


@dataclass(frozen=True)
class Framework:
    """A standard or a law. ``name`` is the name of its file, ``source`` where its text is."""

    name: str
    title: str
    source: str
    rows: tuple[Row, ...]

    def of(self, control: str) -> tuple[str, ...]:
        """Return the numbers of the requirements that a control supports."""
        return tuple(row.number for row in self.rows if control in row.controls)


def load_frameworks(features: Path, names: Collection[str] = ()) -> tuple[Framework, ...]:
    """Return the frameworks beside the feature files, or those of ``names``, in that order.

    Raises ``FinbaseError`` for a name without a file, and ``ComplianceError`` for an invalid file.
    """
    known = {path.stem: path for path in sorted((features / FOLDER).glob("*.yaml"))}
    for name in names:
        if name not in known:
            raise FinbaseError(
                f"there is no framework {name!r}", f"choose one of {', '.join(known) or 'none'}"
            )
    return tuple(_read(known[name], name) for name in names or known)


def _read(path: Path, name: str) -> Framework:
    try:
        data = load_yaml(path.read_bytes())
        rows = tuple(map(_row, data["rows"]))
        return Framework(name, str(data["title"]), str(data["source"]), rows)
    except (OSError, ValueError, TypeError, AttributeError, LookupError, yaml.YAMLError) as error:
        raise ComplianceError(f"{path} is not a valid framework: {error}", _FORM) from error


def _row(entry: dict[str, Any]) -> Row:
    controls = tuple(map(str, entry.get("controls", ())))
    return Row(str(entry["number"]), str(entry["about"]), controls, str(entry["remains"]))


def order(number: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return a key that sorts the numbers of requirements.

    >>> sorted(["10.2.1", "2.2.7", "RTS Art. 12", "RTS Art. 6"], key=order)
    ['2.2.7', '10.2.1', 'RTS Art. 6', 'RTS Art. 12']
    """
    return tuple(re.findall(r"[^\W\d]+", number)), tuple(map(int, re.findall(r"\d+", number)))
