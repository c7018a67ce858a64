"""The table in ``docs/architecture.md`` is the package, in the order of its imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from commands import ROOT

PACKAGE: Final = ROOT / "generator"
PAGE: Final = ROOT / "docs" / "architecture.md"


def rows(text: str) -> Mapping[str, int]:
    """The names of the table, without suffix or slash → the number of their row."""
    table = text.partition("## The package")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    return {
        name: number for number, cell in enumerate(cells) for name in re.findall(r"`([^`]+)`", cell)
    }


def parts(package: Path) -> set[str]:
    """The files and folders of the package, as the table writes them."""
    found = {path for path in package.iterdir() if path.name not in ("__init__.py", "__pycache__")}
    return {f"{path.name}/" if path.is_dir() else path.name for path in found}


def imported(source: str) -> Iterator[str]:
    """What a module imports of the package, wherever in it: the names of its parts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "generator":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("generator."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from (name[1] for name in names if name[0] == "generator" and len(name) > 1)


def upward(package: Path, order: Mapping[str, int]) -> list[str]:
    """The imports that go from an earlier row of the table to a later one."""
    rank = {name.rstrip("/").removesuffix(".py"): row for name, row in order.items()}
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        own = rank.get(inside.parts[0].removesuffix(".py"))
        if own is not None:  # One without a row is found by its own test.
            names = imported(path.read_text(encoding="utf-8"))
            above = (name for name in names if rank.get(name, own) > own)
            found += [f"{inside.as_posix()} imports {name}" for name in above]
    return found


ORDER: Final = rows(PAGE.read_text(encoding="utf-8"))


def test_every_part_of_the_package_has_a_line_and_every_line_is_a_part() -> None:
    assert sorted(parts(PACKAGE) - ORDER.keys()) == [], "in the package, but not in the table"
    assert sorted(ORDER.keys() - parts(PACKAGE)) == [], "in the table, but not in the package"


def test_imports_go_up_the_table_only() -> None:
    assert upward(PACKAGE, ORDER) == []


@pytest.mark.parametrize(
    "source",
    [
        "from generator.tree import write",
        "from generator.report.junit import render as tree",
        "from generator import tree",
        "import generator.tree",
        "def f():\n    from generator import tree as t",
        "if TYPE_CHECKING:\n    from generator.tree import Changes",
    ],
)
def test_an_import_against_the_order_is_found(source: str, tmp_path: Path) -> None:
    (tmp_path / "errors.py").write_text(source)
    order = {"errors.py": 0, "tree.py": 1, "report/": 1}
    assert len(upward(tmp_path, order)) == 1
    assert upward(tmp_path, dict.fromkeys(order, 0)) == []


def test_the_table_is_read_row_by_row() -> None:
    text = (
        "## The package\n\n| file | duty |\n|---|---|\n| `a.py`, `b/` | x |\n| `c.yaml` | `y` |\n"
    )
    assert rows(text) == {"a.py": 0, "b/": 0, "c.yaml": 1}
