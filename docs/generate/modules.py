"""Generate a page per module: inputs, wiring, rules and outputs of each version's README."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

from docs.generate.markdown import page as joined
from finbase.contract.registry import Registry
from finbase.render.markdown import code, table

_BORDER = re.compile(r"(?<!\\)\|")
_WIDE = "|---|---|---|---|"
_SECTIONS = ("Inputs", "Wiring", "Rules across inputs", "Outputs")
_PRESENCE = {
    "one": "every environment has one",
    "optional": "an environment has one or none",
    "many": "an environment has none, one or many, each with a name",
}


def pages(root: Path) -> Mapping[str, str]:
    """Return the page of each module by its name, and the list of modules as ``index``."""
    registry = Registry(root)
    return {"index": _index(registry), **{name: _page(registry, name) for name in registry.names}}


def _index(registry: Registry) -> str:
    rows = []
    for name in registry.names:
        contract = registry.current(name)
        versions = ", ".join(str(version) for version in reversed(registry.versions(name)))
        rows.append(
            (
                f"[{code(name)}]({name}.md)",
                contract.summary,
                _PRESENCE[contract.multiplicity],
                versions,
            )
        )
    return joined(
        "# Modules",
        "After this page, you can choose the module and the version that you need.",
        table(("module", "purpose", "how many", "versions"), rows),
        "```{toctree}\n:hidden:\n\n" + "\n".join(registry.names) + "\n```",
    )


def _page(registry: Registry, name: str) -> str:
    contract = registry.current(name)
    newest_first = list(reversed(registry.versions(name)))
    return joined(
        f"# {name}",
        f"After this page, you can set every input of `{name}` and use its outputs.",
        contract.summary,
        contract.description,
        f"In a stack: {_PRESENCE[contract.multiplicity]}.",
        *(_version(registry, name, str(version)) for version in newest_first),
    )


def _version(registry: Registry, name: str, version: str) -> str:
    readme = registry.releases / name / version / "README.md"
    return joined(f"## {name} {version}", *_sections(readme.read_text(encoding="utf-8"), version))


def _sections(readme: str, version: str) -> Iterator[str]:
    """Yield the README sections about inputs and outputs, one heading level lower."""
    for section in re.split(r"^## ", readme, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        if title in _SECTIONS:
            yield joined(f"### {title} of {version}", _with_blocks(text))


def _with_blocks(text: str) -> str:
    r"""Replace each table that is too wide for a page by a list with a block for each row.

    >>> table = '''
    ... | name | type | default | rule | description |
    ... |---|---|---|---|---|
    ... | `port` | `number` | `5432` | must be from 1150 to 65535 | Port. |'''
    >>> print(_with_blocks(table).strip())
    - **`port`**: `number`, by default `5432`\
      Port.\
      It must be from 1150 to 65535.
    """
    lines = text.split("\n")
    for start in reversed([n for n, line in enumerate(lines) if line.startswith(_WIDE)]):
        rows = list(takewhile(lambda line: line.startswith("|"), lines[start + 1 :]))
        names = _cells(lines[start - 1])
        blocks = [_block(dict(zip(names, _cells(row), strict=True))) for row in rows]
        lines[start - 1 : start + 1 + len(rows)] = blocks
    return "\n".join(lines)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in _BORDER.split(row)[1:-1]]


def _block(row: Mapping[str, str]) -> str:
    """Return a list item: name, type, source and default, then description and rule."""
    facts = [row["type"]]
    if "from" in row:
        facts.append(f"from {row['from']}")
    if default := row["default"]:
        facts.append(default if default == "**required**" else f"by default {default}")
    parts = [f"- **{row['name']}**: {', '.join(facts)}", row["description"]]
    if rule := row.get("rule"):
        parts.append(f"It {rule}.")
    return "\\\n  ".join(parts)
