"""The same sources give the same bytes, wherever they are rendered.

``docs/explanation/reproducible.md`` says what of it is proven here, and what is not.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import every_file
from tests.support.commands import FOLDERS, ROOT, copy_folders, finbase, run, search_path

SUPPORT = ROOT / "tests" / "support"
ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # else Python makes C mean UTF-8
STRICT = ("-X", "warn_default_encoding", "-W", "error::EncodingWarning")

Report = Mapping[str, Any]


def render(
    project: Path,
    *options: str,
    python: str = sys.executable,
    cwd: Path = ROOT,
    environ: Mapping[str, str | None] | None = None,
) -> Report:
    """What ``every_file.py`` says in a process of its own; a variable that is None is unset."""
    variables: dict[str, str | None] = {
        **os.environ,
        "PYTHONPATH": search_path(),
        "PYTHONDONTWRITEBYTECODE": "1",
        **(environ or {}),
    }
    done = subprocess.run(
        [python, *options, str(SUPPORT / "every_file.py"), str(project)],
        cwd=cwd,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: Report = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that no test here changes, all of it rendered."""
    project = tmp_path_factory.mktemp("shared")
    copy_folders(project, *FOLDERS)
    assert run(project, "render").returncode == 0
    return project


@pytest.fixture(scope="module")
def expected(shared: Path) -> list[list[str]]:
    files: list[list[str]] = render(shared)["files"]
    assert len(files) > 50
    return files


NOWHERE = {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"}
SOMEBODY = {"USER": "someone", "HOSTNAME": "elsewhere", "SOURCE_DATE_EPOCH": "1"}


@pytest.mark.parametrize(
    ("environ", "options", "cwd"),
    [
        ({"LC_ALL": "C", **ASCII, "TZ": "UTC", "PYTHONHASHSEED": "0"}, ("-O",), "/"),
        (
            {"LC_ALL": "POSIX", **ASCII, "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
            ("-OO",),
            "environments/staging",
        ),
        ({"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4294967295", **NOWHERE}, STRICT, "."),
        ({"LC_ALL": "none_NONE.ISO-8859-1", **ASCII, **SOMEBODY, "TZ": "<-12>12"}, (), ".."),
        ({"LC_ALL": None, "LANG": None, "LANGUAGE": "tr:de"}, ("-X", "dev"), "."),
    ],
    ids=["C", "POSIX", "C.UTF-8", "a locale that is not there", "no locale"],
)
def test_render_ignores_surroundings(
    shared: Path,
    expected: list[list[str]],
    environ: Mapping[str, str | None],
    options: Sequence[str],
    cwd: str,
) -> None:
    """Variables, options of Python, and the working directory."""
    folder = (shared / cwd).resolve()
    project = Path(os.path.relpath(shared, folder))
    assert render(project, *options, cwd=folder, environ=environ)["files"] == expected


def test_render_ignores_project_path_and_write_order(
    shared: Path, tmp_path: Path, expected: list[list[str]]
) -> None:
    project = tmp_path / "überall 日本 ${x} {{ y }} %s" / ("a" * 200)
    for path in sorted((path for path in shared.rglob("*") if path.is_file()), reverse=True):
        target = project / path.relative_to(shared)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        os.utime(target, (1, 1))
    link = tmp_path / "link"
    link.symlink_to(project)
    for place in (project, link):
        assert render(place)["files"] == expected


class Shuffled(Iterator[Any]):
    """What ``os.scandir`` gives, in an order that no file system would."""

    def __init__(self, entries: Any, order: random.Random) -> None:
        with entries:
            self.entries = sorted(entries, key=lambda entry: str(entry.name))
        order.shuffle(self.entries)

    def __next__(self) -> Any:
        if not self.entries:
            raise StopIteration
        return self.entries.pop()

    def __enter__(self) -> Shuffled:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.entries.clear()


@pytest.mark.parametrize("seed", range(5))
def test_render_ignores_file_order(
    shared: Path, expected: list[list[str]], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    order = random.Random(seed)
    scandir, listdir = os.scandir, os.listdir
    monkeypatch.setattr(os, "scandir", lambda *args: Shuffled(scandir(*args), order))
    monkeypatch.setattr(
        os, "listdir", lambda *args: order.sample(names := sorted(listdir(*args)), len(names))
    )
    orders = {tuple(path.name for path in (shared / "modules").glob("*")) for _ in range(9)}
    walked = {tuple(next(os.walk(shared / "modules"))[1]) for _ in range(9)}
    assert len(orders) > 1 < len(walked)
    assert [list(each) for each in every_file.digests(shared)] == expected


def git(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "core.fileMode=true", *arguments],
        cwd=project,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_umask_affects_folders_only(shared: Path, tmp_path: Path) -> None:
    project = shutil.copytree(shared, tmp_path / "project")
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    stacks = [path for path in (project / "environments").iterdir() if path.is_dir()]
    for mask in (0o000, 0o022, 0o027, 0o077):
        for folder in stacks:
            shutil.rmtree(folder)
        before = os.umask(mask)
        try:
            done = finbase(project, "render")
        finally:
            os.umask(before)
        assert done.exit_code == 0, done.stderr
        states = {line[:2] for line in git(project, "status", "--porcelain").splitlines()}
        assert states == {"A "}  # as it was added, and nothing else
        for folder in stacks:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o777 & ~mask
            assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}


def interpreters(version: str) -> Iterator[str]:
    """Each Python of a version that is on PATH, or that pyenv keeps, and that runs."""
    candidates = [sys.executable]
    for folder in os.get_exec_path():
        candidates.append(str(Path(folder) / f"python{version}"))
    if pyenv := shutil.which("pyenv"):
        command = [pyenv, "whence", "--path", f"python{version}"]
        kept = subprocess.run(command, capture_output=True, text=True, check=False)
        candidates += kept.stdout.split("\n")
    script = "import sys; print('{}.{}'.format(*sys.version_info), sys.version, sys.prefix)"
    seen = set()
    for candidate in filter(os.path.exists, candidates):
        tried = [candidate, "-I", "-c", script]
        done = subprocess.run(tried, capture_output=True, text=True, check=False)
        what = done.stdout.replace(sys.prefix, sys.base_prefix)
        if done.returncode == 0 and what.startswith(f"{version} ") and what not in seen:
            seen.add(what)
            yield candidate


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_render_ignores_python_version(
    shared: Path,
    expected: list[list[str]],
    version: str,
    record_property: Callable[[str, object], None],
) -> None:
    found = list(interpreters(version))
    if not found:
        pytest.skip(f"this machine has no Python {version}, so nothing was seen of it")
    for python in found:
        report = render(shared, python=python)
        assert report["python"].startswith(f"Python {version}.")
        assert report["files"] == expected
        checked = run(shared, "render", "--check", python=python)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        record_property("seen", report["python"])
