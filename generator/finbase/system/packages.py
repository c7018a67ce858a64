"""What is installed here, and how what is missing would be."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata

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


def pip_install(requirements: Iterable[str]) -> str:
    """Return the command that installs Python packages in the environment of finbase."""
    return shlex.join([sys.executable, "-m", "pip", "install", *requirements])
