"""What tests share. Property tests have no clock.

Long campaigns run only with ``--soak``.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from finbase.release import standing
from finbase.render import templating
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.support.commands import FOLDERS, copy_folders, git
from tests.support.compiled import CompiledTemplates
from tests.support.in_memory import use_memory
from tests.support.plan_store import PlanStore
from tests.support.rendered_modules import render_modules

use_memory()
# No verdict comes from an earlier run, unless a test wants just that.
os.environ.setdefault("FINBASE_CACHE", "0")
# A lazy collector saves Terraform a quarter of its processor time, also where finbase sets nothing.
os.environ.setdefault("GOGC", "400")

# How fast the machine is decides no test. In CI the drawn cases are the same in every run.
settings.register_profile(
    "finbase",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("finbase")

WAITING = (
    "test_rehearse_killed",
    "test_life",
    "test_plan_and_apply_through_the_life_of_a_stack",
)
"""Tests that take minutes, of which they mostly wait."""


@pytest.fixture(autouse=True)
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no variable of the shell that runs the tests decide how wide tables are."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def templates_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let copies of a template share what one of them was compiled to, and copies of all modules.

    A project of a test has hundreds of files of modules, and few tests change one.
    """
    monkeypatch.setattr(templating, "_bytecode_cache", CompiledTemplates)
    monkeypatch.setattr(standing, "render_modules", render_modules)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the whole project, to be changed."""
    copy_folders(tmp_path, *FOLDERS)
    return tmp_path


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of git of a project whose files are all committed, in one pack."""
    project = tmp_path_factory.mktemp("history")
    copy_folders(project, *FOLDERS)
    git(project, "init", "--quiet", "--template=", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "All as released.")
    git(project, "repack", "-a", "-d", "--quiet")
    return project / ".git"


@pytest.fixture
def committed(project: Path, history: Path) -> Path:
    """A copy of the whole project, to be changed, with everything committed."""
    shutil.copytree(history, project / ".git")
    return project


@pytest.fixture(scope="session")
def plan_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of plans that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "plans"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, plan_store: Path) -> Iterator[Workspace]:
    """One installed provider for all plans of a test process, and one plan for each tree."""
    scratch = tmp_path_factory.mktemp("workspace")
    with PlanStore(find_terraform(), scratch, plan_store) as workspace:
        yield workspace


@pytest.fixture
def shared_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands in this process plan with the workspace of the tests, which keeps running."""
    import_module("finbase.rehearsal.terraform")  # It must bind the class itself.
    for module in ("judge.check", "judge.prove", "upgrade.preview", "terraform.workspace"):
        monkeypatch.setattr(f"finbase.{module}.Workspace", lambda *_: nullcontext(workspace))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long campaigns at full length")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--soak"):
        others = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
    # Minutes of waiting for Terraform: each starts with one of the workers, which get equal parts.
    waiting = [item for item in items if item.name.partition("[")[0] in WAITING]
    items[:] = [item for item in items if item not in waiting]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    count = len(items) + len(waiting)
    for number, item in enumerate(waiting):
        items.insert(number % workers * count // workers, item)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is collected: that took half the time of the collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what ``record_property("seen", …)`` said in the tests of each function."""
    seen = Counter(
        (report.nodeid.rpartition("::")[2].partition("[")[0], value)
        for report in terminalreporter.getreports("passed")
        for key, value in report.user_properties
        if key == "seen" and report.when == "call"
    )
    for (test, value), count in sorted(seen.items()):
        terminalreporter.write_line(f"{test}: {count} x {value}")
