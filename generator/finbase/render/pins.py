"""Read the versions that every stack pins: the YAML files of ``templates/stack``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finbase import codes
from finbase.errors import Diagnostic, InputError
from finbase.source.cache import load_yaml
from finbase.source.syntax import not_yaml, refuse_conflict


def load_pins(path: Path) -> dict[str, Any]:
    """Return the content of a ``stack.yaml``: ``terraform`` and ``providers``.

    Raises ``InputError`` if it is missing or has another form.
    """
    pins = read_mapping(path)
    providers = pins.get("providers")
    named = providers.values() if isinstance(providers, dict) else [None]
    if not isinstance(pins.get("terraform"), str) or not all(map(_is_provider, named)):
        message = "it must contain terraform, and providers with a source and a version each"
        raise InputError([Diagnostic(str(path), 1, 1, codes.CONTRACT, message)])
    return pins


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, an empty one for a missing file or another value.

    Raises ``InputError`` for a text that is not YAML, with the position.
    """
    from yaml import YAMLError  # Imported late: completion needs no parser.

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    refuse_conflict(str(path), content, codes.CONTRACT)
    try:
        data = load_yaml(content)
    except (YAMLError, ValueError, RecursionError) as error:
        raise not_yaml(str(path), codes.CONTRACT, error) from error
    return data if isinstance(data, dict) else {}


def _is_provider(entry: Any) -> bool:
    return isinstance(entry, Mapping) and all(
        isinstance(entry.get(key), str) for key in ("source", "version")
    )
