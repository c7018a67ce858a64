"""The two forms of a report: text for people, and a JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from finbase.errors import FinbaseError
from finbase.source.bounds import load_json

SCHEMA_VERSIONS: Final[Mapping[str, int]] = {
    "affected": 1,
    "check": 1,
    "diff": 2,
    "doctor": 2,
    "drift": 1,
    "evidence": 2,
    "outdated": 1,
    "plan": 1,
    "prove": 1,
    "rehearse": 3,
    "release": 1,
    "render": 2,
    "rules": 1,
    "show": 2,
    "upgrade": 3,
}
"""The version of each command's document; ``shapes/COMMAND.json`` is its JSON Schema.

Raise it when a key is renamed, removed or changes its meaning. A new key does not raise it.
"""


class Report(Protocol):
    """The result of one command, ready to be shown or written."""

    command: ClassVar[str]

    def text(self) -> str:
        """Return the lines for people, without a newline at the end."""

    def document(self) -> dict[str, Any]:
        """Return the content of the JSON document, without its version."""


def render(report: Report) -> bytes:
    """Return the JSON document of a report: ASCII only, with a newline at the end."""
    return dump(report.command, report.document())


def dump(command: str, document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON, with the version of its shape as the first key."""
    versioned = {"schema_version": SCHEMA_VERSIONS[command], **document}
    return json.dumps(versioned, indent=2).encode() + b"\n"


class OtherFormatError(FinbaseError):
    """A document has the format of another version of finbase."""


def read(command: str, data: bytes, name: str, hint: str) -> dict[str, Any]:
    """Return a document that a command has written with ``--json``; ``name`` is for messages.

    Raises ``OtherFormatError`` if its shape has another version, and ``FinbaseError`` if it is
    anything else.
    """
    import jsonschema_rs  # Most commands only write documents.

    expected = SCHEMA_VERSIONS[command]
    try:
        document: dict[str, Any] = load_json(data)
        if (version := document["schema_version"]) == expected:
            shape = Path(__file__).parent / "shapes" / f"{command}.json"
            jsonschema_rs.validate(json.loads(shape.read_bytes()), document)
            return document
    except (ValueError, KeyError, TypeError) as error:
        raise FinbaseError(f"{name} is not from `finbase {command} --json`", hint) from error
    raise OtherFormatError(f"{name} has schema_version {version!r}, not {expected}", hint)
