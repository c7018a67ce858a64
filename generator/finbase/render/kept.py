"""Keep what the modules render to, until something that they are rendered from changes.

Every command that reads a project renders all its modules, and hardly any of these renders has
another result than the last. A result is named by the hash of everything that it depends on: the
templates, the lock and the contracts of the releases, the code of finbase (by size and time, as
Python names what it compiled), and the versions of Python and Jinja.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from finbase.contract.lock import PATH
from finbase.contract.registry import Registry
from finbase.render.project import render_project
from finbase.system.user_folders import SealedFolder

_MOST: Final = 20
_MOST_BYTES: Final = 1 << 23
_CODE: Final = Path(__file__).parent.parent


def render_modules(
    registry: Registry, root: Path, environ: Mapping[str, str]
) -> dict[PurePosixPath, bytes]:
    """Return the modules and the schema as ``render_project`` renders them, kept if possible.

    Nothing is kept with ``FINBASE_CACHE=0``, nor in CI without ``FINBASE_CACHE=1``. Raises the
    errors of ``render_project``.
    """
    kept = _folder(environ)
    if kept is None or not (name := _name(root)):
        return render_project((), registry, root)
    with contextlib.suppress(ValueError, EOFError, TypeError):
        files = marshal.loads(kept.read(name) or b"")  # noqa: S302 - it is sealed.
        return {PurePosixPath(path): content for path, content in files.items()}
    rendered = render_project((), registry, root)
    if _name(root) == name:  # Else a file changed in between, and the name is not its own.
        files = {str(path): content for path, content in rendered.items()}
        kept.write(name, marshal.dumps(files))
    return rendered


def _folder(environ: Mapping[str, str]) -> SealedFolder | None:
    usual = "0" if environ.get("CI") else "1"
    if environ.get("FINBASE_CACHE", usual).lower() in ("0", "false", "no", "off"):
        return None
    return SealedFolder.open("modules", _MOST, _MOST_BYTES)


def _name(root: Path) -> str:
    """Return the hash of what a render depends on; empty if something cannot be read."""
    import jinja2

    whole = hashlib.sha256(f"{sys.version}\0{jinja2.__version__}\0".encode())
    try:
        for entry in sorted(_below(_CODE), key=_path):
            status = entry.stat()
            whole.update(f"{entry.path}\0{status.st_size} {status.st_mtime_ns}\0".encode())
        for path in sorted(_sources(root)):
            content = Path(path).read_bytes()
            whole.update(f"{path.removeprefix(str(root))}\0{len(content)}\0".encode())
            whole.update(content)
    except (OSError, UnicodeEncodeError):
        return ""
    return whole.hexdigest()


def _sources(root: Path) -> Iterator[str]:
    yield from map(_path, _below(root / "templates"))
    yield from filter(os.path.exists, [str(root / PATH)])
    yield from map(str, (root / "modules").glob("*/*/contract.yaml"))


def _below(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Yield every file below a folder, except compiled Python."""
    for entry in os.scandir(folder):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _below(entry.path)
        else:
            yield entry


def _path(entry: os.DirEntry[str]) -> str:
    return entry.path
