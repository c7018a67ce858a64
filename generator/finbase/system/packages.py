"""What is installed here, and how what is missing would be."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*([^;]*?)\s*(?:;\s*(.*))?")
_MANAGERS: Mapping[str, str] = {
    "apt-get": "apt-get install {}",
    "dnf": "dnf install {}",
    "zypper": "zypper install {}",
    "pacman": "pacman -S {}",
    "apk": "apk add {}",
    "brew": "brew install {}",
}
_NAMES: Mapping[str, Mapping[str, str]] = {
    "git": dict.fromkeys(_MANAGERS, "git"),
    "postgresql": {
        **dict.fromkeys(_MANAGERS, "postgresql"),
        "dnf": "postgresql-server",
        "zypper": "postgresql-server",
        "brew": "postgresql@17",
    },
    "pgaudit": {"apt-get": "postgresql-{}-pgaudit"},  # The caller fills in PostgreSQL's version.
    # Debian, Fedora and openSUSE do not package it; the OpenTofu project's own repository does.
    "opentofu": dict.fromkeys(("pacman", "apk", "brew"), "opentofu"),
}


def install(program: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the command that installs a program, or an empty string if no known manager has it."""
    environ = os.environ if environ is None else environ
    for manager, command in _MANAGERS.items():
        name = _NAMES[program].get(manager)
        if name and shutil.which(manager, path=environ.get("PATH", "")):
            root = manager == "brew" or os.geteuid() == 0
            return f"{'' if root else 'sudo '}{command.format(name)}"
    return ""


def requirements() -> Iterator[tuple[str, str, str]]:
    """Yield the name, versions and marker of each package that finbase requires."""
    try:
        lines = metadata.requires("finbase") or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        if match := _REQUIREMENT.fullmatch(line):
            yield match[1], match[2].replace(" ", ""), match[3] or ""


def version(name: str) -> str:
    """Return the version of an installed Python package, or an empty string."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


@dataclass(frozen=True)
class Wheel:
    """The wheel from which a package was installed.

    ``content`` is None if the file is elsewhere, or another one by now.
    """

    name: str
    sha256: str
    content: bytes | None


def wheel(package: str) -> Wheel | None:
    """Return the wheel from which a package was installed.

    pip records address and hash of a wheel that is not from an index (PEP 610), and records
    nothing for what it found in an index: then None is returned, as for a folder of sources.
    """
    try:
        record = metadata.distribution(package).read_text("direct_url.json")
        address = urlsplit(json.loads(record or "{}")["url"])
        (sha256,) = re.findall(r'"(?:sha256=)?([0-9a-f]{64})"', record or "")[:1]
    except (metadata.PackageNotFoundError, KeyError, TypeError, ValueError):
        return None
    path = Path(unquote(address.path))
    if path.suffix != ".whl":
        return None
    try:
        content = path.read_bytes() if address.scheme == "file" else None
    except OSError:
        content = None
    if content is not None and hashlib.sha256(content).hexdigest() != sha256:
        content = None
    return Wheel(path.name, sha256, content)


def pip_install(requirements: Iterable[str]) -> str:
    """Return the command that installs Python packages in the environment of finbase."""
    return shlex.join([sys.executable, "-m", "pip", "install", *requirements])
