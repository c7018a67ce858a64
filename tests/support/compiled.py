"""Compile each template once in a test process, wherever a copy of the project has it.

The product keeps compiled templates in the user's folder, by the path of the template, because the
code contains the path for messages. Each test has copies at paths of its own, so it would compile
all of them again, which takes as long as to render them.
"""

from __future__ import annotations

from types import CodeType
from typing import Any, Final

import jinja2
from jinja2.bccache import Bucket

_KNOWN: Final[dict[tuple[str, str, str], CodeType]] = {}


class CompiledTemplates(jinja2.BytecodeCache):
    """Keeps compiled templates in memory, by kind, name and text."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def get_bucket(
        self, environment: jinja2.Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return what is known of a template, as if it had been compiled at this path."""
        bucket = Bucket(environment, name, source)
        if code := _KNOWN.get((self._kind, name, source)):
            bucket.code = _moved(code, filename or "<template>")
        return bucket

    def set_bucket(self, bucket: Bucket) -> None:
        """Keep a compiled template."""
        assert bucket.code is not None
        _KNOWN[self._kind, bucket.key, bucket.checksum] = bucket.code


def _moved(code: CodeType, path: str) -> CodeType:
    inner: Any = (_moved(c, path) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=path, co_consts=tuple(inner))
