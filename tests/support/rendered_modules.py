"""What the modules of a project render to, shared by the copies of it that a test process makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from finbase.contract.registry import Registry
from finbase.render import kept

_MOST = 16
_known: dict[str, dict[PurePosixPath, bytes]] = {}


def render_modules(
    registry: Registry, root: Path, environ: Mapping[str, str]
) -> dict[PurePosixPath, bytes]:
    """Return what ``kept.render_modules`` returns; equal sources are rendered once."""
    name = kept._name(root)
    rendered = _known.pop(name, None) or kept.render_modules(registry, root, environ)
    if name:
        _known[name] = rendered
        if len(_known) > _MOST:
            del _known[next(iter(_known))]
    return dict(rendered)
