"""Render a whole project: modules, stacks and the schema for editors.

Rendering reads no earlier output, and its result does not depend on the time, the machine or the
project's path: the same sources always produce the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from finbase.contract.registry import Registry
from finbase.environment.model import Environment
from finbase.project.files import MARK
from finbase.render.editor_schema import ModuleVersions, environment_schema, pinnable
from finbase.render.module import render_module
from finbase.render.stack import render_stacks

SCHEMA: Final = PurePosixPath("environments/environment.schema.json")
"""The path of the schema by which editors check environment files."""


def render_project(
    environments: Iterable[Environment], registry: Registry, root: Path
) -> dict[PurePosixPath, bytes]:
    """Render every module at the version of its templates, the stacks, and the schema.

    Released versions that environments pin are not rendered again: they stay unchanged in
    ``modules/``.

    Raises:
        InputError: a contract or a template is broken.

    """
    templates = root / "templates"
    tree: dict[PurePosixPath, bytes] = {}
    for name in registry.names:
        tree |= render_module(registry.current(name), templates)
    return tree | {SCHEMA: render_schema(pinnable(registry))} | render_stacks(environments, root)


def render_schema(modules: Mapping[str, ModuleVersions]) -> bytes:
    """Render the schema of environment files that can use these modules."""
    header = f"{MARK}templates/modules/*/contract.yaml. Do not edit: run make render."
    text = json.dumps(environment_schema(modules), indent=2, ensure_ascii=False)
    return f'{{"$comment": {json.dumps(header)},{text.removeprefix("{")}\n'.encode()
