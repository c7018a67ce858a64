"""How a mended backend takes the place of moto's."""

from __future__ import annotations

from typing import Any

__all__ = ["replace_backend"]


def replace_backend(backends: Any, mended: type) -> None:
    """Let a service's accounts have the mended backend; those made before lose what they hold."""
    backends.backend = mended
    for account in backends.values():
        account.backend = mended
        for region in [name for name, made in account.items() if not isinstance(made, mended)]:
            del account[region]
