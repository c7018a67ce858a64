"""List the sentences that steps understand, from their sources, which are not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def sentences(features: Path) -> tuple[str, ...]:
    """Return the sentences of the steps in a folder of features, each once, by file and line.

    A file with a syntax error contains none.
    """
    folders = (features / "steps", features / "own" / "steps")
    paths = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return tuple(dict.fromkeys(sentence for path in paths for sentence in _of_file(path)))


def _of_file(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        for each in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            match each:
                case ast.Call(ast.Name(name), [ast.Constant(str(text)), *_]):
                    yield f"{'Then' if name == 'check' else name.capitalize()} {text}"
