"""Split the address of a resource."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r'^(?P<module>(?:module\.[\w-]+(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?\.)*)'
    r"(?:data\.)?(?P<type>\w+)\.(?P<name>[\w-]+)(?P<key>\[.*\])?$"
)

_FURTHER = re.compile(r"module\.(?:database|secret|access|roles)_([\w-]+)\.")
"""The module of a further database, with its name."""
_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\]')


def block_of(address: str) -> str:
    """Return an address without the keys of its instances.

    >>> block_of('module.a["x.y"].aws_b.c[0]')
    'module.a.aws_b.c'
    """
    return _KEY.sub("", address)


def name_of(address: str) -> str:
    """Return the name of a resource; return any other text unchanged.

    >>> name_of('module.network.aws_subnet.public["eu-west-1a"]')
    'public'
    """
    match = _ADDRESS.match(address)
    return match["name"] if match else address


def type_of(address: str) -> str:
    """Return the type of a resource; return an empty string for any other text.

    >>> type_of('module.network.aws_subnet.public["eu-west-1a"]'), type_of("10.0.0.0/8")
    ('aws_subnet', '')
    """
    match = _ADDRESS.match(address)
    return match["type"] if match else ""


def title_of(address: str) -> str:
    """Return the name of a resource, its key and its further database, or any other text.

    >>> title_of('module.access.aws_security_group.client["reports"]'), title_of("10.0.0.0/8")
    ('client reports', '10.0.0.0/8')
    >>> title_of("module.database_reports.aws_security_group.database")
    'database reports'
    """
    match = _ADDRESS.match(address)
    key = (match["key"] or "").strip('[]"') if match else ""
    further = _FURTHER.match(address)
    return " ".join(filter(None, (name_of(address), key, further[1] if further else "")))


def place_of(address: str) -> str:
    """Return the module of a resource, or an empty string.

    >>> place_of('module.network.aws_subnet.public["eu-west-1a"]')
    'module.network'
    """
    match = _ADDRESS.match(address)
    return match["module"].removesuffix(".") if match else ""
