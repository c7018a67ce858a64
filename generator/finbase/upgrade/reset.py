"""Increase the generation of the database's password, so that the next apply sets a new one."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from finbase.contract.registry import Registry
from finbase.environment.load import read
from finbase.environment.model import Environment
from finbase.environment.rules.inputs import whole_number
from finbase.errors import FinbaseError
from finbase.project.journal import Step
from finbase.source.edit import checked, with_key, with_value
from finbase.source.scalars import listed
from finbase.upgrade.preview import file_steps

_NAME: Final = "password_generation"


@dataclass(frozen=True)
class Reset:
    """The number before and after, and what is written for ``tree.apply``."""

    before: int
    after: int
    steps: dict[PurePosixPath, Step]


def reset(environment: Environment, registry: Registry, root: Path, database: str = "") -> Reset:
    """Return the next generation of a password of an environment, in its file and its stack.

    ``database`` is the name of a further database; without it, it is the first one. Raises
    ``FinbaseError`` if the environment has no such database or a file that cannot be edited, and
    ``InputError`` if the next number is not valid.
    """
    found = {instance.key: (use, instance) for use, instance in environment.instances("database")}
    if database not in found:
        names = listed(key for key in found if key)
        raise FinbaseError(
            f"{environment.name} has no database `{database}`"
            if found
            else f"{environment.name} has no database",
            f"its further databases: {names}" if names else "leave the name out",
        )
    use, instance = found[database]
    number = whole_number(use, instance, _NAME)
    if number is None:
        raise FinbaseError(
            f"{environment.name} has no input `database.{_NAME}`", "only a database has a password"
        )
    document, after = environment.document, number + 1
    original = (root / document.path).read_bytes()
    text, where = original.decode(), use.where(instance, _NAME)
    if _NAME in instance.inputs:
        text = with_value(document, text, where, str(after))
    else:
        scalars = (n for n, v in instance.inputs.items() if not isinstance(v, dict | list))
        sibling = next(scalars, "") if database else "version"
        text = with_key(document, text, where, str(after), after=sibling)
    wanted = copy.deepcopy(document.value)
    section = wanted
    for key in where[:-1]:
        section = section[key]
    section[_NAME] = after
    changed = checked(document, text, wanted, f"{'.'.join(map(str, where[1:]))}: {after}").encode()
    new = read(document.path, changed, registry, root)
    return Reset(number, after, file_steps(new, original, changed, registry, root))
