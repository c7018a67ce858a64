"""The system user that runs PostgreSQL, which refuses to run as root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Owner:
    """The user that runs a server and owns its files."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> Owner:
        """Return the current user or, if that is root, the user ``postgres`` or ``nobody``."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        users = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = users.get("postgres") or users["nobody"]
        return cls(entry.pw_uid, entry.pw_gid)

    def options(self) -> dict[str, Any]:
        """Return the arguments that make ``subprocess`` run a program as this user."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def take(self, path: Path) -> None:
        """Make this user the owner of a file or folder."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def reaches(self, folder: Path) -> bool:
        """Return whether this user may pass through every parent of a folder."""
        return os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in folder.parents)
