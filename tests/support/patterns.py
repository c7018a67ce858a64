"""Collect the regular expressions that the project contains."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from finbase.source.cache import load_yaml
from tests.support.commands import ROOT

_CALLS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
_FOLDERS = ("generator", "features/steps", "templates")
_STEPS = ROOT / "features" / "steps" / "shared"
_VARIABLE = "a"
"""Replaces the part of a pattern that is known only when the code runs."""


class Pattern(NamedTuple):
    """A regular expression with its flags, and where it is."""

    place: str
    text: str | bytes
    flags: int


def in_python() -> Iterator[Pattern | str]:
    """Yield each pattern of a call of ``re``; the position of the call if it has no text."""
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "re." not in text:  # Parsing takes seconds.
                continue
            tree = ast.parse(text)
            calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _is_of_re(n)]
            names = _constants(path, tree) if calls else {}
            for call in calls:
                place = f"{path.relative_to(ROOT).as_posix()}:{call.lineno}"
                pattern = _text(call.args[0], names)
                if pattern is None:
                    yield place
                else:
                    yield Pattern(place, pattern, _flags(call))


def in_tables() -> Iterator[Pattern]:
    """Yield each pattern of a table that code looks up: styles of the console, forms of a name."""
    for path in sorted((ROOT / "generator").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "Looks" in text else ():
            if isinstance(node, ast.AnnAssign) and "Looks" in ast.dump(node.annotation):
                for key in node.value.keys if isinstance(node.value, ast.Dict) else ():
                    place = f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
                    yield Pattern(place, ast.literal_eval(key or node), re.MULTILINE)
    path = _STEPS / "rotation_parts.py"
    for form in _constants(path, ast.parse(path.read_text(encoding="utf-8")))["_FORMS"].values():
        place = path.relative_to(ROOT).as_posix()
        yield Pattern(place, form.replace("{}", _VARIABLE), re.IGNORECASE)
    path = ROOT / "generator" / "finbase" / "sandbox" / "refusals" / "rules.yaml"
    for rule in load_yaml(path.read_bytes()).values():
        for condition in rule["if"].values():
            if condition.startswith("unlike "):
                place = path.relative_to(ROOT).as_posix()
                yield Pattern(place, condition.removeprefix("unlike "), re.ASCII)
    for name, table in (("policies.py", "_PRINCIPALS"), ("notices.py", "_ENDPOINTS")):
        path = path.with_name(name)
        for form in _constants(path, ast.parse(path.read_text(encoding="utf-8")))[table].values():
            yield Pattern(path.relative_to(ROOT).as_posix(), form, 0)
    path = ROOT / "generator" / "finbase" / "scaffold" / "project" / "renovate.json"
    for manager in json.loads(path.read_text(encoding="utf-8"))["customManagers"]:
        for form in manager["matchStrings"]:
            yield Pattern(path.relative_to(ROOT).as_posix(), form.replace("(?<", "(?P<"), 0)


def in_schemas() -> Iterator[Pattern]:
    """Yield each pattern of the JSON Schemas in the contracts and of the environment files."""
    from finbase.contract.registry import Registry
    from finbase.render.editor_schema import environment_schema, pinnable

    for path in sorted((ROOT / "templates" / "modules").glob("*/contract.yaml")):
        contract = load_yaml(path.read_bytes())
        for text in _patterns(contract):
            yield Pattern(path.relative_to(ROOT).as_posix(), text, 0)
    for text in dict.fromkeys(_patterns(environment_schema(pinnable(Registry(ROOT))))):
        yield Pattern("the schema of environment files", text, 0)


def _patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "pattern" and isinstance(inner, str):
                yield inner
            if key == "patternProperties" and isinstance(inner, dict):
                yield from inner
            yield from _patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _patterns(inner)


def _is_of_re(call: ast.Call) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in _CALLS
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "re"
    )


def in_design() -> Iterator[Pattern]:
    """Yield each pattern of the design: what follows ``like``, and the names of parameters."""
    path = ROOT / "features" / "design.yaml"
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        before, like, text = line.partition(" others: " if " others: " in line else " like ")
        if like and not before.lstrip().startswith("#"):
            text = re.sub(r"\{[a-z-]+\}", _VARIABLE, text)
            yield Pattern(f"features/design.yaml:{number}", text, 0)


def _text(expression: ast.expr, names: dict[str, Any]) -> str | bytes | None:
    """Return the value of an expression; None if its text comes from elsewhere."""
    expression = _Filled(names).visit(expression)
    value = _evaluated(expression, names)
    return value if isinstance(value, str | bytes) else None


def _evaluated(expression: ast.expr, names: dict[str, Any]) -> Any:
    try:
        code = compile(ast.fix_missing_locations(ast.Expression(expression)), "<pattern>", "eval")
        return eval(code, {**names})
    except Exception:  # A local variable, or an import that this file does not follow.
        return None


class _Filled(ast.NodeTransformer):
    """Replaces what an f-string inserts or a sum adds, if only a run of the code shows it."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        value = _evaluated(node.value, self._names)
        return ast.Constant(_VARIABLE) if value is None else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = (_evaluated(side, self._names) for side in (node.left, node.right))
        if (left is None) is not (right is None):
            filled = ast.Constant(_VARIABLE)
            node.left = filled if left is None else node.left
            node.right = filled if right is None else node.right
        return node


def _constants(path: Path, tree: ast.Module) -> dict[str, Any]:
    """Return the constants of a module: those that it imports, and those that it assigns."""
    names: dict[str, Any] = {"re": re}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= _imported(path, node)
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if len(targets) == 1 and isinstance(targets[0], ast.Name) and value is not None:
            constant = _evaluated(value, names)
            if constant is not None:
                names[targets[0].id] = constant
    return names


@cache
def _shared_constants(path: Path) -> dict[str, Any]:
    return _constants(path, ast.parse(path.read_text(encoding="utf-8")))


def _imported(path: Path, node: ast.ImportFrom) -> dict[str, Any]:
    module = str(node.module)
    shared = _STEPS / f"{module}.py"
    if shared.is_file() and "features" in path.parts:
        source = _shared_constants(shared)
    elif module.startswith("finbase."):
        source = vars(importlib.import_module(module))
    else:
        return {}
    return {
        name.asname or name.name: source[name.name] for name in node.names if name.name in source
    }


def _flags(call: ast.Call) -> int:
    """Return the flags of a call: each is named as an attribute of ``re``."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    position = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(method, 2)
    written = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    written += call.args[position : position + 1]
    names = [n.attr for w in written for n in ast.walk(w) if isinstance(n, ast.Attribute)]
    return int(sum({name: getattr(re, name) for name in names}.values()))
