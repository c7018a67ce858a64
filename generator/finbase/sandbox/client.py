"""The address of the local AWS and its key, and boto3 clients of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_lock = threading.Lock()  # A client is thread-safe, but a session's creation of clients is not.


@dataclass(frozen=True)
class Endpoint:
    """A running local AWS: its URL, and the key that it requires of each request."""

    url: str
    key: str = field(repr=False)


@cache
def client(service: str, endpoint: Endpoint, region: str) -> Any:
    """Return a client of one service of the local AWS."""
    with _lock:
        return _session().client(
            service,
            endpoint_url=endpoint.url,
            region_name=region,
            aws_access_key_id=endpoint.key,
            aws_secret_access_key=endpoint.key,
        )


@cache
def _session() -> Any:
    import boto3

    return boto3.Session()
