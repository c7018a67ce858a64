"""The step about outputs, which every reader of the state sees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from design_calls import sources_of
from findings import Finding, check, rendered
from stack_graph import UNKNOWN, Origin, Stack

_SECRET = re.compile(
    r"(.*[_.-])?(password|passwd|passphrase|secret_string|secret_binary|auth_token|private_key"
    r"(_pem)?|secret_key|secret_access_key|api_key)",
    re.IGNORECASE,
)
_SHORTEST = 8
"""Shorter texts, such as ``admin``, can equal a part of a secret by chance."""


@check("no output of the stack shows a secret", "output that shows a secret")
def outputs_without_secrets(stack: Stack) -> Iterator[Finding]:
    """Follow each output to its origins.

    Terraform refuses a sensitive value itself, unless ``nonsensitive`` hides that it is one. Of a
    stack that finbase did not render, only a secret is a finding: otherwise the plan of any stack
    would have something that passes.
    """
    secrets = {text for text in _texts(stack.secret_values()) if len(text) >= _SHORTEST}
    sources = sources_of(stack)
    count = 0
    for name, value, origins in stack.outputs():
        reason = next(filter(None, (_of_secret(stack, origin) for origin in origins)), "")
        if not reason and _SECRET.fullmatch(name) and value not in (None, ""):
            reason = "its name says that it is a secret"
        if not reason and not secrets.isdisjoint(_texts(value)):
            reason = "it has the value of a sensitive attribute"
        written = sources.expression((), f"output.{name}") if sources else None
        way = sources.way((), written or "") if sources else ()
        if not reason and any("nonsensitive" in text for text in way):
            reason = "nonsensitive() is on its way"
        if reason:
            text = f"output {name}: {reason}; remove it, and read the secret from Secrets Manager"
            yield Finding(False, text)
        count += 1
    if rendered():
        yield Finding(True, f"{count} outputs, none of which comes from a secret")


def _of_secret(stack: Stack, origin: Origin) -> str:
    if any(stack.is_secret(resource, origin.attribute) for resource in origin.resources):
        return f"it comes from the sensitive {origin.text}"
    if stack.is_secret_variable(origin.text):
        return f"it comes from the sensitive {origin.text}"
    hidden = not origin.resources and origin.literal is UNKNOWN
    return f"it comes from {origin.text}" if hidden and _SECRET.fullmatch(origin.text) else ""


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value.

    >>> list(_texts({"a": ["b", 1], "c": "d"}))
    ['b', 'd']
    """
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, Mapping) else ():
        yield from _texts(part)
    for part in value if isinstance(value, list | tuple) else ():
        yield from _texts(part)
