"""What many environments cost: counted, not timed."""

from __future__ import annotations

import cProfile
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest

from benchmarks.many import add_environments, new_project
from finbase.contract.contract import Contract
from finbase.contract.lock import Lock
from finbase.contract.registry import Registry
from finbase.environment import load as environment
from finbase.environment.load import load_environments
from finbase.judge.runner import once_each
from finbase.release import standing
from finbase.render import kept, project, stack, templating
from finbase.render.stack import render_stacks
from finbase.terraform.program import Terraform
from finbase.terraform.provider import Installation
from finbase.terraform.workspace import Workspace
from tests.support.commands import finbase


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A project whose environments are still to be added."""
    new_project(tmp_path / "many")
    return tmp_path / "many"


@pytest.fixture(autouse=True)
def modules_rendered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render modules in each command, to count what that takes."""
    monkeypatch.setattr(standing, "render_modules", kept.render_modules)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of these was called; every one is what a run could do too often."""
    count: Counter[str] = Counter()

    def counted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            count[what] += 1
            return function(*arguments, **options)

        return call

    for what, owner, name in (
        ("contracts parsed", Contract, "parse"),
        ("locks read", Lock, "load"),
    ):
        bound = counted(what, getattr(owner, name))
        monkeypatch.setattr(owner, name, staticmethod(bound))
    for what, place, name in (
        ("templates loaded", jinja2.BaseLoader, "load"),
        ("modules rendered", project, "render_module"),
        ("pins read", stack, "load_pins"),
        ("environments parsed", environment, "parse"),
    ):
        monkeypatch.setattr(place, name, counted(what, getattr(place, name)))
    return count


@pytest.mark.parametrize("arguments", [("render",), ("render", "--check")])
def test_common_work_is_done_once(
    many: Path, calls: Counter[str], arguments: tuple[str, ...]
) -> None:
    seen = []
    for count in (1, 5):
        add_environments(many, count)
        assert finbase(many, "render").exit_code == 0
        calls.clear()
        templating.hcl_templates.cache_clear()
        templating.markdown_templates.cache_clear()
        done = finbase(many, *arguments)
        assert done.exit_code == 0, done.output
        assert calls.pop("environments parsed") == count
        seen.append(dict(calls))
    assert seen[0] == seen[1]
    contents = {path.read_bytes() for path in many.glob("*/**/contract.yaml")}
    assert seen[0].pop("contracts parsed") == len(contents)
    assert seen[0].pop("modules rendered") == len(Registry(many).names)
    assert seen[0].pop("locks read") == 1
    assert seen[0].pop("pins read") <= 2  # Once for the modules, without a stack.
    templates = list((many / "templates").rglob("*.j2"))
    assert 0 < seen[0].pop("templates loaded") <= len(templates)
    assert seen[0] == {}


def test_cost_per_environment_is_constant(many: Path) -> None:
    """By calls of functions: a cost that grows with their number is quadratic, and is seen."""

    def cost(count: int) -> int:
        add_environments(many, count)
        registry = Registry(many)
        profile = cProfile.Profile()
        profile.enable()
        found = load_environments(many, registry, ())
        render_stacks(found, many)
        profile.disable()
        assert len(found) == count
        return sum(entry.callcount for entry in profile.getstats())

    cost(1)  # Templates are compiled, and modules imported.
    few, more, most = cost(4), cost(8), cost(16)
    assert (most - more) / 8 <= 1.02 * (more - few) / 4


def test_changed_file_renders_one_stack(many: Path) -> None:
    names = add_environments(many, 4)
    assert finbase(many, "render").exit_code == 0

    def files() -> dict[Path, tuple[int, int]]:
        found = (path for path in many.rglob("*.tf"))
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    before = files()
    changed = many / "environments" / f"{names[2]}.yaml"
    changed.write_text(
        changed.read_text().replace("max_allocated_storage: 50", "max_allocated_storage: 60")
    )
    done = finbase(many, "render")
    assert f"environments/{names[2]}: 1 changed" in done.output
    touched = [path for path, state in files().items() if state != before[path]]
    assert touched == [many / "environments" / names[2] / "main.tf"]


def test_render_of_one_reads_no_other(many: Path, calls: Counter[str]) -> None:
    names = add_environments(many, 4)
    (many / "environments" / f"{names[0]}.yaml").write_text("broken: [")
    assert finbase(many, "render", names[1]).exit_code == 0
    assert calls["environments parsed"] == 1


def test_step_pattern_is_compiled_once() -> None:
    made: list[tuple[str, tuple[str, ...]]] = []

    def parser(pattern: str, types: dict[str, object]) -> object:
        made.append((pattern, tuple(types)))
        return object()

    once = once_each(parser)
    first, second = once("{a} is {b}", {}), once("{a} is not {b}", {})
    assert once("{a} is {b}", {}) is first is not second
    assert once("{a} is {b}", {"Number": int}) is not first
    assert made == [("{a} is {b}", ()), ("{a} is not {b}", ()), ("{a} is {b}", ("Number",))]


def test_terraform_starts_are_minimal(project: Path, tmp_path: Path) -> None:
    """One ``init`` for all, and one ``get`` for each composition of modules."""
    log, program = tmp_path / "started", tmp_path / "terraform"
    program.write_text(
        f'#!/bin/sh\necho "$1" >> {log}\n'
        "case $1 in\n"
        f"init|get) mkdir -p .terraform/modules; echo of $PWD > .terraform/modules/modules.json;;\n"
        f"plan) cp .terraform/modules/modules.json {tmp_path}/seen;;\n"
        "show) echo {};;\nesac\n"
    )
    program.chmod(0o755)
    terraform = Terraform(program, "Terraform", (1, 11, 4), "linux_amd64")
    stacks = project / "environments"
    shutil.copytree(stacks / "production", stacks / "twin")
    seen: dict[str, list[list[str]]] = {}
    (tmp_path / "scratch").mkdir()
    with Workspace(terraform, tmp_path / "scratch", Installation()) as workspace:
        for name in ("production", "twin", "development", "twin"):
            log.write_text("")
            workspace.plan(stacks / name, project=project)
            seen.setdefault(name, []).append(log.read_text().split())
    plan, got = ["plan", "show"], ["get", "plan", "show"]
    assert seen == {
        "production": [["init", *plan]],
        "twin": [plan, plan],
        "development": [got],
    }
