"""boto3 clients of the local AWS."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

_lock = threading.Lock()  # A client is thread-safe, but a session's creation of clients is not.


@cache
def client(service: str, url: str, region: str) -> Any:
    """Return a client of one service of the local AWS at ``url``."""
    with _lock:
        return _session().client(
            service,
            endpoint_url=url,
            region_name=region,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the local AWS accepts any
        )


@cache
def _session() -> Any:
    import boto3

    return boto3.Session()
