"""The two forms of a report: text for people, and a JSON document for programs."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from finbase.errors import FinbaseError
from finbase.source.bounds import load_json


class Report(ABC):
    """The result of one command, ready to be shown or written."""

    command: ClassVar[str]

    def text(self) -> str:
        """Return the lines for people, without a newline at the end."""
        return "\n".join(self._lines())

    @abstractmethod
    def _lines(self) -> Iterable[str]:
        """Return what people read."""

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """Return the content of the JSON document, without its version."""


def render(report: Report) -> bytes:
    """Return the JSON document of a report: ASCII only, with a newline at the end."""
    return dump(report.command, report.document())


def dump(command: str, document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON, with the version of its shape as the first key."""
    versioned = {"schema_version": _version(_shape(command)), **document}
    return json.dumps(versioned, indent=2).encode() + b"\n"


class OtherFormatError(FinbaseError):
    """A document has the format of another version of finbase."""


def read(command: str, data: bytes, name: str, hint: str) -> dict[str, Any]:
    """Return a document that a command has written with ``--json``; ``name`` is for messages.

    Raises ``OtherFormatError`` if its shape has another version, and ``FinbaseError`` if it is
    anything else.
    """
    import jsonschema_rs  # Most commands only write documents.

    shape = _shape(command)
    expected = _version(shape)
    try:
        document: dict[str, Any] = load_json(data)
        if (version := document["schema_version"]) == expected:
            jsonschema_rs.validate(shape, document)
            return document
    except (ValueError, KeyError, TypeError) as error:
        raise FinbaseError(f"{name} is not from `finbase {command} --json`", hint) from error
    raise OtherFormatError(f"{name} has schema_version {version!r}, not {expected}", hint)


def _shape(command: str) -> dict[str, Any]:
    """Return the JSON Schema of a command's document."""
    path = Path(__file__).parent / "shapes" / f"{command}.json"
    shape: dict[str, Any] = json.loads(path.read_bytes())
    return shape


def _version(shape: Mapping[str, Any]) -> int:
    """Return the version, which grows when a key is renamed, removed or changes its meaning."""
    return int(shape["properties"]["schema_version"]["const"])
