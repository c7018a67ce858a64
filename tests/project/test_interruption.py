"""A render that is cut short leaves the old tree, the new one, or one that the next mends.

Every case is drawn from ``SOAK_SEED`` and its number. Six kills and a few full disks and
read-only folders always run, and some two hundred of each with ``make soak``.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import ROOT

SEED = int(os.environ.get("SOAK_SEED", "20261125"))
JOURNAL = ".finbase-journal"
INTERRUPTED = "an earlier render was interrupted"

Files = dict[str, bytes]


def drawn(always: int, soak: int) -> pytest.MarkDecorator:
    """Give numbers to draw cases with; the long run has those of the short one first."""
    late = [pytest.param(number, marks=pytest.mark.soak) for number in range(always, soak)]
    return pytest.mark.parametrize("number", [*range(always), *late])


@dataclass(frozen=True)
class Step:
    """A project as it lies there, and with sources that render to another tree."""

    before: Path
    sources: Path
    old: Files
    new: Files
    back: Files
    """After a render of the sources as they were."""
    one: Files
    """After a render of nothing but ``development``."""
    moments: int

    @property
    def changed(self) -> set[str]:
        """What the render creates, changes or removes."""
        names = self.old.keys() | self.new.keys()
        return {name for name in names if self.old.get(name) != self.new.get(name)}

    @property
    def largest(self) -> int:
        """The size in bytes of the largest file that the render writes."""
        return max(len(self.new.get(name, b"")) for name in self.changed)


@dataclass(frozen=True)
class Done:
    code: int
    stderr: str


def environ() -> dict[str, str]:
    """Let nothing be written but what a render writes: no bytecode, no compiled templates."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": os.devnull}


