"""Clients of the local AWS, for what runs within it and what looks at it from outside."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

__all__ = ["client"]

_MAKING = threading.Lock()  # Clients may be used in any thread, but a session makes one at a time.


@cache
def client(service: str, url: str, region: str) -> Any:
    """Make a client of one service of the local AWS at ``url``."""
    with _MAKING:
        return _session().client(
            service,
            endpoint_url=url,
            region_name=region,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the local AWS asks for any
        )


@cache
def _session() -> Any:
    import boto3

    return boto3.Session()
