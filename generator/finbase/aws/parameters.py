"""Judge the values of PostgreSQL parameters by the types and limits in ``parameters.yaml``."""

from __future__ import annotations

import re
from collections.abc import Sequence

_GUARDED = (  # Compiled when it is first used: most commands never do.
    r"(log_|pgaudit\.|auto_explain\.|ssl|rds\.|krb|gss|ldap|lc_|debug_|cron\.log|session_replication"
    r"|password|md5|scram|row_security|search_path|default_transaction|track_activities|archive_"
    r"|fsync|full_page_writes|synchronous_commit|zero_damaged|ignore_|restrict_|event_triggers"
    r"|client_min_messages|syslog|logging|lo_compat_privileges|allow_|createrole_|db_user_namespace"
    r"|transaction_(read|isolation|deferrable)|backslash_quote|standard_conforming_strings|listen_addresses|unix_socket"
    r"|recovery_|primary_conninfo|oauth)|.*(_libraries|_library|_command|_provider|_path|_file"
    r"|_directory|password.*)$"
)
_TYPES = re.compile(r"(bool|(integer|real) \S+ \S+|enum( [\w-]+)+?)( since \d+)?( static)?")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_FORMULA = re.compile(
    r"[A-Z]*\(?[A-Za-z0-9{}()/*+,. -]*\{[A-Za-z]+[A-Za-z0-9/*. -]*\}[A-Za-z0-9{}()/*+,. -]*"
)
_BOOL = ("1", "0", "on", "off", "true", "false")


def is_guarded(name: str) -> bool:
    """Return whether a parameter can hide what happened, weaken a login or lose written data.

    >>> is_guarded("log_min_messages"), is_guarded("shared_preload_libraries")
    (True, True)
    >>> is_guarded("work_mem")
    False
    """
    return re.match(_GUARDED, name, re.IGNORECASE) is not None


def is_type(words: Sequence[str]) -> bool:
    """Return whether words are a type with its limits.

    >>> is_type(["integer", "64", "1024"]), is_type(["integer", "few", "many"])
    (True, False)
    """
    if not _TYPES.fullmatch(" ".join(words)):
        return False
    return words[0] in ("bool", "enum") or all(_NUMBER.fullmatch(word) for word in words[1:3])


def is_static(words: Sequence[str]) -> bool:
    """Return whether a parameter of this type waits for a reboot.

    >>> is_static(["integer", "1", "262143", "static"]), is_static(["bool"])
    (True, False)
    """
    return words[-1] == "static"


def wrong(words: Sequence[str], value: str, major: int | None) -> str:
    """Return what a value must be to fit a type, or an empty string if it fits.

    ``major`` is the version of PostgreSQL, if it is known.

    >>> wrong(["integer", "64", "1024"], "65", 17)
    ''
    >>> wrong(["integer", "64", "1024"], "4MB", 17)
    'a number from 64 to 1024'
    >>> wrong(["bool", "since", "18"], "on", 17)
    'of PostgreSQL 18 or later'
    """
    kind, *limits = words
    if limits and limits[-1] == "static":
        limits.pop()
    if "since" in limits:
        since = int(limits.pop())
        limits.pop()
        if major is not None and major < since:
            return f"of PostgreSQL {since} or later"
    if kind == "bool":
        return "" if value.lower() in _BOOL else f"one of {', '.join(_BOOL)}"
    if kind == "enum":
        return "" if value in limits else f"one of {', '.join(limits)}"
    if _FORMULA.fullmatch(value):
        return ""
    least, most = map(float, limits)
    whole = kind == "real" or re.fullmatch(r"-?[0-9]+", value)
    if whole and _NUMBER.fullmatch(value) and least <= float(value) <= most:
        return ""
    return f"a number from {limits[0]} to {limits[1]}"