@contextlib.contextmanager
def start(
    kind: str, number: int, project: Path, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """Start ``fault.py``; no child outlives the block, not even one that is stopped."""
    fault = ROOT / "tests" / "support" / "fault.py"
    command = [sys.executable, str(fault), kind, str(number), str(project)]
    with subprocess.Popen(
        [*command, *arguments],
        env=environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def run(kind: str, number: int, project: Path, *arguments: str) -> Done:
    with start(kind, number, project, *arguments) as child:
        _, stderr = child.communicate(timeout=60)
    assert "Traceback" not in stderr
    return Done(child.returncode, stderr)


def render(project: Path, *names: str) -> Done:
    done = run("kill", 0, project, "render", *names)
    assert done.code == 0, done.stderr
    return done


def snapshot(project: Path) -> Files:
    """Give everything that was rendered, and everything that should not be there."""
    files = (path for path in project.rglob("*") if not path.is_dir())
    found = {path.relative_to(project).as_posix(): path.read_bytes() for path in files}
    return {
        name: content
        for name, content in found.items()
        if not name.startswith("templates/")
        and not re.fullmatch(r"environments/[^/.]+\.yaml", name)
    }


def use_sources(project: Path, sources: Path) -> None:
    """Put the sources of another project in the place of this one's."""
    shutil.rmtree(project / "templates")
    shutil.copytree(sources / "templates", project / "templates")
    for path in (project / "environments").glob("*.yaml"):
        path.unlink()
    for path in (sources / "environments").glob("*.yaml"):
        shutil.copy(path, project / "environments")


def own_by(project: Path, owner: str) -> None:
    for path in (project / "environments").glob("*.yaml"):
        text, count = re.subn(r"(?m)^  owner: .*$", f"  owner: {owner}", path.read_text())
        assert count == 1
        path.write_text(text)


def pin_drafts(project: Path) -> None:
    """Pin what the templates are at: nothing is released here, so everything is rendered."""
    for contract in (project / "templates" / "modules").glob("*/contract.yaml"):
        version = re.search(r"(?m)^version: (\S+)", contract.read_text())
        assert version
        pin = re.compile(rf"(?m)^(  {contract.parent.name}:\n    version: )\S+")
        for path in (project / "environments").glob("*.yaml"):
            path.write_text(pin.sub(rf"\g<1>{version[1]}", path.read_text()))


def step(before: Path, sources: Path, scratch: Path) -> Step:
    """Render the sources over a copy, to know what is to come and in how many moments."""

    def result(folder: Path, *names: str) -> tuple[Files, int]:
        shutil.copytree(before, scratch)
        use_sources(scratch, folder)
        done = run("count", 0, scratch, "render", *names)
        assert done.code == 0, done.stderr
        files = snapshot(scratch)
        shutil.rmtree(scratch)
        return files, int(done.stderr.split()[-1])

    new, moments = result(sources)
    back, _ = result(before)
    one, _ = result(sources, "development")
    return Step(before, sources, snapshot(before), new, back, one, moments)


@pytest.fixture(scope="session")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Step]:
    """A first render, and one that changes, adds and removes files and a stack."""
    home = tmp_path_factory.mktemp("steps")
    bare, rendered, changed = home / "bare", home / "rendered", home / "changed"
    for folder in ("templates", "environments"):
        ignored = shutil.ignore_patterns("__pycache__", "production", "staging", "development")
        shutil.copytree(ROOT / folder, bare / folder, ignore=ignored)
    pin_drafts(bare)
    shutil.copytree(bare, rendered)
    extra = rendered / "templates" / "modules" / "kms" / "extra"
    extra.mkdir()
    for name in ("one.tf.j2", "two.tf.j2"):
        (extra / name).write_text("locals {}\n")
    render(rendered)
    shutil.copytree(rendered, changed)
    own_by(changed, "somebody-else")
    (changed / "environments" / "staging.yaml").unlink()
    templates = changed / "templates" / "modules"
    shutil.move(templates / "kms" / "extra", templates / "cache" / "extra")
    with (changed / "templates" / "module" / "versions.tf.j2").open("a") as file:
        file.write("\n# More.\n")
    return {
        "first": step(bare, bare, home / "scratch"),
        "update": step(rendered, changed, home / "scratch"),
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def begin(case: Step, project: Path) -> None:
    shutil.copytree(case.before, project, dirs_exist_ok=True)
    use_sources(project, case.sources)


def is_pending(project: Path) -> bool:
    journal = project / JOURNAL
    return journal.exists() and journal.stat().st_size > 0


def judged(case: Step, project: Path) -> str:
    """Say which tree is there now; every file must be whole, and traces must be announced."""
    there = snapshot(project)
    tree = {
        name: content
        for name, content in there.items()
        if name != JOURNAL and not name.endswith(".finbase~")
    }
    for name in {*case.old, *case.new, *tree}:
        assert tree.get(name) in (case.old.get(name), case.new.get(name)), f"{name} is not whole"
    if tree not in (case.old, case.new) or there.keys() - tree.keys() - {JOURNAL}:
        assert is_pending(project), "nothing says that this render was cut"
    if tree not in (case.old, case.new):
        return "mixed"
    return ("old" if tree == case.old else "new") + (", to be tidied" * (tree != there))


def late(draw: random.Random, moments: int) -> int:
    """Draw a moment, more often towards the end, where files take their places."""
    return moments - int(moments * draw.random() ** 2)


@drawn(always=6, soak=200)
def test_killed_render(
    number: int,
    steps: dict[str, Step],
    project: Path,
    record_property: Callable[[str, object], None],
) -> None:
    draw = random.Random(f"{SEED}/kill/{number}")
    case = steps[draw.choice(["first", "update"])]
    begin(case, project)
    if draw.random() < 0.8:
        killed = run("kill", late(draw, case.moments), project, "render")
        assert killed.code == -signal.SIGKILL
    else:  # in the middle of a write
        size = draw.randrange(case.largest)
        killed = run("cut", size, project, "render")
        assert killed.code == -signal.SIGXFSZ
    seen = judged(case, project)
    record_property("seen", seen)
    if draw.random() < 0.3:  # who mends is killed too
        killed = run("kill", draw.randint(1, case.moments // 2), project, "render")
        assert killed.code in (0, -signal.SIGKILL)
        seen = judged(case, project)

    pending = is_pending(project)
    done = not pending and seen.startswith("new")
    mending = draw.choice(["same sources", "old sources", "one environment"])
    if mending == "same sources":
        mended, expected = render(project), case.new
    elif mending == "old sources":
        use_sources(project, case.before)
        mended, expected = render(project), case.back
    else:
        mended, expected = render(project, "development"), case.new if done else case.one
    assert (INTERRUPTED in mended.stderr) == pending
    assert snapshot(project) == expected
    assert INTERRUPTED not in render(project).stderr


def settled(case: Step, project: Path, done: Done, *told: str) -> str:
    """Judge a render that may have failed: all or nothing, no trace, and nothing to mend."""
    assert snapshot(project) == (case.old if done.code else case.new)
    if done.code:
        assert done.code == 2
        assert any(each in done.stderr for each in told), done.stderr
        assert "hint: " in done.stderr
    return "refused" if done.code else "written"


@drawn(always=2, soak=50)
def test_render_file_size_limit(
    number: int,
    steps: dict[str, Step],
    project: Path,
    record_property: Callable[[str, object], None],
) -> None:
    draw = random.Random(f"{SEED}/fit/{number}")
    case = steps[draw.choice(["first", "update"])]
    begin(case, project)
    size = draw.randrange(case.largest)
    record_property(
        "seen",
        settled(case, project, run("limit", size, project, "render"), "File too large"),
    )
    render(project)
    assert snapshot(project) == case.new


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, mounted as root; elsewhere the limit above has to do."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "finbase-test", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a disk that is small enough to be filled")
    yield folder
    subprocess.run(["umount", folder], check=True)


@drawn(always=2, soak=50)
def test_render_full_disk(
    number: int,
    steps: dict[str, Step],
    disk: Path,
    record_property: Callable[[str, object], None],
) -> None:
    draw = random.Random(f"{SEED}/disk/{number}")
    case = steps[draw.choice(["first", "update"])]
    project, ballast = disk / "project", disk / "ballast"
    begin(case, project)
    page = os.statvfs(disk).f_bsize
    needed = sum(math.ceil(len(case.new.get(name, b"")) / page) for name in case.changed)
    free = draw.randrange(needed + 20) * page
    with ballast.open("wb") as file:
        file.write(bytes(os.statvfs(disk).f_bavail * page - free))
    done = run("kill", 0, project, "render")
    record_property("seen", settled(case, project, done, "No space left on device"))
    ballast.unlink()
    render(project)
    assert snapshot(project) == case.new


@drawn(always=2, soak=50)
def test_render_read_only_folder(
    number: int,
    steps: dict[str, Step],
    project: Path,
    record_property: Callable[[str, object], None],
) -> None:
    draw = random.Random(f"{SEED}/folder/{number}")
    case = steps[draw.choice(["first", "update"])]
    begin(case, project)
    names = (Path(name) for name in sorted(case.changed))
    places = [
        next(folder for folder in name.parents if (project / folder).is_dir()) for name in names
    ]
    folder = draw.choice([*dict.fromkeys(places), Path()])
    (project / folder).chmod(0o555)
    done = run("bound", 0, project, "render")
    (project / folder).chmod(0o755)
    assert settled(case, project, done, "Permission denied") == "refused"
    record_property("seen", "refused")
    again = render(project)
    assert INTERRUPTED not in again.stderr
    assert snapshot(project) == case.new


def test_render_read_only_disk(steps: dict[str, Step], disk: Path) -> None:
    case = steps["update"]
    begin(case, disk / "project")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    done = run("kill", 0, disk / "project", "render")
    assert settled(case, disk / "project", done, "Read-only file system") == "refused"
    assert "`finbase render --check` only reads" in done.stderr
    assert run("kill", 0, disk / "project", "render", "--check").code == 1


def state(child: subprocess.Popen[str]) -> str:
    stat = Path(f"/proc/{child.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0]


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL])
def test_render_waits_for_another(
    end: signal.Signals, steps: dict[str, Step], project: Path
) -> None:
    case = steps["update"]
    begin(case, project)
    own_by(project, "first")
    with start("stop", case.moments // 2, project, "render") as first:
        while (now := state(first)) != "T":
            assert now != "Z", "it ended before it could be stopped"
            time.sleep(0.01)
        assert is_pending(project)
        use_sources(project, case.sources)
        assert (
            "a render is running in this project"
            in run("kill", 0, project, "render", "--check").stderr
        )
        with start("kill", 0, project, "render") as second:
            assert second.stderr
            assert "another render is running in this project" in second.stderr.readline()
            first.send_signal(end)
            _, told = second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (-end if end == signal.SIGKILL else 0, 0)
    assert (INTERRUPTED in told) == (end == signal.SIGKILL)
    assert snapshot(project) == case.new


@drawn(always=1, soak=3)
def test_concurrent_renders(number: int, steps: dict[str, Step], project: Path) -> None:
    case = steps["update"]
    shutil.copytree(case.before, project)
    with contextlib.ExitStack() as stack:

        def begin_one() -> subprocess.Popen[str]:
            return stack.enter_context(start("kill", 0, project, "render"))

        children = [begin_one()]
        time.sleep(random.Random(f"{SEED}/once/{number}").uniform(0, 0.3))
        own_by(project, "somebody-else")
        children += [begin_one() for _ in range(3)]
        for child in children:
            _, stderr = child.communicate(timeout=60)
            assert child.returncode == 0, stderr
    assert run("kill", 0, project, "render", "--check").code == 0
    assert JOURNAL not in snapshot(project)
