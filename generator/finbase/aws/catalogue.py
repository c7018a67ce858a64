"""What AWS has today, as far as finbase knows: regions, versions, classes, parameters, services.

AWS adds to it without asking, so nothing here refuses anything: what is not known is let through
with a note. The files beside this one are data; ``known.yaml`` in a project adds to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from finbase import codes
from finbase.errors import InputError
from finbase.source.document import Document, parse
from finbase.source.scalars import shown
from finbase.source.syntax import MOST_BYTES, failure

__all__ = ["FILE", "SUBJECTS", "AwsCatalogue"]

FILE: Final = "known.yaml"
"""The file of a project that adds to what is known."""

SUBJECTS: Final = ("regions", "engine_versions", "instance_classes", "parameters", "endpoints")
"""The data files, and the keys of a project's own file."""

_Entries: TypeAlias = Mapping[str, tuple[str, ...]]
"""A name → what is known about it."""

_HERE: Final = Path(__file__).parent
_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True)
class AwsCatalogue:
    """What is known in a project; without one, what finbase ships.

    A subject is read when it is first asked for. Each answer may raise ``InputError`` for a
    project's file that is broken.
    """

    root: Path | None = None

    def business_hours(self, region: str) -> str | None:
        """The hours of a region in UTC, Monday to Friday, such as ``06:00-18:00``.

        None for a region that is not known.
        """
        hours = self._subject("regions").get(region)
        return hours[-1] if hours else None

    def regions(self) -> tuple[str, ...]:
        """All regions."""
        return tuple(self._subject("regions"))

    def versions(self, engine: str) -> tuple[str, ...]:
        """The major versions of ``postgres`` or ``valkey``."""
        return self._subject("engine_versions").get(engine, ())

    def instance_classes(self) -> _Entries:
        """The families of instance classes, such as ``db.r7g``, each with its sizes."""
        return self._subject("instance_classes")

    def parameters(self) -> tuple[str, ...]:
        """The parameters that a parameter group of PostgreSQL may set."""
        return tuple(self._subject("parameters"))

    def endpoints(self) -> tuple[str, ...]:
        """The services that an interface endpoint with a private name reaches."""
        return tuple(self._subject("endpoints"))

    def _subject(self, subject: str) -> _Entries:
        shipped, added = _shipped(subject), self._added.get(subject, {})
        if not added:
            return shipped
        return {
            name: (*shipped.get(name, ()), *added.get(name, ())) for name in {**shipped, **added}
        }

    @cached_property
    def _added(self) -> Mapping[str, _Entries]:
        """What the project's own file adds, by subject."""
        if self.root is None or not (path := self.root / FILE).is_file():
            return {}
        if not path.resolve().is_relative_to(self.root.resolve()):
            what = "the file lies outside the project"
            raise failure(FILE, (1, 1), codes.OUTSIDE, what, "keep the file itself in the project")
        with path.open("rb") as file:
            document = parse(FILE, file.read(MOST_BYTES + 1))
        if document.problems:
            raise InputError(document.problems)
        return dict(_read(document))


@cache
def _shipped(subject: str) -> dict[str, tuple[str, ...]]:
    data = (_HERE / f"{subject}.yaml").read_bytes()
    return _entries(yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506


def _entries(value: Any) -> dict[str, tuple[str, ...]]:
    """A list of names, or a mapping of names to words with spaces between; else ``ValueError``."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return dict.fromkeys(value, ())
    if not isinstance(value, dict):
        raise ValueError("neither a list of names nor a mapping of names")
    for name, about in value.items():
        if not isinstance(about, str | int):
            raise ValueError(f"what is said about {shown(name)} is not words")
    return {name: tuple(str(about).split()) for name, about in value.items()}


def _read(document: Document) -> dict[str, _Entries]:
    found: dict[str, _Entries] = {}
    top = document.value if isinstance(document.value, dict) else {"": None}
    for subject, value in top.items():
        where = (subject,) if subject else ()
        try:
            if subject not in SUBJECTS:
                raise ValueError(f"the keys here are {', '.join(SUBJECTS)}")
            entries = _entries(value)
            wrong = [name for name, about in entries.items() if not _sound(subject, about)]
            if wrong:
                needs = _NEEDS.get(subject, "no more than its name")
                raise ValueError(f"{shown(wrong[0])} needs {needs}")
        except ValueError as error:
            what = f"`{shown(subject)}` cannot be read" if subject else "not a mapping"
            raise InputError(
                [document.problem(where, codes.NOT_KNOWN_DATA, what, str(error), key=True)]
            ) from error
        found[subject] = entries
    return found


_NEEDS: Final[Mapping[str, str]] = {
    "regions": "its business hours in UTC, such as 06:00-18:00",
    "engine_versions": "its major versions",
    "instance_classes": "its sizes",
}


def _sound(subject: str, about: tuple[str, ...]) -> bool:
    if subject == "regions":
        return len(about) == 1 and _HOURS.fullmatch(about[0]) is not None
    return bool(about) == (subject in _NEEDS)
