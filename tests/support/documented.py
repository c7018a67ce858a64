"""The commands that pages show: found in their blocks, run in a copy of the project, compared.

A line that only calls ``finbase`` runs in this process, which has imported it already; any other
one runs in a shell, where ``finbase`` is a process of its own.

- ```` ```console ````: a line after ``$ `` is a command, a backslash at its end goes on with it;
  what follows is what it prints. A line that is only ``…`` stands for any lines, and ``…`` within
  a line for any text.
- ```` ```sh ````: each line is a command, and must exit with 0.
- ```` ```diff ````: a change that the reader makes; it is applied.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest.mock import patch

from click.testing import CliRunner

from finbase.cli import main
from tests.support.commands import ROOT, copy_folders, search_path

_FENCE: Final = re.compile(r"^(`{3,})(.*)$")
_PROJECT: Final = ("templates", "environments", "modules", "features", "requirements", "tests/node")
_PAGE_WIDTH: Final = "100"
_OF_SHELL: Final = re.compile(r"[|&;<>$`(){}*?~!#\\]")
"""What means something to a shell, outside of quotes at least."""
_SHIM: Final = """#!/bin/sh
exec "{python}" -c '
import sys
sys.path.insert(0, "{root}")
from tests.support.page_command import main
main("{root}", "{plans}")
' "$@"
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``line`` is that of the fence, from 1."""

    page: str
    line: int
    language: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One command or, where it is none, one change; ``shown`` is None where no output is shown."""

    page: str
    line: int
    command: str
    shown: tuple[str, ...] | None = None
    patch: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """Return every fenced block of a page."""
    name = page.relative_to(ROOT).as_posix()
    fence, start, language, inside = "", 0, "", list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        match = _FENCE.match(line)
        if fence and line.strip() == fence:
            yield Block(name, start, language, tuple(inside))
            fence = ""
        elif fence:
            inside.append(line)
        elif match:
            fence, start, language, inside = match[1], number, match[2].strip(), []
    assert not fence, f"{name}:{start}: the block has no end"


def example(page: Path, language: str, word: str) -> str:
    """Return the text of the one block of a page in a language that contains ``word``."""
    [text] = [
        text
        for block in blocks(page)
        if block.language == language and word in (text := "\n".join(block.lines))
    ]
    return text


def steps(page: Path) -> Iterator[Step]:
    """Return every command and every change of a page, in order."""
    for block in blocks(page):
        if block.language == "console":
            yield from _console(block)
        elif block.language == "sh":
            for number, line in enumerate(block.lines, block.line + 1):
                if line and not line.startswith("#"):
                    yield Step(block.page, number, line)
        elif block.language == "diff":
            yield Step(block.page, block.line, "", patch="\n".join((*block.lines, "")))


def _console(block: Block) -> Iterator[Step]:
    lines = list(enumerate(block.lines, block.line + 1))
    assert lines[0][1].startswith("$ "), f"{block.page}:{block.line}: does not start with a command"
    while lines:
        number, command = lines.pop(0)
        while command.endswith("\\"):
            command = command[:-1].rstrip() + " " + lines.pop(0)[1].strip()
        shown = list[str]()
        while lines and not lines[0][1].startswith("$ "):
            shown.append(lines.pop(0)[1])
        while shown and not shown[-1]:
            shown.pop()
        yield Step(block.page, number, command.removeprefix("$ "), tuple(shown))


def pattern(shown: tuple[str, ...]) -> re.Pattern[str]:
    """Make what a page shows an expression that matches the whole of what was printed."""
    parts = [
        r"(?:.*\n)*?" if line.strip() == "…" else _line(line.rstrip()) + r"[ ]*\n" for line in shown
    ]
    return re.compile("".join(parts))


def _line(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.split("…"))


@dataclass
class Scratch:
    """A copy of the project, as a clone is: committed, set up, and with ``finbase`` on PATH.

    ``plans`` is the folder of the plans of this test run.
    """

    root: Path
    plans: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {
            # Nobody's repository but this one, and no `make` above that of the page.
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("GIT_", "MAKE", "MFLAGS"))
            },
            "PATH": f"{self.root / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": search_path(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": _PAGE_WIDTH,
            "NO_COLOR": "1",
            # As for a reader: the first verdict on a stack is new, and `graph` has its plan then.
            "XDG_CACHE_HOME": str(self.root / ".venv" / "cache"),
            "FINBASE_CACHE": "1",
            "LC_ALL": "C.UTF-8",
            "SOURCE_DATE_EPOCH": "1764028800",
            **{f"GIT_{who}_NAME": "you" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "you@ledger.example" for who in ("AUTHOR", "COMMITTER")},
        }

    def fill(self) -> None:
        """Copy the project, set it up, and commit and render it, which changes nothing."""
        copy_folders(self.root, *_PROJECT)
        for file in ("Makefile", "pyproject.toml", ".gitignore"):
            shutil.copy(ROOT / file, self.root / file)
        programs = self.root / ".venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "finbase").write_text(
            _SHIM.format(python=sys.executable, root=ROOT, plans=self.plans)
        )
        (programs / "finbase").chmod(0o755)
        for marker in ("ready", "tools"):
            (programs.parent / marker).touch()
        for command in (
            *("git init --quiet --template= --initial-branch main", "git add ."),
            *("git commit --quiet --message clone", "git repack -a -d --quiet", "finbase render"),
        ):
            code, printed = self.run(Step("", 0, command))
            assert code == 0, printed

    def copy(self, root: Path) -> Scratch:
        """Return a copy in another folder, with what finbase keeps of a render for its user."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Scratch(root, self.plans)

    def run(self, step: Step) -> tuple[int, str]:
        """Run a step; return its exit code and what it printed, standard error included.

        A change whose line numbers are not those of the file fails.
        """
        if step.command.startswith("finbase ") and not _OF_SHELL.search(step.command):
            with (
                contextlib.chdir(self.root),
                patch.dict(os.environ, self.environment, clear=True),
            ):
                result = CliRunner().invoke(
                    main, shlex.split(step.command)[1:], prog_name="finbase"
                )
            if not isinstance(result.exception, SystemExit | None):
                raise result.exception
            return result.exit_code, result.output
        command = "git apply --whitespace=nowarn --verbose -" if step.patch else step.command
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.root,
            env=self.environment,
            input=step.patch,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=600,
        )
        if step.patch and not done.returncode and "offset" not in done.stdout:
            return 0, ""
        return done.returncode or bool(step.patch), done.stdout
