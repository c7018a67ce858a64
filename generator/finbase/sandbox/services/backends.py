"""Replace a backend of moto by a subclass that behaves more like AWS."""

from __future__ import annotations

from typing import Any


def replace_backend(backends: Any, replacement: type) -> None:
    """Use another backend for a service in all accounts; backends that exist lose their data."""
    backends.backend = replacement
    for account in backends.values():
        account.backend = replacement
        outdated = [name for name, one in account.items() if not isinstance(one, replacement)]
        for region in outdated:
            del account[region]
