"""A PostgreSQL in the image of RDS: its master user is no superuser, and can create extensions.

RDS lets its master user create the extensions of a list, though they are not trusted. PostgreSQL
decides by the extension's control file, so the server runs from a copy of the installation whose
files for the libraries of the audit say that they are trusted.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from finbase.contract.registry import Registry
from finbase.sandbox.postgres.find import find_postgres
from tests.rotation.real_postgres import Postgres
from tests.support.commands import ROOT

TRUSTED = ("pgaudit", "pg_stat_statements")
PREFIX = "%u@%d %p "


def parameters() -> dict[str, str]:
    """Return the parameters that the newest database module sets; the last of a name counts."""
    version = Registry(ROOT).current("database").version
    text = (ROOT / "modules/database" / str(version) / "parameters.tf").read_text()
    pairs = re.findall(r'name\s+= "([a-z_.]+)"\s+value\s+= "([^"]*)"', text)
    return {name: value for name, value in pairs if not name.startswith("rds.")}


def has_pgaudit() -> bool:
    """Return whether the extension is installed for the PostgreSQL of the tests."""
    return (_told("sharedir") / "extension" / "pgaudit.control").is_file()


def install(folder: Path) -> Path:
    """Lay out the copy in ``folder``; returns its folder of programs."""
    binaries, share, libraries = (_told(name) for name in ("bindir", "sharedir", "pkglibdir"))
    for path in (binaries, share, libraries):
        _below(folder, path).parent.mkdir(parents=True, exist_ok=True)
    # PostgreSQL finds its files by where its program really lies, so that cannot be a link.
    shutil.copytree(binaries, _below(folder, binaries))
    _below(folder, libraries).symlink_to(libraries)
    ours = _below(folder, share)
    (ours / "extension").mkdir(parents=True)
    for path in share.iterdir():
        if path.name != "extension":
            (ours / path.name).symlink_to(path)
    for path in (share / "extension").iterdir():
        copy = ours / "extension" / path.name
        if path.stem in TRUSTED and path.suffix == ".control":
            copy.write_text(f"{path.read_text()}\ntrusted = true\n")
        else:
            copy.symlink_to(path)
    return _below(folder, binaries)


@contextmanager
def running(certificate: Path, more: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """Run a server with the module's parameters, and others where a test wants them."""
    libraries = [name for name in TRUSTED if name != "pgaudit" or has_pgaudit()]
    settings = {
        **parameters(),
        "shared_preload_libraries": ",".join(libraries),
        "log_line_prefix": PREFIX,
        "max_connections": "60",
        **(more or {}),
    }
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    with pytest.MonkeyPatch.context() as patch:
        place = Path(tempfile.mkdtemp(prefix="finbase-rds-"))
        try:
            place.chmod(0o755)
            patch.setenv("PATH", str(install(place)), prepend=":")
            home = Path(tempfile.mkdtemp(prefix="finbase-postgres-"))
            server = Postgres(home, certificate, settings=lines)
            try:
                server.query(
                    "CREATE ROLE rds_superuser NOLOGIN; CREATE ROLE rds_iam NOLOGIN;"
                    "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION"
                )
                yield server
            finally:
                server.stop()
        finally:
            shutil.rmtree(place)


def _told(name: str) -> Path:
    """Ask PostgreSQL's own programs where they are installed."""
    done = subprocess.run(
        [find_postgres() / "pg_config", f"--{name}"], capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


def _below(folder: Path, path: Path) -> Path:
    return folder / path.relative_to("/")
