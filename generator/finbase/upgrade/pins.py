"""Find outdated pins of environments, and change pins in the text of an environment file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.model import Environment
from finbase.errors import FinbaseError
from finbase.source.document import Document
from finbase.source.edit import checked, with_value
from finbase.source.scalars import with_closest


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

    >>> from finbase.source.document import parse
    >>> text = "modules:\\n  cache: {version: 1.0.0} # sessions\\n"
    >>> document = parse("test.yaml", text.encode())
    >>> print(with_pins(document, text, {"cache": Version(1, 1, 0)}).splitlines()[1])
      cache: {version: 1.1.0} # sessions
    """
    changed = text
    wanted = {**document.value, "modules": {**document.value["modules"]}}
    for module, version in pins.items():
        changed = with_value(document, changed, ("modules", module, "version"), str(version))
        wanted["modules"][module] = {**wanted["modules"][module], "version": str(version)}
    todo = ", ".join(f"{module}: version: {version}" for module, version in pins.items())
    return checked(document, changed, wanted, todo)
