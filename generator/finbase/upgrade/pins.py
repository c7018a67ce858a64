"""The pins of an environment file: which versions they could move to, and the move itself.

A pin is changed in the text, so comments and layout stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.model import Environment
from finbase.errors import FinbaseError
from finbase.source.document import Document, parse

__all__ = ["newer", "with_pins"]

_SCALAR = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,#}\]]+")


def newer(
    environment: Environment, registry: Registry, module: str = "", version: Version | None = None
) -> dict[str, Version]:
    """Say which pins would move, and where to: to the newest release, or to ``version``.

    Without ``module`` these are all pins that a newer release has followed. Raises
    ``FinbaseError`` for a module that the environment does not have, and for a version that
    is not there or not newer.
    """
    pinned = {use.name: use.version for use in environment.modules}
    if not module:
        newest = {name: registry.lock.released(name)[-1:] for name in pinned}
        return {name: v for name in pinned for v in newest[name] if v > pinned[name]}
    if module not in pinned:
        raise FinbaseError(
            f"{environment.name} has no module {module}", f"it has {', '.join(sorted(pinned))}"
        )
    released = registry.lock.released(module)
    if version is None:
        return {module: released[-1]} if released and released[-1] > pinned[module] else {}
    there = registry.versions(module)
    if version not in there:
        raise FinbaseError(
            f"there is no {module} {version}", f"there are {', '.join(map(str, there))}"
        )
    if version <= pinned[module]:
        raise FinbaseError(
            f"{environment.name} is at {module} {pinned[module]} already",
            f"to go back, write the older version into {environment.document.path} yourself",
        )
    return {module: version}


def with_pins(document: Document, text: str, pins: Mapping[str, Version]) -> str:
    """Give the text of an environment file with other versions of some modules, nothing else.

    ``document`` is what was read from the text. Raises ``FinbaseError`` where the text has
    the pin in a form that cannot be changed safely.
    """
    lines = text.splitlines(keepends=True)
    for module, version in pins.items():
        line, column = document.position(("modules", module, "version"))
        old = lines[line - 1]
        match = _SCALAR.match(old, column - 1)
        quote = match[0][0] if match and match[0][0] in "\"'" else ""
        end = match.end() if match else column - 1
        lines[line - 1] = f"{old[: column - 1]}{quote}{version}{quote}{old[end:]}"
    changed = "".join(lines)
    wanted = {**document.value, "modules": {**document.value["modules"]}}
    for module, version in pins.items():
        wanted["modules"][module] = {**wanted["modules"][module], "version": str(version)}
    if parse(document.path, changed.encode()).value != wanted:
        raise FinbaseError(
            f"{document.path} has a pin in a form that cannot be changed without a risk",
            f"write {', '.join(f'{m}: version: {v}' for m, v in pins.items())} yourself",
        )
    return changed
