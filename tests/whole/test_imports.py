"""What a command loads: nothing that it does not need, by the modules that are there at its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from finbase.cli import main
from tests.support.commands import search_path

_SCRIPT = """
import sys
before = set(sys.modules)
for action in {actions!r}:
    exec(action)
import json
modules = [name for name in sys.modules if name not in before or name == "__main__"]
print(json.dumps(modules), file=sys.__stderr__)
"""
_RUN = """
from finbase.cli import main
try:
    main({arguments!r}, prog_name="finbase")
except SystemExit as ended:
    assert ended.code in (0, None), ended.code
"""
CLICK = frozenset(("click",))
RENDERING = frozenset(("click", "jinja2", "jsonschema_rs", "markupsafe", "yaml"))
# What the packages that a render needs bring along under names of their own.
COMPILED = frozenset(("_yaml", "cython_runtime"))
# Of the standard library, what takes long to load and is not needed to tell or to render.
SLOW = frozenset(
    "asyncio concurrent ctypes difflib hmac html http logging multiprocessing pdb pydoc secrets "
    "sqlite3 ssl subprocess tomllib unittest xml".split()
)
# What a plan, a verdict, a release or a report needs.
ELSEWHERE = frozenset(
    "ci judge plan rehearsal sandbox scaffold terraform upgrade project.git release.interface "
    "release.prepare system.processes".split()
)


def loaded(*actions: str, **environ: str) -> frozenset[str]:
    """The modules that a fresh Python has after the actions, beyond those it begins with."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(actions=actions)],
        env={**os.environ, "PYTHONPATH": search_path(), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stderr.splitlines()[-1]))


def ran(*arguments: str) -> str:
    return _RUN.format(arguments=list(arguments))


def packages(modules: frozenset[str]) -> frozenset[str]:
    """The packages that do not come with Python, finbase left out."""
    names = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    made = {name for name in names if name.startswith(("_cython_", "__mypyc"))}
    return frozenset(names - made - {"__main__", "finbase"})


def own(modules: frozenset[str]) -> frozenset[str]:
    """Return finbase's packages and modules, without the prefix."""
    names = [name.split(".")[1:3] for name in modules if name.startswith("finbase.")]
    return frozenset(name for parts in names for name in (parts[0], ".".join(parts)))


@cache
def slow_of_click() -> frozenset[str]:
    """What Click itself loads of what is slow, which is no fault of the command's."""
    return SLOW & loaded("import click, click.shell_completion, importlib.metadata")


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_and_version_load_click_alone(arguments: tuple[str, ...]) -> None:
    modules = loaded(ran(*arguments))
    assert packages(modules) == CLICK
    assert modules & SLOW <= slow_of_click()
    assert {name.partition(".")[0] for name in own(modules)} <= {"cli", "commands", "console"}
    # None of the files of the commands: the table in cli.py has what the help says of them.
    commands = {f"finbase.commands.{name}" for name in main.list_commands(None)}  # type: ignore[arg-type]
    assert commands
    assert modules & commands == set()


@pytest.mark.parametrize(
    "words", ["finbase ", "finbase re", "finbase --", "finbase render ", "finbase check --"]
)
def test_completion_loads_click_alone(words: str) -> None:
    modules = loaded(
        ran(), _FINBASE_COMPLETE="bash_complete", COMP_LINE=words, COMP_POINT=str(len(words))
    )
    assert packages(modules) == CLICK
    assert modules & SLOW <= slow_of_click()
    assert own(modules) & ELSEWHERE == set()


def test_command_help_loads_click_alone() -> None:
    names = main.list_commands(None)  # type: ignore[arg-type]
    modules = loaded(*(ran(name, "--help") for name in names))
    assert packages(modules) == CLICK
    assert modules & SLOW <= slow_of_click()
    assert own(modules) & ELSEWHERE == set()


def test_render_loads_needed_packages(project: Path, tmp_path: Path) -> None:
    for state in ("cold", "warm"):
        for arguments in (("render",), ("render", "--check"), ("render", "production")):
            modules = loaded(
                ran("--project", str(project), *arguments), XDG_CACHE_HOME=str(tmp_path / "cache")
            )
            assert packages(modules) - COMPILED == RENDERING, (state, arguments)
            assert modules & SLOW == set(), (state, arguments)
            # --check reads the HCL of the stacks, and starts nothing.
            reads = {"terraform"} if "--check" in arguments else set()
            assert own(modules) & ELSEWHERE == reads, (state, arguments)
            started = {name for name in modules if name.startswith("finbase.terraform.")}
            assert started <= {"finbase.terraform.offline", "finbase.terraform.refused_code"}


def test_loaded_sees_modules() -> None:
    modules = loaded("import hcl2, difflib, finbase.terraform.workspace")
    assert "hcl2" in packages(modules)
    assert "difflib" in modules & SLOW
    assert "terraform" in own(modules) & ELSEWHERE
