"""Verdicts of earlier runs, kept by the hashes of all that decided them.

An entry is only believed where it bears the seal of this user's own key, which lies outside of
the cache: whoever can write to the cache, or restores one from elsewhere, cannot seal. Whatever
else is wrong with an entry, a folder or the key costs a new verdict, and never gives a wrong one.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from finbase.judge.catalogue import Failure
from finbase.judge.verdict import Scenario, Verdict
from finbase.system.user_folders import (
    UnsafePermissionsError,
    cache_home,
    is_private,
    keep_newest,
    private_folder,
    read_private,
    state_home,
    write_private,
)

__all__ = ["MOST_BYTES", "MOST_ENTRIES", "Remembered", "VerdictCache"]

MOST_ENTRIES = 2000
MOST_BYTES = 128 << 20
"""What the cache may hold; the entries that were used least lately go first."""

_MAGIC = b"finbase verdict 1\n"
_SEAL = hashlib.sha256().digest_size * 2
_MOST_OF_ONE = 16 << 20
_SECRET = 32


@dataclass(frozen=True)
class Remembered:
    """A verdict of an earlier run, and the plan as JSON that it was on."""

    verdict: Verdict
    plan: bytes


class _WrongError(Exception):
    """An entry is not one that was written here for these deciders."""


class VerdictCache:
    """The cache of this user. Several processes and threads may use it at once."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._secret = secret

    @classmethod
    def open(cls) -> VerdictCache | str:
        """Open the cache, made if need be; or say why there is none."""
        try:
            folder = private_folder(cache_home(), ["finbase", "verdicts"])
            home = private_folder(state_home(), ["finbase"])
            if folder is None or home is None:
                return "its folders are not this user's alone"
            return cls(folder, _secret(home / "verdicts.key"))
        except RuntimeError as error:
            return str(error)
        except OSError as error:
            return f"{error.filename}: {error.strerror}"

    def recall(
        self, deciders: Mapping[str, str], note: Callable[[str], None] = lambda _: None
    ) -> Remembered | None:
        """Give the verdict that these hashes decided; ``note`` is told of an entry that is none."""
        key = _key(deciders)
        path = self._folder / key
        try:
            found = self._opened(read_private(path, _MOST_OF_ONE), key, deciders)
        except FileNotFoundError:
            return None
        except OSError as error:
            note(f"a remembered verdict cannot be read ({error.strerror}), so it is reached anew")
            return None
        except (UnsafePermissionsError, _WrongError) as error:
            note(f"a remembered verdict is {error}, so it is reached anew")
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # It was used, and so is not among the first to go.
        return found

    def keep(
        self, deciders: Mapping[str, str], verdict: Verdict, plan: bytes, when: datetime
    ) -> None:
        """Remember a verdict that was reached at ``when``; where that cannot be, it is not."""
        key = _key(deciders)
        entry = {
            "deciders": dict(deciders),
            "when": when.isoformat(),
            "verdict": asdict(replace(verdict, remembered=None)),
            "plan": plan.decode(),
        }
        body = zlib.compress(json.dumps(entry).encode())
        with contextlib.suppress(OSError):
            write_private(self._folder / key, _MAGIC + self._seal(key, body) + body)

    def prune(self, most: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        """Forget the entries that were used least lately, until the others are few enough."""
        keep_newest(self._folder, most, most_bytes)

    def _opened(self, content: bytes, key: str, deciders: Mapping[str, str]) -> Remembered:
        magic, seal, body = _parts(content)
        if magic != _MAGIC or not hmac.compare_digest(seal, self._seal(key, body)):
            raise _WrongError("damaged, or was not written with this user's key")
        try:
            entry = json.loads(zlib.decompress(body))
            if entry["deciders"] != dict(deciders):
                raise _WrongError("on something else")
            when = datetime.fromisoformat(entry["when"])
            return Remembered(_verdict(entry["verdict"], when), entry["plan"].encode())
        except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
            raise _WrongError("of another format") from error

    def _seal(self, key: str, body: bytes) -> bytes:
        message = b"%b%b\n%b" % (_MAGIC, key.encode(), body)
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest().encode()


def _key(deciders: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(deciders), sort_keys=True).encode()).hexdigest()


def _parts(content: bytes) -> tuple[bytes, bytes, bytes]:
    begin = len(_MAGIC)
    return content[:begin], content[begin : begin + _SEAL], content[begin + _SEAL :]


def _verdict(data: dict[str, Any], when: datetime) -> Verdict:
    scenarios = tuple(Scenario(**_fields(each)) for each in data["scenarios"])
    failures = tuple(Failure(**_fields(each)) for each in data["failures"])
    return Verdict(data["environment"], scenarios, failures, remembered=when)


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}


def _secret(path: Path) -> bytes:
    """Read this user's key, or make one where there is none that only this user can know."""
    for _ in range(2):
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                status = os.fstat(file.fileno())
                secret = file.read(_SECRET + 1)
            if is_private(status) and not status.st_mode & 0o077 and len(secret) == _SECRET:
                return secret
            path.unlink()
        except FileNotFoundError:
            pass
        number, name = tempfile.mkstemp(prefix=".", dir=path.parent)
        with os.fdopen(number, "wb") as file:
            file.write(secrets.token_bytes(_SECRET))
        try:
            os.link(name, path)  # Of two at once, one is the key of both.
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
    raise OSError(0, "cannot be made", str(path))
