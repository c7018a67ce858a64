"""Which environments pin a module version that a newer release has followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.model import Environment

__all__ = ["Outdated", "outdated"]


@dataclass(frozen=True)
class Outdated:
    """A pin, and the releases after it.

    ``compatible`` is the newest release of the same major version; it is ``pinned`` where only
    another major version is newer. ``path`` and ``line`` are where the version is pinned.
    """

    environment: str
    module: str
    pinned: Version
    compatible: Version
    newest: Version
    path: str
    line: int


def outdated(environments: Iterable[Environment], registry: Registry) -> Iterator[Outdated]:
    """Yield the pins that are behind, by environment and in the order of its modules.

    A draft is no release: it makes nothing outdated before it is released. Raises ``InputError``
    for a lock that cannot be read.
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
