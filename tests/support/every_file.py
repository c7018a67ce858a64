"""Renders all of a project in a process of its own: ``python every_file.py PROJECT``.

Prints what Python it is, and the SHA-256 of each file in the order in which they are rendered.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.render.module import render_module
from finbase.render.stack import render_stacks


def digests(root: Path) -> list[tuple[str, str]]:
    """Render each module at the version of its templates, and each stack."""
    registry = Registry(root)
    tree: dict[Any, bytes] = {}
    for name in registry.names:
        tree |= render_module(registry.current(name), root / "templates")
    for environment in load_environments(root, registry, ()):
        tree |= render_stacks([environment], root)
    return [(str(path), hashlib.sha256(content).hexdigest()) for path, content in tree.items()]


def python() -> str:
    """Say which Python runs, and which of the libraries that rendering has loaded are compiled."""
    compiled = {
        "YAML": hasattr(yaml, "CSafeLoader"),
        "MarkupSafe": "markupsafe._speedups" in sys.modules,
    }
    pure = [name for name, is_compiled in compiled.items() if not is_compiled]
    version = ".".join(map(str, sys.version_info[:3]))
    return f"Python {version}" + (f", {' and '.join(pure)} in Python" if pure else "")


if __name__ == "__main__":
    files = digests(Path(sys.argv[1]))
    print(json.dumps({"python": python(), "files": files}))
