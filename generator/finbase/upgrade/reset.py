"""Increase the generation of the database's password, so that the next apply sets a new one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from finbase.contract.registry import Registry
from finbase.environment.load import read
from finbase.environment.model import Environment
from finbase.environment.rules.rule import whole_number
from finbase.errors import FinbaseError
from finbase.project.journal import Step
from finbase.source.document import Where
from finbase.source.edit import checked, with_key, with_value
from finbase.upgrade.preview import file_steps

_NAME: Final = "password_generation"
_WHERE: Final[Where] = ("modules", "database", _NAME)


@dataclass(frozen=True)
class Reset:
    """The number before and after, and what is written for ``tree.apply``."""

    before: int
    after: int
    steps: dict[PurePosixPath, Step]


def reset(environment: Environment, registry: Registry, root: Path) -> Reset:
    """Return the next generation of an environment's password, in its file and its stack.

    Raises ``FinbaseError`` if the environment has no database or a file that cannot be edited,
    and ``InputError`` if the next number is not valid.
    """
    found = next(environment.instances("database"), None)
    number = whole_number(*found, _NAME) if found else None
    if number is None:
        raise FinbaseError(
            f"{environment.name} has no input `database.{_NAME}`", "only a database has a password"
        )
    document, after = environment.document, number + 1
    original = (root / document.path).read_bytes()
    text = original.decode()
    section = document.value["modules"]["database"]
    if _NAME in section:
        text = with_value(document, text, _WHERE, str(after))
    else:
        text = with_key(document, text, _WHERE, str(after), after="version")
    modules = {**document.value["modules"], "database": {**section, _NAME: after}}
    wanted = {**document.value, "modules": modules}
    changed = checked(document, text, wanted, f"database: {_NAME}: {after}").encode()
    new = read(document.path, changed, registry, root)
    return Reset(number, after, file_steps(new, original, changed, registry, root))
