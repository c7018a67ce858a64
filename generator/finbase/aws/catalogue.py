"""The list of what AWS offers: regions, versions, classes, parameters and services.

AWS extends its offer without notice, so nothing here rejects a value: rules only note an unknown
one. The YAML files beside this module are the data; ``known.yaml`` in a project adds to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

from finbase import codes
from finbase.aws.parameters import is_guarded, is_type
from finbase.aws.windows import daily
from finbase.errors import InputError
from finbase.source.cache import load_yaml
from finbase.source.document import Document, parse
from finbase.source.scalars import printable
from finbase.source.syntax import MOST_BYTES, failure

FILE: Final = "known.yaml"
"""The file of a project that adds to the catalogue."""

SUBJECTS: Final = ("regions", "engine_versions", "instance_classes", "parameters", "endpoints")
"""The names of the data files, and the keys of a project's own file."""

_Entries: TypeAlias = Mapping[str, tuple[str, ...]]
"""The values of each name: the sizes of a class, for example, or nothing for a parameter."""


@dataclass(frozen=True)
class AwsCatalogue:
    """The catalogue of a project; without a project, the one that finbase ships.

    Each subject is read when it is first used. All methods raise ``InputError`` if the project's
    file is invalid.
    """

    root: Path | None = None

    def business_hours(self, region: str) -> str | None:
        """Return a region's business hours in UTC, such as ``06:00-18:00``; None if unknown."""
        hours = self._subject("regions").get(region)
        return hours[-1] if hours else None

    def regions(self) -> tuple[str, ...]:
        """Return all regions."""
        return tuple(self._subject("regions"))

    def versions(self, engine: str) -> tuple[str, ...]:
        """Return the major versions of ``postgres`` or ``valkey``."""
        return self._subject("engine_versions").get(engine, ())

    def instance_classes(self) -> _Entries:
        """Return the sizes of each family of instance classes, such as ``db.r7g``."""
        return self._subject("instance_classes")

    def parameters(self) -> _Entries:
        """Return the type and limits of each parameter that may be set, as ``parameters`` reads."""
        return self._subject("parameters")

    def endpoints(self) -> tuple[str, ...]:
        """Return the services that have an interface endpoint with a private name."""
        return tuple(self._subject("endpoints"))

    def _subject(self, subject: str) -> _Entries:
        shipped, added = _shipped(subject), self._added.get(subject)
        if not added:
            return shipped
        return {**shipped, **{name: (*shipped.get(name, ()), *added[name]) for name in added}}

    @cached_property
    def _added(self) -> Mapping[str, _Entries]:
        """Return what the project's own file adds, by subject."""
        if self.root is None or not (path := self.root / FILE).is_file():
            return {}
        if not path.resolve().is_relative_to(self.root.resolve()):
            hint = "replace the symbolic link with the file itself"
            raise failure(FILE, (1, 1), codes.OUTSIDE, "the file is outside the project", hint)
        with path.open("rb") as file:
            document = parse(FILE, file.read(MOST_BYTES + 1))
        if document.problems:
            raise InputError(document.problems)
        return _read(document)


@cache
def _shipped(subject: str) -> _Entries:
    return _entries(load_yaml(Path(__file__).with_name(f"{subject}.yaml").read_bytes()))


def _entries(value: Any) -> _Entries:
    """Read a list of names, or a mapping of names to values; raise ``ValueError`` for others.

    >>> _entries(["work_mem"])
    {'work_mem': ()}
    >>> _entries({"postgres": "17 18"})
    {'postgres': ('17', '18')}
    """
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return dict.fromkeys(value, ())
    if not isinstance(value, dict):
        raise ValueError("write a list of names, or a mapping of names to values")
    for name, values in value.items():
        if not isinstance(values, str | int):
            raise ValueError(f"write the values of {printable(name)} as text, separated by spaces")
    return {name: tuple(str(values).split()) for name, values in value.items()}


def _read(document: Document) -> dict[str, _Entries]:
    subjects: dict[str, _Entries] = {}
    top = document.value if isinstance(document.value, dict) else {"": None}
    for subject, value in top.items():
        where = (subject,) if subject else ()
        try:
            if subject not in SUBJECTS:
                raise ValueError(f"the allowed keys are {', '.join(SUBJECTS)}")
            entries = _entries(value)
            for name, values in entries.items():
                if not _is_complete(subject, name, values):
                    required = _REQUIRED.get(subject, "no value, only its name")
                    raise ValueError(f"{printable(name)} requires {required}")
        except ValueError as error:
            message = f"invalid `{printable(subject)}`" if subject else "not a mapping"
            raise InputError(
                [document.problem(where, codes.NOT_KNOWN_DATA, message, str(error), key=True)]
            ) from error
        subjects[subject] = entries
    return subjects


_REQUIRED: Final[Mapping[str, str]] = {
    "regions": "its business hours in UTC, such as 06:00-18:00",
    "engine_versions": "its major versions",
    "instance_classes": "its sizes",
    "parameters": "its type, such as `integer 64 1024`, and must not be one that hides something",
}


def _is_complete(subject: str, name: str, values: tuple[str, ...]) -> bool:
    if subject == "regions":
        return len(values) == 1 and daily(values[0]) is not None
    if subject == "parameters":
        return not is_guarded(name) and is_type(values)
    return bool(values) == (subject in _REQUIRED)
