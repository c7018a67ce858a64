"""Replace a backend of moto by a subclass that behaves more like AWS."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto import backends as modules
from moto.core import responses, utils
from moto.core.base_backend import AccountSpecificBackend
from moto.core.loaders import create_loader


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

    That is almost half of what a request costs. Read the model of each service once, too, and not
    a second time for the names of its regions. Call this before the first request.
    """
    found, loader = tuple(modules.list_of_moto_modules()), create_loader()
    modules.list_of_moto_modules = lambda: found
    responses.method_names_from_class = cache(utils.method_names_from_class)  # type: ignore[attr-defined]
    utils.create_loader = lambda: loader  # type: ignore[attr-defined]
    session: Any = AccountSpecificBackend.get_session()
    session._session.register_component("data_loader", loader)
