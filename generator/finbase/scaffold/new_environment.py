"""Create a new environment file, as a copy of another one or from the contracts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finbase.contract.registry import Registry
from finbase.environment.load import discover, load
from finbase.environment.schema import NAME
from finbase.errors import FinbaseError, InputError
from finbase.render.project import SCHEMA
from finbase.scaffold import copying, placing, skeleton
from finbase.source.document import Document

_SERVER = "# yaml-language-server:"


@dataclass(frozen=True)
class ToEdit:
    """A copied value that probably has to change in the new environment."""

    line: int
    name: str
    why: str


@dataclass(frozen=True)
class NewEnvironment:
    """The file that was written; ``origin`` is the copied environment, or empty."""

    path: Path
    origin: str
    to_edit: tuple[ToEdit, ...]


def new_environment(
    root: Path, registry: Registry, name: str, origin: str | None = None
) -> NewEnvironment:
    """Write ``environments/<name>.yaml``.

    Copies ``origin`` or, without it, the first environment by name, with comments and layout.
    If there is no environment, the file is made from the contracts. The first line names the
    schema for editors. Raises ``FinbaseError`` for an invalid or existing name, or if the file
    cannot be written, and ``InputError`` for an invalid origin.
    """
    if re.fullmatch(NAME, name) is None or not 2 <= len(name) <= 31:
        raise FinbaseError(
            f"{name!r} is not a valid environment name",
            "use 2 to 31 lowercase letters, digits and single hyphens, starting with a letter",
        )
    path = root / "environments" / f"{name}.yaml"
    for existing in (path, path.with_suffix("")):
        placing.refuse_existing(existing, root, "choose another name, or move it away")
    if origin is None:
        origin = next((file.stem for file in discover(root)), "")
    if origin:
        source = root / "environments" / f"{origin}.yaml"
        environment = load(source, registry, root)
        text = copying.renamed(source.read_bytes().decode("utf-8-sig"), environment.name, name)
    else:
        text = skeleton.environment(name, registry)
    if not text.startswith(_SERVER):
        end = "\r\n" if "\r\n" in text else "\n"
        text = f"{_SERVER} $schema={SCHEMA.name}{end}{text}"
    try:
        with placing.new_file(path, text.encode()):
            document = load(path, registry, root).document
    except InputError as error:
        raise FinbaseError(
            f"nothing was written, because the new file would be invalid:\n{error}",
            "fix the copied environment, or copy another one with --from ENV",
        ) from error
    to_edit = sorted(_to_edit(document, text, origin), key=lambda value: value.line)
    return NewEnvironment(path, origin, tuple(to_edit))


def _to_edit(document: Document, text: str, origin: str) -> Iterator[ToEdit]:
    """Yield the values that environments seldom share."""
    for where, why in copying.particular(document.value):
        line, _ = document.position(where, key=True)
        names = where[1:] if where[0] == "modules" else where
        yield ToEdit(line, ".".join(map(str, names)), why)
    if origin:
        for number in copying.mentions(text, origin):
            yield ToEdit(number, f"“{origin}”", "this line still names it")
