"""Generate a page per module: inputs, wiring, rules and outputs of each version's README."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.generate.markdown import page as joined
from finbase.contract.registry import Registry
from finbase.report.markdown import code, table

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
        "What an environment file sets in each module, what the stack wires, and the outputs.",
        table(("module", "purpose", "how many", "versions"), rows),
        "```{toctree}\n:hidden:\n\n" + "\n".join(registry.names) + "\n```",
    )


def _page(registry: Registry, name: str) -> str:
    contract = registry.current(name)
    newest_first = list(reversed(registry.versions(name)))
    return joined(
        f"# {name}",
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
            yield joined(f"### {title} of {version}", text)
