"""Cached verdicts: returned while no input changes, and only from sound entries."""

from __future__ import annotations

import ast
import json
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from finbase.errors import ComplianceError, TerraformError
from finbase.judge import check as checking
from finbase.judge import compliance
from finbase.judge.cache import inputs as verdict_inputs
from finbase.judge.cache import store
from finbase.judge.cache.store import (
    CachedJudge,
    CacheUnavailableError,
    UnusableEntryError,
    VerdictCache,
)
from finbase.judge.catalogue import Failure
from finbase.judge.check import Judged
from finbase.judge.verdict import Scenario, Verdict
from finbase.report import junit, terminal, verdict_json
from finbase.report.html.findings import Subject
from finbase.system.processes import Finished, Processes
from finbase.terraform import workspace
from finbase.terraform.program import Terraform, find_terraform
from finbase.terraform.provider import Installation, Mirror
from tests.support.commands import FOLDERS, copy_folders, finbase
from tests.support.evidence import ROOT, picture, render
from tests.support.evidence import verdict as judged
from tests.support.plan_store import PlanStore

WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
HOST = "registry.terraform.io"
PLAN = b'{"configuration": {}}'
INPUTS = {"stack": "one", "finbase": "two"}
SCENARIO = Scenario(
    "f", "n", ("F01",), ("F01",), "high", ("PCI DSS 1.1",), "failed", "é\nx", "f:1", "s"
)
FAILURE = Failure("F01", "high", "t", "r", ())
SMALL = Judged(Verdict("production", (SCENARIO,), (FAILURE,)), b"{}")
TREE = {
    "environments/production/main.tf": """
        module "network" { source = "../../modules/network/1.0.0" }
        module "secret" { source = "../../modules/secret/1.0.1" }
    """,
    "environments/production.yaml": "",
    "environments/staging/main.tf": 'module "network" { source = "../../modules/network/1.0.0" }',
    "features/failures.yaml": "",
    "features/network.feature": "",
    "features/steps/checks/network.py": "import re\n",
    "modules/network/1.0.0/main.tf": "locals {}",
    "modules/secret/1.0.1/main.tf": "locals {}",
    "modules/secret/1.0.1/x.zip": "zip",
    "templates/modules/kms/contract.yaml": "",
    "templates/modules/kms/main.tf.j2": "",
}


