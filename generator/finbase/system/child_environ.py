"""The environment of child processes: an allow-list, so that no credential reaches them.

Steps, templates and stacks of a project are code that anybody with a pull request can change. So
what runs them receives no ``AWS_*``, ``GITHUB_*`` or ``ACTIONS_*`` variable, no token, and no
socket of an agent.
"""

from __future__ import annotations

import os
import re
import site
from collections.abc import Mapping
from pathlib import Path

_ALWAYS = (
    r"PATH|LANG|LANGUAGE|TZ|TMPDIR|LC_(ALL|ADDRESS|COLLATE|CTYPE|IDENTIFICATION|MEASUREMENT|MESSAGES"
    r"|MONETARY|NAME|NUMERIC|PAPER|TELEPHONE|TIME)"
)
PYTHON = r"PYTHONPATH|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH"
"""The further variables that an interpreter receives."""


def child_environ(more: str = "", environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a child may have: for any program, and those that match ``more``.

    ``environ`` is the caller's environment, ``os.environ`` by default.

    >>> child_environ("TF_.*", {"LC_ALL": "C", "TF_LOG": "", "GITHUB_TOKEN": "s"})
    {'LC_ALL': 'C', 'TF_LOG': ''}
    """
    environ = os.environ if environ is None else environ
    allowed = re.compile(f"{_ALWAYS}|{more}")
    return {name: value for name, value in environ.items() if allowed.fullmatch(name)}


def python_environ(home: Path) -> dict[str, str]:
    """Return the environment of an interpreter whose home folder is ``home``, not the user's.

    It finds the same packages as this one, also those that pip has installed for the user.
    """
    return child_environ(PYTHON) | {"HOME": str(home), "PYTHONUSERBASE": site.getuserbase()}
