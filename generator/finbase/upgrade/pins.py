"""Find outdated pins of environments, and change pins in the text of an environment file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.model import Environment
from finbase.errors import FinbaseError
from finbase.source.document import Document, parse
from finbase.source.scalars import with_closest

_SCALAR = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,#}\]]+")


@dataclass(frozen=True)
class Outdated:
    """A pin that has newer releases.

    ``compatible`` is the newest release of the same major version; it equals ``pinned`` if only
    other major versions are newer. ``path`` and ``line`` locate the pin.
    """

    environment: str
    module: str
    pinned: Version
    compatible: Version
    newest: Version
    path: str
    line: int


def outdated(environments: Iterable[Environment], registry: Registry) -> Iterator[Outdated]:
    """Yield the outdated pins, by environment and in the order of its modules.

    Drafts do not count. Raises ``InputError`` for an invalid lock.
    """
    for environment in environments:
        for use in environment.modules:
            released = registry.lock.released(use.name)
            releases = [version for version in released if version > use.version]
            if not releases:
                continue
            same_major = [v for v in releases if v.major == use.version.major]
            line, _ = environment.document.position(("modules", use.name, "version"))
            yield Outdated(
                environment=environment.name,
                module=use.name,
                pinned=use.version,
                compatible=max(same_major, default=use.version),
                newest=max(releases),
                path=environment.document.path,
                line=line,
            )


def newer(
    environment: Environment, registry: Registry, module: str = "", version: Version | None = None
) -> dict[str, Version]:
    """Return the pins to change: module → the newest release, or ``version``.

    Without ``module``, returns all outdated pins. Raises ``FinbaseError`` for a module that the
    environment does not use, and for a version that does not exist or is not newer.
    """
    pinned = {use.name: use.version for use in environment.modules}
    if not module:
        newest = {name: registry.lock.released(name)[-1:] for name in pinned}
        return {name: v for name in pinned for v in newest[name] if v > pinned[name]}
    if module not in pinned:
        raise FinbaseError(
            f"{environment.name} does not use the module {module}",
            with_closest(module, pinned, f"it uses {', '.join(sorted(pinned))}"),
        )
    released = registry.lock.released(module)
    if version is None:
        return {module: released[-1]} if released and released[-1] > pinned[module] else {}
    available = registry.versions(module)
    if version not in available:
        raise FinbaseError(
            f"{module} {version} does not exist",
            with_closest(str(version), available, f"available: {', '.join(map(str, available))}"),
        )
    if version <= pinned[module]:
        raise FinbaseError(
            f"{environment.name} already pins {module} {pinned[module]}",
            f"to downgrade, edit {environment.document.path}",
        )
    return {module: version}


def with_pins(document: Document, text: str, pins: Mapping[str, Version]) -> str:
    """Return the text of an environment file with other versions of some modules.

    Comments and layout stay unchanged. ``document`` is the parsed text. Raises ``FinbaseError``
    if a pin is written in a form that cannot be changed safely.

    >>> text = "modules:\\n  cache: {version: 1.0.0} # sessions\\n"
    >>> document = parse("test.yaml", text.encode())
    >>> print(with_pins(document, text, {"cache": Version(1, 1, 0)}).splitlines()[1])
      cache: {version: 1.1.0} # sessions
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
            f"finbase cannot edit the pins in {document.path}, because of the way they are written",
            f"edit it: {', '.join(f'{m}: version: {v}' for m, v in pins.items())}",
        )
    return changed
