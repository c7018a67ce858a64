"""Beginnings: the files of a new module, of a new environment, and of a pipeline.

Nothing that is there is written over. What is written is valid at once: the module renders and
passes ``terraform validate``, the environment renders. ``module/`` beside this file is what a
module begins as, with ``@NAME@`` for its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from finbase.contract.registry import Registry
from finbase.environment.load import discover, load
from finbase.environment.schema import NAME
from finbase.errors import FinbaseError, InputError
from finbase.render.project import SCHEMA
from finbase.scaffold import copying, pipeline, placing, skeleton
from finbase.source.document import Document

__all__ = ["NewEnvironment", "ToEdit", "new_environment", "new_module", "new_pipeline"]

_MODULE = re.compile(r"[a-z][a-z0-9_]{0,30}")
_TAKEN = ("environment", "instance")
_TEMPLATES = Path(__file__).parent / "module"
_NAME = "@NAME@"
_SERVER = "# yaml-language-server:"


@dataclass(frozen=True)
class ToEdit:
    """A value of a new environment that was taken over and may have to be another."""

    line: int
    name: str
    why: str


@dataclass(frozen=True)
class NewEnvironment:
    """What was written; ``origin`` is the environment it was copied from, or empty."""

    path: Path
    origin: str
    to_edit: tuple[ToEdit, ...]


def new_module(root: Path, name: str) -> tuple[Path, ...]:
    """Write the templates of a new module; returns the files.

    Raises ``FinbaseError`` for a name that is none or is taken, and where they cannot be written.
    """
    if _MODULE.fullmatch(name) is None or not copying.is_text(name):
        raise FinbaseError(
            f"{name!r} is no name for a module",
            "call it by up to 31 lowercase letters, digits and underscores, beginning with a "
            "letter; not by a word that YAML takes for a value, such as null or yes",
        )
    if name in _TAKEN:
        raise FinbaseError(
            f"a module cannot be called {name}: wiring takes `{name}.name` from elsewhere",
            "give it another name",
        )
    place = root / "templates" / "modules" / name
    for folder in (place, root / "modules" / name):
        _refuse(folder, root, "give the module another name")
    files: dict[PurePath, bytes] = {}
    for path in sorted(path for path in _TEMPLATES.rglob("*") if path.is_file()):
        target = PurePath(str(path.relative_to(_TEMPLATES)).replace(_NAME, name))
        files[target] = path.read_bytes().replace(_NAME.encode(), name.encode())
    placing.new_folder(place, files)
    return tuple(place / target for target in files)


def new_environment(
    root: Path, registry: Registry, name: str, origin: str | None = None
) -> NewEnvironment:
    """Write ``environments/<name>.yaml``: a copy of another one, or one made of the contracts.

    The copy is of ``origin``, or else of the first environment by name; there, comments and
    layout stay. The first line names the schema, for editors. Raises ``FinbaseError`` for a
    name that is none or is taken and where it cannot be written, and ``InputError`` for an
    origin that is not valid.
    """
    if re.fullmatch(NAME, name) is None or not 2 <= len(name) <= 31:
        raise FinbaseError(
            f"{name!r} is no name for an environment",
            "call it by 2 to 31 lowercase letters, digits and single hyphens, beginning with a "
            "letter",
        )
    path = root / "environments" / f"{name}.yaml"
    for place in (path, path.with_suffix("")):
        _refuse(place, root, "give the environment another name, or move that away")
    if origin is None:
        origin = next((found.stem for found in discover(root)), "")
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
            f"nothing was written, since it would be wrong:\n{error}",
            "mend that in the environment that is copied, or copy another with --from ENV",
        ) from error
    return NewEnvironment(path, origin, tuple(sorted(_to_edit(document, text, origin), key=_line)))


def new_pipeline(root: Path, system: str) -> Path:
    """Write the pipeline of a CI, ``github`` or ``gitlab``, for the environments of the project.

    Raises ``FinbaseError`` where there is one, or it cannot be written.
    """
    path = root / pipeline.PLACES[system]
    _refuse(path, root, "take from a new one what you want: it is written where there is none")
    content = pipeline.text(system, [found.stem for found in discover(root)]).encode()
    with placing.new_file(path, content):
        return path


def _refuse(place: Path, root: Path, hint: str) -> None:
    if place.exists() or place.is_symlink():
        raise FinbaseError(f"{place.relative_to(root).as_posix()} is there already", hint)


def _line(each: ToEdit) -> int:
    return each.line


def _to_edit(document: Document, text: str, origin: str) -> Iterator[ToEdit]:
    """Yield what an environment seldom shares with another."""
    for where, why in copying.particular(document.value):
        line, _ = document.position(where, key=True)
        names = where[1:] if where[0] == "modules" else where
        yield ToEdit(line, ".".join(map(str, names)), why)
    if origin:
        for number in copying.mentions(text, origin):
            yield ToEdit(number, f"“{origin}”", "is still named in this line")
