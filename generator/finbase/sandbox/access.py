"""Who may call the local AWS: a client that has the key of this run, and no web page.

The local AWS runs uploaded functions, so a request to it is a command to this machine. Any program
and any user of the machine can reach loopback, and so can a page in a browser, through a form, an
image or a name that it points to 127.0.0.1.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from finbase.sandbox.client import Endpoint

# A form, a link or an image can send a query and a body, but no header of its own. So only the
# header counts, although AWS also accepts signatures in a query.
_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=(\w+)/\d{8}/[\w-]+/[\w-]+/aws4_request,.*")
_BEARER = re.compile(r"Bearer (\w+)")


def new_key() -> str:
    """Return a random access key of 128 bits; those of AWS start with other letters."""
    return f"LOCAL{secrets.token_hex(16).upper()}"


class Access:
    """Compares requests with the host and key of the server."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._key = endpoint.key.encode()
        self._host = urlsplit(endpoint.url).netloc

    def problem(self, environ: Mapping[str, Any]) -> str:
        """Return why a WSGI request is refused, or an empty string."""
        if environ.get("HTTP_HOST") != self._host:
            return f"the local AWS answers only requests to the host {self._host}"
        if "HTTP_ORIGIN" in environ:
            return "the local AWS answers no web page"
        own_route = environ.get("PATH_INFO", "").startswith("/sandbox/")
        form = _BEARER if own_route else _SIGNATURE
        match = form.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        key = match[1] if match else ""
        if not secrets.compare_digest(key.encode(), self._key):
            return "set AWS_ACCESS_KEY_ID to the key that this run of the local AWS has printed"
        return ""
