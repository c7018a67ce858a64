"""Replace a backend of moto by a subclass that behaves more like AWS."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto import backends as modules
from moto.core import responses, utils


def replace_backend(backends: Any, replacement: type) -> None:
    """Use another backend for a service in all accounts; backends that exist lose their data."""
    backends.backend = replacement
    for account in backends.values():
        account.backend = replacement
        outdated = [name for name, one in account.items() if not isinstance(one, replacement)]
        for region in outdated:
            del account[region]


def answer_faster() -> None:
    """Let moto look for its own folders, and for a class's methods, once and not in each request.

    That is almost half of what a request costs. Call this before the first one.
    """
    found = tuple(modules.list_of_moto_modules())
    modules.list_of_moto_modules = lambda: found
    responses.method_names_from_class = cache(utils.method_names_from_class)  # type: ignore[attr-defined]