class Machine:
    """A project on a machine where a plan takes no time and is counted."""

    def __init__(self, project: Path, tmp: Path) -> None:
        self.project = project
        self.tmp = tmp
        self.planned: list[str] = []
        self.notes: list[str] = []
        self.on_step: dict[str, Callable[[], object]] = {}
        self.on_plan: Callable[[], object] = lambda: None
        self.on_verdict: Callable[[], object] = lambda: None
        self.terraform = Terraform(tmp / "terraform", "Terraform", (1, 11, 4), "linux_amd64")
        self.mirror = Mirror(tmp / "mirror", HOST)
        self.build = self.mirror.package / "5.100.0" / "linux_amd64" / "provider"
        self.code = tmp / "code" / "finbase"
        self.judge = tmp / "packages" / "judge"
        for path in (self.terraform.path, self.build, self.code / "x.py", self.judge / "step.py"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("here")
        (tmp / "packages" / "judge-1.dist-info").mkdir()

    def check(
        self, *names: str, cache: bool = True, planned: Callable[[str, bytes], object] | None = None
    ) -> list[Verdict]:
        """Return the verdicts; ``planned`` holds what had to be planned for them."""
        self.planned.clear()
        self.notes.clear()
        opened = VerdictCache.open()
        verdicts = checking.check(
            self.project,
            names or ("production",),
            jobs=1,
            progress=self.progress,
            planned=planned or (lambda *_: None),
            through=(lambda judge: CachedJudge(judge, opened, self.notes.append, lambda: WHEN))
            if cache
            else None,
        )
        return list(verdicts)

    def progress(self, _: str, step: str) -> None:
        self.on_step.get(step, lambda: None)()

    def entries(self) -> list[Path]:
        """List the files of the cache."""
        return sorted((self.tmp / "cache" / "finbase" / "verdicts").iterdir())


@pytest.fixture
def machine(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    tmp = tmp_path_factory.mktemp("machine")
    made = Machine(tmp_path, tmp)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp / "cache"))
    for variable in ("CI", "FINBASE_CACHE", "TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp))
    monkeypatch.syspath_prepend(tmp / "packages")
    monkeypatch.setattr(verdict_inputs, "_JUDGES", ("judge",))
    code = made.code / "judge" / "cache" / "inputs.py"
    monkeypatch.setattr(verdict_inputs, "__file__", str(code))
    monkeypatch.setattr(checking, "find_terraform", lambda: made.terraform)
    monkeypatch.setattr(checking, "find_provider", lambda _: Installation((made.mirror,)))

    def initialise(_: object, tree: Any, **__: object) -> None:
        made.planned.append(tree.folder.name)
        made.on_plan()

    def judge(
        _: bytes,
        features: Path,
        folder: Path,
        environment: str,
        processes: object,
        rendered: bool,
    ) -> Verdict:
        assert processes
        assert rendered
        assert features.is_dir()
        assert folder.is_dir()
        made.on_verdict()
        return judged(environment)

    monkeypatch.setattr(workspace.Workspace, "_initialise", initialise)
    monkeypatch.setattr(workspace.Workspace, "_warm", lambda *_: PLAN)
    read = compliance.read_on_one_line
    monkeypatch.setattr(
        compliance,
        "read_on_one_line",
        lambda p: compliance.OneLinePlan(p, {}) if isinstance(p, bytes) else read(p),
    )
    monkeypatch.setattr(compliance, "_judge", judge)
    return made


@pytest.fixture
def whole(machine: Machine) -> Machine:
    """The machine with this very project, as the command line needs it."""
    machine.project = machine.tmp / "project"
    copy_folders(machine.project, *FOLDERS)
    return machine


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def replace_file(path: Path) -> None:
    """Replace it by another file of the same size and modification time."""
    status = path.stat()
    other = path.with_name("other")
    other.write_text("HERE")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def overwrite(path: Path) -> None:
    """Write other content of the same size, and set the modification time back."""
    status = path.stat()
    path.write_text("HERE")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def write(machine: Machine, text: str, name: str) -> Path:
    path = machine.project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")
    return path


# --- the inputs ----------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Machine, pytest.MonkeyPatch], object]] = {
    "the code of finbase": lambda m, _: append(m.code / "x.py"),
    "the data of finbase": lambda m, _: (m.code / "new.yaml").write_text("x"),
    "the version of Python": lambda _, p: p.setattr(sys, "version", "3.99"),
    "the path of Python": lambda _, p: p.setattr(sys, "executable", "/nowhere/python"),
    "the version of a package": lambda m, _: (m.tmp / "packages/judge-1.dist-info").rename(
        m.tmp / "packages/judge-2.dist-info"
    ),
    "the code of the judge": lambda m, _: append(m.judge / "step.py"),
    "a setting of Python": lambda _, p: p.setenv("PYTHONPATH", "/nowhere"),
    "a setting of Terraform": lambda _, p: p.setenv("TF_PLUGIN_CACHE_DIR", "/nowhere"),
    "the configuration of Terraform": lambda m, _: (m.tmp / ".terraformrc").write_text("# x"),
    "a configuration by TERRAFORM_CONFIG": lambda m, p: p.setenv(
        "TERRAFORM_CONFIG", str(write(m, "# x", "x.tfrc"))
    ),
    "Terraform": lambda m, _: replace_file(m.terraform.path),
    "Terraform, overwritten": lambda m, _: overwrite(m.terraform.path),
    "the version of Terraform": lambda m, _: setattr(
        m, "terraform", replace(m.terraform, version=(1, 12, 0))
    ),
    "the provider": lambda m, _: replace_file(m.build),
    "another build of the provider": lambda m, _: (m.build.parent / "more").write_text("x"),
    "another mirror": lambda m, _: setattr(m, "mirror", Mirror(m.tmp / "elsewhere", HOST)),
    "a provider in a default folder": lambda m, _: shutil.copytree(
        m.tmp / "mirror", m.tmp / ".terraform.d" / "plugins"
    ),
    "a template": lambda m, _: append(m.project / "templates/modules/kms/main.tf.j2"),
    "a contract": lambda m, _: append(m.project / "templates/modules/kms/contract.yaml"),
    "a feature": lambda m, _: append(m.project / "features/network.feature"),
    "the catalogue": lambda m, _: append(m.project / "features/failures.yaml"),
    "a step": lambda m, _: append(m.project / "features/steps/checks/network.py"),
    "a feature in a folder called steps": lambda m, _: write(
        m, "x", "features/network/steps/more.feature"
    ),
    "a file beside the steps": lambda m, _: (m.project / "features/steps/x").write_text("x"),
    "the stack": lambda m, _: append(m.project / "environments/production/main.tf"),
    "a new file in the stack": lambda m, _: (
        m.project / "environments/production/x.auto.tfvars"
    ).write_text(""),
    "a pinned module": lambda m, _: append(m.project / "modules/network/1.0.0/main.tf"),
    "an archive in a module": lambda m, _: append(m.project / "modules/secret/1.0.1/x.zip"),
    "a deleted file": lambda m, _: (m.project / "modules/secret/1.0.1/x.zip").unlink(),
    "a file of a module in __pycache__": lambda m, _: write(
        m, "x", "modules/network/1.0.0/__pycache__/x"
    ),
    "a new module on the path": lambda m, _: (m.tmp / "packages/new.py").write_text(""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_check_plans_again_if_an_input_changes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    first, again = machine.check(), machine.check()
    assert machine.planned == []
    assert again == [replace(first[0], cached_at=WHEN)]
    CHANGES[change](machine, monkeypatch)
    assert machine.check() == first
    assert machine.planned == ["production"]
    assert machine.notes == []


def test_check_uses_the_cache_if_other_files_change(machine: Machine) -> None:
    machine.check("production", "staging")
    assert machine.planned == ["production", "staging"]
    append(machine.project / "environments/staging/main.tf")
    append(machine.project / "environments/production.yaml")
    (machine.project / "environments/production/.terraform").mkdir()
    write(machine, "{}", "environments/production/terraform.tfstate")
    write(machine, "locals {}", "modules/network/9.9.9/main.tf")
    write(machine, "x", "features/steps/__pycache__/x.pyc")
    os.utime(machine.project / "environments/production/main.tf", (1, 1))
    machine.project = shutil.copytree(machine.project, machine.tmp / "elsewhere")
    assert [v.cached_at for v in machine.check("production", "staging")] == [WHEN, None]
    assert machine.planned == ["staging"]


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TERRAFORM_CONFIG", "# x"),
        ("TF_CLI_CONFIG_FILE", "# x"),
        ("TF_CLI_CONFIG_FILE", 'plugin_cache_dir = "$HOME/of/mine"'),
        ("TERRAFORM_CONFIG", 'plugin_cache_dir = "${HOME}/of/mine"'),
        ("TERRAFORM_CONFIG", '{"plugin_cache_dir": "$HOME/of/mine"}'),
        ("TF_CLI_CONFIG_FILE", 'provider_installation { filesystem_mirror { path = "$HERE" } }'),
    ],
)
def test_inputs_include_a_configuration_and_its_folders(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    config = machine.tmp / "named.tfrc"
    config.write_text(text)
    monkeypatch.setenv("HERE", str(machine.tmp / "of/mine"))
    monkeypatch.setenv(variable, str(config))
    machine.check()
    machine.check()
    assert (machine.planned, machine.notes) == ([], [])
    if "mine" in text or "HERE" in text:
        shutil.copytree(machine.tmp / "mirror", machine.tmp / "of/mine")
    else:
        config.write_text("# y")
    machine.check()
    assert machine.planned == ["production"]


@pytest.mark.parametrize(
    "text",
    [
        "provider_installation { dev_overrides {} }",
        "plugin_cache_dir = <<X\n/here\nX\n",
        'plugin_cache_dir = "here"',
        'plugin_cache_dir = "/here/$$"',
        '/*\n#*/ plugin_cache_dir = /**/ "/here"',
        '{"plugin_cache_d\\u0069r": "/here"}',
    ],
)
def test_check_caches_nothing_if_provider_folders_are_unknown(machine: Machine, text: str) -> None:
    (machine.tmp / ".terraformrc").write_text(text)
    machine.check()
    assert machine.entries() == []


# --- changes during a run ------------------------------------------------------------------

EDITED = {
    "a module": ("plan", "modules/network/1.0.0/main.tf"),
    "a step": ("features", "features/steps/checks/network.py"),
    "a feature": ("features", "features/network.feature"),
}


@pytest.mark.parametrize("case", EDITED)
@pytest.mark.parametrize("undone", [True, False])
def test_check_ignores_file_changed_before_copy(machine: Machine, case: str, undone: bool) -> None:
    step, name = EDITED[case]
    path = machine.project / name
    before = path.read_bytes()
    machine.on_step[step] = lambda: append(path)
    if undone:
        machine.on_plan = machine.on_verdict = lambda: path.write_bytes(before)
    machine.check()
    assert path.read_bytes() == (before if undone else before + b"\n")
    assert machine.entries() == []


@pytest.mark.parametrize("case", EDITED)
def test_check_caches_the_copies_if_a_file_changes_later(machine: Machine, case: str) -> None:
    path = machine.project / EDITED[case][1]
    before = path.read_bytes()
    machine.on_verdict = lambda: append(path)
    machine.check()
    machine.on_verdict = lambda: None
    machine.check()
    assert machine.planned == ["production"]
    path.write_bytes(before)
    machine.check()
    assert machine.planned == []


def test_check_caches_nothing_if_the_configuration_changes(machine: Machine) -> None:
    config = machine.tmp / ".terraformrc"
    config.write_text("# x")
    os.utime(config, (1, 1))
    machine.on_step["plan"] = lambda: config.write_text("# y")
    machine.on_plan = lambda: config.write_text("# x")
    machine.check()
    assert machine.entries() == []


@pytest.mark.parametrize(
    "name", ["features/x.md", "features/steps/x.py", "modules/network/1.0.0/x"]
)
def test_check_refuses_a_pipe_without_waiting(machine: Machine, name: str) -> None:
    os.mkfifo(machine.project / name)
    with pytest.raises((ComplianceError, TerraformError), match=name.rpartition("/")[2]) as raised:
        machine.check()
    assert "neither a file nor a folder" in str(raised.value) or "named pipe" in str(raised.value)


# --- the plan, and runs without a cache ----------------------------------------------------


def test_check_passes_the_plan_on_with_a_cached_verdict(machine: Machine) -> None:
    seen: list[tuple[str, bytes]] = []
    for planned in (["production"], []):
        machine.check(planned=lambda name, plan: seen.append((name, plan)))
        assert machine.planned == planned
    assert seen == [("production", PLAN)] * 2


def test_check_without_a_cache_neither_loads_nor_stores(machine: Machine) -> None:
    machine.check()
    before = machine.entries()
    assert machine.check("production", "staging", cache=False)[0].cached_at is None
    assert machine.planned == ["production", "staging"]
    assert machine.entries() == before


# --- entries -------------------------------------------------------------------------------


@pytest.fixture
def small(machine: Machine) -> tuple[VerdictCache, Path]:
    """A cache that holds one short entry, and its file."""
    cache = VerdictCache.open()
    cache.store(INPUTS, SMALL, WHEN)
    [path] = machine.entries()
    return cache, path


def assert_unusable(cache: VerdictCache, message: str) -> None:
    with pytest.raises(UnusableEntryError, match=message):
        cache.load(INPUTS)


def test_load_returns_what_was_stored(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    assert cache.load(INPUTS) == Judged(replace(SMALL.verdict, cached_at=WHEN), b"{}")
    assert cache.load({"stack": "two"}) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_load_refuses_an_entry_with_any_changed_byte(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    content = path.read_bytes()
    for index in range(len(content)):
        path.write_bytes(content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :])
        assert_unusable(cache, "damaged")


def test_load_refuses_a_truncated_entry(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert_unusable(cache, "damaged")


def test_load_refuses_the_entry_of_other_inputs(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    shutil.copy(path, path.with_name(store._name({"stack": "two"})))
    with pytest.raises(UnusableEntryError, match="damaged"):
        cache.load({"stack": "two"})


def test_check_replaces_a_damaged_entry(machine: Machine) -> None:
    [first] = machine.check()
    [path] = machine.entries()
    path.write_bytes(path.read_bytes()[:-1])
    assert machine.check() == [first]
    assert machine.planned == ["production"]
    assert machine.notes == ["production: ignoring a damaged cache entry; checking again"]
    machine.check()
    assert (machine.planned, machine.notes) == ([], [])


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_load_refuses_an_entry_that_others_can_write(
    small: tuple[VerdictCache, Path], mode: int
) -> None:
    small[1].chmod(mode)
    assert_unusable(small[0], "cache entry: ")


def test_load_refuses_links_pipes_and_folders(
    small: tuple[VerdictCache, Path], tmp_path: Path
) -> None:
    cache, path = small
    path.rename(tmp_path / "entry")
    path.symlink_to(tmp_path / "entry")
    assert_unusable(cache, "cache entry: ")
    path.unlink()
    os.mkfifo(path)
    assert_unusable(cache, "cache entry: ")
    path.unlink()
    path.mkdir()
    assert_unusable(cache, "cache entry: ")
    cache.store(INPUTS, SMALL, WHEN)  # It cannot replace a folder, and raises nothing.


@pytest.mark.parametrize("folder", ["cache/finbase", "cache/finbase/verdicts"])
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_open_refuses_a_folder_that_others_can_write(
    machine: Machine, folder: str, mode: int
) -> None:
    machine.check()
    (machine.tmp / folder).chmod(mode)
    with pytest.raises(CacheUnavailableError, match="other users can write"):
        VerdictCache.open()


def test_open_refuses_the_folder_of_another_user(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.check()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(CacheUnavailableError):
        VerdictCache.open()


def test_load_never_sees_a_half_written_entry(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    done = threading.Event()
    loaded: list[bool] = []

    def read() -> None:
        while not done.is_set():
            loaded.append(cache.load(INPUTS) is not None)

    def store_often() -> None:
        for _ in range(40):
            cache.store(INPUTS, SMALL, WHEN)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=store_often) for _ in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert loaded
    assert all(loaded)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_prune_removes_the_least_recently_used(machine: Machine) -> None:
    cache = VerdictCache.open()
    for number in range(6):
        cache.store({"stack": str(number)}, SMALL, WHEN)
        [new] = [path for path in machine.entries() if path.stat().st_mtime > 1000]
        os.utime(new, (number, number))
    assert cache.load({"stack": "1"})  # Now it is the most recently used.
    size = machine.entries()[0].stat().st_size

    def left() -> list[int]:
        names = {path.name for path in machine.entries()}
        return [n for n in range(6) if store._name({"stack": str(n)}) in names]

    cache.prune()
    assert left() == [0, 1, 2, 3, 4, 5]
    cache.prune(most=4)
    assert left() == [1, 3, 4, 5]
    cache.prune(most_bytes=2 * size + size // 2)
    assert left() == [1, 5]


def test_store_prunes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned: list[VerdictCache] = []
    monkeypatch.setattr(VerdictCache, "prune", lambda cache: pruned.append(cache))
    machine.check()
    assert len(pruned) == 1


def test_check_goes_on_if_the_cache_is_read_only(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.check("production")
    real = os.utime

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    def refuse_in_cache(path: str | Path, *more: Any, **options: Any) -> None:
        if Path(path).is_relative_to(machine.tmp):
            refuse()
        real(path, *more, **options)

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    monkeypatch.setattr(os, "utime", refuse_in_cache)
    assert [v.cached_at for v in machine.check("production", "staging")] == [WHEN, None]
    assert machine.planned == ["staging"]


# --- the command ---------------------------------------------------------------------------


def test_check_command_notes_an_unavailable_cache(
    whole: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole.tmp / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(whole.tmp / "file" / "cache"))
    done = finbase(whole.project, "check", "production")
    assert done.exit_code == 0, done.output
    reason = f"{whole.tmp}/file/cache: Not a directory"
    assert f"note: verdicts are not cached: {reason}" in done.output


def test_check_command_reports_a_cached_verdict(whole: Machine) -> None:
    report = whole.tmp / "verdict.json"

    def run(*more: str) -> tuple[str, Any]:
        whole.planned.clear()
        done = finbase(whole.project, "check", "production", "--json", str(report), *more)
        assert done.exit_code == 0, done.output
        [environment] = json.loads(report.read_text())["environments"]
        return done.output, environment["from_cache"]

    assert "cached verdict" not in run()[0]
    text, when = run()
    assert datetime.fromisoformat(when).tzinfo == UTC
    assert "cached verdict from " in text
    assert whole.planned == []
    text, when = run("--no-cache")
    assert (when, whole.planned) == (None, ["production"])
    assert "cached verdict" not in text


@pytest.mark.parametrize(
    ("settings", "arguments", "used"),
    [
        ({}, (), True),
        ({"CI": "true"}, (), False),
        ({"CI": "true"}, ("--cache",), True),
        ({"FINBASE_CACHE": "0"}, (), False),
        ({"FINBASE_CACHE": "0"}, ("--cache",), True),
    ],
)
def test_check_command_uses_no_cache_in_ci(
    whole: Machine,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    arguments: tuple[str, ...],
    used: bool,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        whole.planned.clear()
        done = finbase(whole.project, "check", "production", *arguments)
        assert done.exit_code == 0, done.output
    assert whole.planned == ([] if used else ["production"])


def test_reports_show_the_time_of_a_cached_verdict() -> None:
    verdict = replace(judged("production"), cached_at=WHEN)
    lines = terminal.text(verdict, colour=False, width=120).splitlines()
    assert "cached verdict from 2024-05-06 07:08 UTC; use --no-cache to run again" in lines
    assert verdict_json.document([verdict])["environments"][0]["from_cache"] == WHEN.isoformat()
    assert b'name="production" timestamp="2024-05-06T07:08:09+00:00"' in junit.render([verdict])
    subject = Subject(verdict, picture())
    text = render(subject)
    assert "from the cache of 2024-05-06 07:08:09 UTC" in text
    assert text.count('<time datetime="2024-05-06T07:08:09+00:00">') == 2


def test_cache_is_used_by_check_and_graph_alone() -> None:
    """``apply`` and everything that judges a plan for it must not use the cache.

    Its inputs are hashes, which others take as well.
    """
    users = set()
    for path in sorted((ROOT / "generator" / "finbase").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if name.startswith("finbase.judge.cache") and name != "finbase.judge.cache.inputs":
                users.add(path.relative_to(ROOT / "generator" / "finbase").as_posix())
    assert users == {"commands/_judging.py", "commands/graph.py"}


def test_check_command_always_judges_a_supplied_plan(
    whole: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("the cache was opened")

    plans: list[object] = []

    def run(plan: object, *_: object, environment: str, **__: object) -> Verdict:
        plans.append(plan)
        return judged(environment)

    monkeypatch.setattr(VerdictCache, "open", refuse)
    monkeypatch.setattr(compliance, "run", run)
    plan = ROOT / "tests" / "fixtures" / "compliance" / "plan.json"
    for _ in range(2):
        assert finbase(whole.project, "check", "--plan", str(plan)).exit_code == 0
    assert plans == [compliance.read_on_one_line(plan)] * 2


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_check_and_graph_start_no_terraform_for_a_cached_verdict(
    project: Path,
    workspace: PlanStore,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tmp = tmp_path_factory.mktemp("terraform")
    monkeypatch.setattr("finbase.terraform.workspace.Workspace", lambda *_: nullcontext(workspace))
    program, started = find_terraform().path, list[str]()
    real = Processes.run

    def run_and_record(self: Processes, command: Sequence[str | Path], **more: Any) -> Finished:
        if command[0] == program:
            started.append(str(command[1]))
        return real(self, command, **more)

    monkeypatch.setattr(Processes, "run", run_and_record)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp / "cache"))
    monkeypatch.delenv("FINBASE_CACHE", raising=False)
    report = tmp / "verdict.json"

    def run() -> tuple[list[str], Any]:
        started.clear()
        with workspace.off():
            done = finbase(project, "check", "development", "--cache", "--json", str(report))
        assert done.exit_code == 0, done.output
        return list(started), json.loads(report.read_text())["environments"][0]

    commands, first = run()
    assert commands[-2:] == ["plan", "show"]
    commands, second = run()
    assert commands == ["version"]
    assert second.pop("from_cache") is not None
    assert first.pop("from_cache") is None
    assert second == first

    def draw(*options: str) -> tuple[list[str], str]:
        started.clear()
        with workspace.off():
            done = finbase(project, "graph", "development", "--of", "network", *options)
        assert done.exit_code == 0, done.output
        return list(started), done.output

    commands, picture_of_check = draw("--cache")
    assert commands == ["version"]
    commands, picture_of_plan = draw("--no-cache")
    assert commands == ["version", "plan", "show"]
    assert picture_of_check == picture_of_plan
