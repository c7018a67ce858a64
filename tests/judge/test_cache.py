"""Remembered verdicts: known where nothing changed, and believed only where they are sound."""

from __future__ import annotations

import ast
import copy
import hashlib
import hmac
import json
import os
import shutil
import stat
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from finbase.errors import ComplianceError, TerraformError
from finbase.judge import check as checking
from finbase.judge import compliance
from finbase.judge.cache import deciders as fingerprint
from finbase.judge.cache import store as verdict_cache
from finbase.judge.cache.store import VerdictCache
from finbase.judge.catalogue import Failure
from finbase.judge.verdict import Scenario, Verdict
from finbase.report import html, junit, terminal, verdict_json
from finbase.system.processes import Finished, Processes
from finbase.terraform import workspace
from finbase.terraform.program import Terraform, find_terraform
from finbase.terraform.provider import Installation, Mirror
from tests.support.commands import finbase
from tests.support.evidence import ROOT, picture
from tests.support.evidence import verdict as judged

WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
HOST = "registry.terraform.io"
AWS = {"full_name": f"{HOST}/hashicorp/aws", "version_constraint": "5.100.0"}
BUILT_IN = {"full_name": "terraform.io/builtin/terraform", "module_address": "module.secret"}
PLAN = {"configuration": {"provider_config": {"aws": AWS, "module.secret:terraform": BUILT_IN}}}
DECIDERS = {"stack": "one", "finbase": "two"}
SMALL = Verdict(
    "production",
    (
        Scenario(
            "f", "n", ("F01",), ("F01",), "high", ("PCI DSS 1.1",), "failed", "é\nx", "f:1", "s"
        ),
    ),
    (Failure("F01", "high", "t", "r", ("1.1",), ()),),
)


class Machine:
    """A project on a machine where a plan is at once there, and counted."""

    def __init__(self, project: Path, tmp: Path) -> None:
        self.project = project
        self.tmp = tmp
        self.plan: dict[str, Any] = copy.deepcopy(PLAN)
        self.planned: list[str] = []
        self.notes: list[str] = []
        self.on_step: dict[str, Callable[[], object]] = {}
        self.on_plan: Callable[[], object] = lambda: None
        self.on_verdict: Callable[[], object] = lambda: None
        self.terraform = Terraform(tmp / "terraform", "Terraform", (1, 11, 4), "linux_amd64")
        self.mirror = Mirror(tmp / "mirror", HOST)
        self.build = self.mirror.package / "5.100.0" / "linux_amd64" / "provider"
        self.build.parent.mkdir(parents=True)
        self.code = tmp / "code" / "finbase"
        self.judge = tmp / "packages" / "judge"
        for path in (self.terraform.path, self.build, self.code / "x.py", self.judge / "step.py"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("here")
        (tmp / "packages" / "judge-1.dist-info").mkdir()

    def check(self, *names: str, cache: bool = True) -> list[Verdict]:
        """The verdicts; what had to be planned is in ``planned``."""
        self.planned.clear()
        self.notes.clear()
        known = VerdictCache.open() if cache else None
        assert not isinstance(known, str), known
        found = checking.check(
            self.project,
            names or ("production",),
            jobs=1,
            progress=self.progress,
            cache=known,
            note=self.notes.append,
            now=lambda: WHEN,
        )
        return list(found)

    def progress(self, _: str, step: str) -> None:
        self.on_step.get(step, lambda: None)()


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
    "modules/secret/1.0.1/main.tf": """
        locals { hash = filesha256("${path.module}/x.zip") }
        locals { there = fileexists("${path.module}/${var.region}.pem") }
    """,
    "modules/secret/1.0.1/x.zip": "zip",
    "templates/modules/kms/contract.yaml": "",
    "templates/modules/kms/main.tf.j2": "",
}


@pytest.fixture(autouse=True)
def no_steps_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests import steps themselves; to finbase, its own path would seem to hide them."""
    monkeypatch.setattr(sys, "path", [each for each in sys.path if Path(each).name != "steps"])


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def machine(
    small_project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    tmp = tmp_path_factory.mktemp("machine")
    made = Machine(small_project, tmp)
    for variable, folder in (("XDG_CACHE_HOME", "cache"), ("XDG_STATE_HOME", "state")):
        monkeypatch.setenv(variable, str(tmp / folder))
    for variable in ("CI", "FINBASE_CACHE", "TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp))
    monkeypatch.syspath_prepend(tmp / "packages")
    monkeypatch.setattr(fingerprint, "_JUDGES", ("judge",))
    monkeypatch.setattr(fingerprint, "__file__", str(made.code / "judge" / "cache" / "deciders.py"))
    monkeypatch.setattr(checking, "find_terraform", lambda: made.terraform)
    monkeypatch.setattr(checking, "find_provider", lambda _: Installation((made.mirror,)))

    def initialise(_: object, tree: Any) -> Path:
        made.planned.append(tree.folder.name)
        made.on_plan()
        return Path()

    def run(_: object, __: object, ___: object, command: str, *____: str) -> bytes:
        return json.dumps(made.plan).encode() if command == "show" else b""

    def judge(_: bytes, features: Path, environment: str, processes: object) -> Verdict:
        assert processes
        assert features.is_dir()
        made.on_verdict()
        return judged(environment)

    monkeypatch.setattr(workspace.Workspace, "_initialise", initialise)
    monkeypatch.setattr(workspace.Workspace, "_run", run)
    read = compliance.read_on_one_line
    monkeypatch.setattr(
        compliance, "read_on_one_line", lambda p: p if isinstance(p, bytes) else read(p)
    )
    monkeypatch.setattr(compliance, "_judge", judge)
    return made


@pytest.fixture
def whole(machine: Machine) -> Machine:
    """The machine with this very project, as the command line needs it."""
    machine.project = machine.tmp / "project"
    for folder in ("templates", "environments", "modules", "features"):
        shutil.copytree(ROOT / folder, machine.project / folder)
    return machine


def entries(machine: Machine) -> list[Path]:
    return sorted((machine.tmp / "cache" / "finbase" / "verdicts").iterdir())


def appended(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def replaced(path: Path) -> None:
    """Put another file there, of the same size and with the same modification time."""
    status = path.stat()
    other = path.with_name("other")
    other.write_text("HERE")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def overwritten(path: Path) -> None:
    """Give the file other content, and make it look as if it had always been so."""
    status = path.stat()
    path.write_text("HERE")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: dict[str, Callable[[Machine, pytest.MonkeyPatch], object]] = {
    "the code of finbase": lambda m, _: appended(m.code / "x.py"),
    "the data of finbase": lambda m, _: (m.code / "new.yaml").write_text("x"),
    "the Python": lambda _, p: p.setattr(sys, "version", "3.99"),
    "another Python": lambda _, p: p.setattr(sys, "executable", "/nowhere/python"),
    "the version of a package": lambda m, _: (m.tmp / "packages/judge-1.dist-info").rename(
        m.tmp / "packages/judge-2.dist-info"
    ),
    "the code of the judge": lambda m, _: appended(m.judge / "step.py"),
    "a setting of Python": lambda _, p: p.setenv("PYTHONOPTIMIZE", "2"),
    "a setting of Terraform": lambda _, p: p.setenv("TF_PLUGIN_CACHE_DIR", "/nowhere"),
    "the configuration of Terraform": lambda m, _: (m.tmp / ".terraformrc").write_text("# x"),
    "a configuration under the older name": lambda m, p: p.setenv(
        "TERRAFORM_CONFIG", str(step(m, "# x", "x.tfrc"))
    ),
    "Terraform": lambda m, _: replaced(m.terraform.path),
    "Terraform, in its place": lambda m, _: overwritten(m.terraform.path),
    "the version of Terraform": lambda m, _: setattr(
        m, "terraform", replace(m.terraform, version=(1, 12, 0))
    ),
    "the provider": lambda m, _: replaced(m.build),
    "a further build of the provider": lambda m, _: (m.build.parent / "more").write_text("x"),
    "another mirror": lambda m, _: setattr(m, "mirror", Mirror(m.tmp / "elsewhere", HOST)),
    "a provider in a folder of Terraform's own": lambda m, _: shutil.copytree(
        m.tmp / "mirror", m.tmp / ".terraform.d" / "plugins"
    ),
    "a template": lambda m, _: appended(m.project / "templates/modules/kms/main.tf.j2"),
    "a contract": lambda m, _: appended(m.project / "templates/modules/kms/contract.yaml"),
    "a feature": lambda m, _: appended(m.project / "features/network.feature"),
    "the catalogue": lambda m, _: appended(m.project / "features/failures.yaml"),
    "a step": lambda m, _: appended(m.project / "features/steps/checks/network.py"),
    "a feature in a folder called steps": lambda m, _: step(
        m, "x", "features/network/steps/more.feature"
    ),
    "a file beside the steps": lambda m, _: (m.project / "features/steps/x").write_text("x"),
    "the stack": lambda m, _: appended(m.project / "environments/production/main.tf"),
    "a file more in the stack": lambda m, _: (
        m.project / "environments/production/x.auto.tfvars"
    ).write_text(""),
    "a module that it pins": lambda m, _: appended(m.project / "modules/network/1.0.0/main.tf"),
    "a file that a module ships": lambda m, _: appended(m.project / "modules/secret/1.0.1/x.zip"),
    "a file less in a module": lambda m, _: (m.project / "modules/secret/1.0.1/x.zip").unlink(),
    "a file of a module in a folder of Python's": lambda m, _: step(
        m, "x", "modules/network/1.0.0/__pycache__/x"
    ),
    "a module that may hide a step's own": lambda m, _: (m.tmp / "packages/new.py").write_text(""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_a_verdict_makes_it_be_reached_anew(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    first, again = machine.check(), machine.check()
    assert machine.planned == []
    assert again == [replace(first[0], remembered=WHEN)]
    CHANGES[change](machine, monkeypatch)
    assert machine.check() == first
    assert machine.planned == ["production"]
    assert machine.notes == []


def test_what_does_not_decide_a_verdict_does_not_cost_it(machine: Machine) -> None:
    machine.check("production", "staging")
    assert machine.planned == ["production", "staging"]
    appended(machine.project / "environments/staging/main.tf")
    appended(machine.project / "environments/production.yaml")
    (machine.project / "environments/production/.terraform").mkdir()
    (machine.project / "environments/production/terraform.tfstate").write_text("{}")
    (machine.project / "modules/network/9.9.9").mkdir()
    (machine.project / "modules/network/9.9.9/main.tf").write_text("locals {}")
    (machine.project / "features/steps/__pycache__").mkdir(exist_ok=True)
    (machine.project / "features/steps/__pycache__/x.pyc").write_text("x")
    os.utime(machine.project / "environments/production/main.tf", (1, 1))
    elsewhere = machine.tmp / "elsewhere"
    machine.project = shutil.copytree(machine.project, elsewhere)
    assert [v.remembered for v in machine.check("production", "staging")] == [WHEN, None]
    assert machine.planned == ["staging"]


def test_a_plan_comes_with_its_verdict(machine: Machine) -> None:
    seen: list[tuple[str, bytes]] = []
    for _ in range(2):
        cache = VerdictCache.open()
        assert isinstance(cache, VerdictCache)
        list(
            checking.check(
                machine.project,
                ["production"],
                jobs=1,
                progress=lambda *_: None,
                planned=lambda name, plan: seen.append((name, plan)),
                cache=cache,
            )
        )
    assert machine.planned == ["production"]
    assert seen == [("production", json.dumps(PLAN).encode())] * 2


def test_without_a_cache_nothing_is_kept_and_nothing_believed(machine: Machine) -> None:
    machine.check()
    before = entries(machine)
    assert machine.check("production", "staging", cache=False)[0].remembered is None
    assert machine.planned == ["production", "staging"]
    assert entries(machine) == before


CHANGED = {
    "a module": ("plan", "modules/network/1.0.0/main.tf"),
    "a step": ("features", "features/steps/checks/network.py"),
    "a feature": ("features", "features/network.feature"),
}


@pytest.mark.parametrize("case", CHANGED)
@pytest.mark.parametrize("back", [True, False])
def test_a_change_on_the_way_to_a_verdict_leaves_nothing_even_if_it_is_undone(
    machine: Machine, case: str, back: bool
) -> None:
    step, name = CHANGED[case]
    path = machine.project / name
    before = path.read_bytes()
    machine.on_step[step] = lambda: appended(path)
    if back:
        machine.on_plan = machine.on_verdict = lambda: path.write_bytes(before)
    machine.check()
    assert path.read_bytes() == (before if back else before + b"\n")
    assert entries(machine) == []


@pytest.mark.parametrize("case", CHANGED)
def test_a_change_once_the_copies_are_made_is_of_the_next_verdict(
    machine: Machine, case: str
) -> None:
    path = machine.project / CHANGED[case][1]
    before = path.read_bytes()
    machine.on_verdict = lambda: appended(path)
    machine.check()
    machine.on_verdict = lambda: None
    machine.check()
    assert machine.planned == ["production"]
    path.write_bytes(before)
    machine.check()
    assert machine.planned == []


def test_what_is_looked_at_for_clocks_and_files_is_what_was_planned(machine: Machine) -> None:
    path = machine.project / "modules/network/1.0.0/main.tf"
    path.write_text("locals { t = plantimestamp() }")
    machine.on_plan = lambda: path.write_text("locals {}")
    machine.on_verdict = lambda: path.write_text("locals { t = plantimestamp() }")
    machine.check()
    assert entries(machine) == []


def test_a_configuration_that_was_another_during_a_plan_leaves_nothing(machine: Machine) -> None:
    config = machine.tmp / ".terraformrc"
    config.write_text("# x")
    os.utime(config, (1, 1))
    machine.on_step["plan"] = lambda: config.write_text("# y")
    machine.on_plan = lambda: config.write_text("# x")
    machine.check()
    assert entries(machine) == []


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
def test_a_configuration_that_is_named_decides_with_what_it_names(
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
    "name", ["features/x.md", "features/steps/x.py", "modules/network/1.0.0/x"]
)
def test_a_pipe_in_the_project_is_refused_and_waited_for_by_nothing(
    machine: Machine, name: str
) -> None:
    os.mkfifo(machine.project / name)
    with pytest.raises((ComplianceError, TerraformError), match=name.rpartition("/")[2]) as raised:
        machine.check()
    assert "neither a file nor a folder" in str(raised.value) or "named pipe" in str(raised.value)


REMOTE_STATE: dict[str, Any] = {
    "resources": [
        {"type": "aws_eip", "address": "aws_eip.x"},
        {"type": "terraform_remote_state", "address": "data.terraform_remote_state.x"},
    ]
}


def step(machine: Machine, text: str, name: str = "features/steps/x.py") -> Path:
    path = machine.project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")
    return path


def linked(machine: Machine, name: str, target: Path) -> Path:
    path = machine.project / name
    path.symlink_to(target)
    return path


def stepping(text: str) -> Callable[[Machine], object]:
    return lambda machine: step(machine, text)


UNREPEATABLE: dict[str, tuple[str, Callable[[Machine], object]]] = {
    "blank": ("file of a file", lambda m: hcl(m, 'locals { t = file ("/etc/hostname") }')),
    "comment": (
        "file of a file",
        lambda m: hcl(m, 'locals { t = file /* x\n */ /**/\t("/etc/hostname") }'),
    ),
    "lines": (
        "filesha256 of a file",
        lambda m: hcl(m, 'locals { t = [filesha256 # x (\n // y\n ("/etc/hostname")] }'),
    ),
    "argument": (
        "filebase64 of a file",
        lambda m: hcl(m, 'locals { t = filebase64( /* "${path.module}/a" */ "/etc/hostname") }'),
    ),
    "escape": (
        "file of a file",
        lambda m: hcl(m, '{"locals": {"t": "${f\\u0069le(var.path)}"}}', "more.tf.json"),
    ),
    "folder": ("path.cwd", lambda m: hcl(m, "locals { t = path . cwd }")),
    "gap": ("plantimestamp", lambda m: hcl(m, "locals { t = plantimestamp /**/ () }")),
    "clock": ("plantimestamp", lambda m: hcl(m, "locals { t = plantimestamp() }")),
    "file": ("file of a file", lambda m: hcl(m, 'locals { t = file("/etc/hostname") }')),
    "home": ("file of a file", lambda m: hcl(m, "locals { t = file(var.path) }")),
    "out": ("fileset of a", lambda m: hcl(m, 'locals { t = fileset("${path.module}/..", "*") }')),
    "text": (
        "templatefile of a",
        lambda m: hcl(m, 'locals { t = templatefile("${path.module}/a.txt", {}) }'),
    ),
    "state": (
        "data.terraform_remote_state.x is the state of another stack",
        lambda m: m.plan["configuration"].update(
            root_module={"module_calls": {"here": {"source": "../x", "module": REMOTE_STATE}}}
        ),
    ),
    "loose": ("hashicorp/aws is not", lambda m: provider(m, AWS["full_name"], ">= 5.0")),
    "other": ("hashicorp/http is not", lambda m: provider(m, f"{HOST}/hashicorp/http", "1.0.0")),
    "module": (
        "the module example.com/vpc is not one of the project's own",
        lambda m: m.plan["configuration"].update(
            root_module={
                "module_calls": {
                    "here": {
                        "source": "../x",
                        "module": {"module_calls": {"there": {"source": "example.com/vpc"}}},
                    }
                }
            }
        ),
    ),
    "development": (
        "in development",
        lambda m: (m.tmp / ".terraformrc").write_text("provider_installation { dev_overrides {} }"),
    ),
    **{
        text: (reason, stepping(text))
        for text, reason in {
            "import os": "steps/x.py imports os",
            "import json, os": "imports os",
            "from os import path": "imports os",
            "import os.path as p": "imports os.path",
            "if 1: import time": "imports time",
            "from . import time": "imports ",
            "import numpy": "imports numpy",
            "x = open('/etc/hostname').read()": "uses open",
            "f = open": "uses open",
            "__import__('os')": "uses __import__",
            "from pathlib import os": "uses os",
            "import pathlib; pathlib.os.getcwd()": "uses os",
            "import sys; sys.modules['os']": "uses modules",
            "from sys import modules as m": "uses modules",
            "from pathlib import Path; Path('/etc/hostname').read_text()": "uses read_text",
            "from pathlib import Path; Path('/etc/hostname').read_bytes()": "uses read_bytes",
            "from pathlib import Path; Path('/x').exists()": "uses exists",
            "exec('import os')": "uses exec",
            "getattr(json, 'x')": "uses getattr",
            "x = (": "cannot be read",
            "x = '\0'": "cannot be read",
        }.items()
    },
    "namesake": (
        "x.py imports os",
        lambda m: [step(m, "", "features/steps/os.py"), step(m, "import os")],
    ),
    "installed": (
        "x.py imports yaml",
        lambda m: [step(m, "", "features/steps/yaml.py"), step(m, "import yaml")],
    ),
    "broken": (
        "more.tf.json has JSON that cannot be read",
        lambda m: hcl(m, "{", "more.tf.json"),
    ),
    "below": (
        "features/network/more/x.py imports os",
        lambda m: step(m, "import os", "features/network/more/x.py"),
    ),
    "linked steps": (
        "features/steps/x.py imports os",
        lambda m: [
            step(m, "import os"),
            (m.project / "features/steps").rename(m.tmp / "steps"),
            linked(m, "features/steps", m.tmp / "steps"),
        ],
    ),
    "linked templates": (
        "modules/network/1.0.0/shared/x.tftpl has plantimestamp",
        lambda m: [
            step(m, "${plantimestamp()}", "shared/x.tftpl"),
            linked(m, "modules/network/1.0.0/shared", m.project / "shared"),
        ],
    ),
    "choice": (
        "file of a file",
        lambda m: hcl(m, 'locals { t = file("${path.module}/x" == "" ? "" : "/etc/hostname") }'),
    ),
    "pattern": (
        "fileset of a file",
        lambda m: hcl(m, 'locals { t = fileset("${path.module}/x", "../../../*") }'),
    ),
    "tofu": (
        "more.tofu has plantimestamp",
        lambda m: hcl(m, "locals { t = plantimestamp() }", "more.tofu"),
    ),
    "tofu in JSON": (
        "more.tofu.json has plantimestamp",
        lambda m: hcl(m, '{"locals": {"t": "${plantimestamp()}"}}', "more.tofu.json"),
    ),
    "compiled": (
        "features/steps/x.abi3.so cannot be read",
        lambda m: step(m, "", "features/steps/x.abi3.so"),
    ),
    "hidden": (
        "x.py imports kinds",
        lambda m: [
            step(m, "", "features/steps/kinds.py"),
            step(m, "import kinds"),
            (m.tmp / "packages/kinds.py").write_text(""),
        ],
    ),
    "hidden Python": (
        "network_steps.py imports re",
        lambda m: (m.tmp / "packages/re.py").write_text(""),
    ),
    "script": (
        "terraform is a script, which may start any Terraform",
        lambda m: m.terraform.path.write_text("#!/bin/sh\n"),
    ),
    **{
        text: (
            "Terraform's configuration does not say plainly in which folders it keeps providers",
            lambda m, text=text: (m.tmp / ".terraformrc").write_text(text),  # type: ignore[misc]
        )
        for text in (
            "plugin_cache_dir = <<X\n/here\nX\n",
            'plugin_cache_dir = "here"',
            'plugin_cache_dir = "/here/$$"',
            'plugin_cache_dir = /**/ "/here"',
            '/*\n#*/ plugin_cache_dir = /**/ "/here"',
            '{"plugin_cache_d\\u0069r": "/here"}',
            'provider_installation { filesystem_mirror { path = "./here" } }',
        )
    },
}


def hcl(machine: Machine, text: str, name: str = "more.tf") -> None:
    (machine.project / "modules/network/1.0.0" / name).write_text(text)


def provider(machine: Machine, name: str, version: str) -> None:
    used = {"other": {"full_name": name, "version_constraint": version}}
    kept = {} if name == AWS["full_name"] else {"aws": AWS}
    machine.plan = {"configuration": {"provider_config": kept | used}}


@pytest.mark.parametrize("case", UNREPEATABLE)
def test_a_verdict_that_something_unseen_decides_is_not_kept(machine: Machine, case: str) -> None:
    reason, change = UNREPEATABLE[case]
    change(machine)
    for _ in range(2):
        machine.check()
        assert machine.planned == ["production"]
        [note] = machine.notes
        assert note.startswith("production: its verdict is not remembered, since ")
        assert reason in note


# What of an entry is changed, and how it is sealed by somebody who has not the key.
FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "nothing": lambda _: None,
    "when": lambda e: e.update(when="2030-01-01T00:00:00+00:00"),
    "plan": lambda e: e.update(plan="{}"),
    "deciders": lambda e: e["deciders"].update(stack="0" * 64),
    "environment": lambda e: e["verdict"].update(environment="staging"),
    "status": lambda e: e["verdict"]["scenarios"][0].update(status="failed"),
    "evidence": lambda e: e["verdict"]["scenarios"][0].update(evidence="all is well"),
    "scenarios": lambda e: e["verdict"]["scenarios"].pop(),
    "failures": lambda e: e["verdict"]["failures"].pop(),
}


@pytest.mark.parametrize("seal", ["its own", "a bare hash", "another key"])
@pytest.mark.parametrize("field", FORGED)
def test_a_forged_entry_is_not_believed(machine: Machine, field: str, seal: str) -> None:
    [first] = machine.check()
    [path] = entries(machine)
    magic, rest = verdict_cache._MAGIC, path.read_bytes()[len(verdict_cache._MAGIC) :]
    entry = json.loads(zlib.decompress(rest[64:]))
    FORGED[field](entry)
    body = zlib.compress(json.dumps(entry).encode(), 1)
    message = b"%b%b\n%b" % (magic, path.name.encode(), body)
    seals = {
        "its own": rest[:64],
        "a bare hash": hashlib.sha256(message).hexdigest().encode(),
        "another key": hmac.new(b"x" * 32, message, hashlib.sha256).hexdigest().encode(),
    }
    path.write_bytes(magic + seals[seal] + body)
    assert machine.check() == [first]
    assert machine.planned == ["production"]
    assert machine.notes == [
        "production: a remembered verdict is damaged, or was not written with this user's key, "
        "so it is reached anew"
    ]
    machine.check()
    assert (machine.planned, machine.notes) == ([], [])  # It was written anew.


def test_an_entry_under_the_name_of_another_is_not_believed(machine: Machine) -> None:
    machine.check("production")
    [good] = entries(machine)
    appended(machine.project / "environments/production/main.tf")
    machine.check("production")
    [other] = [path for path in entries(machine) if path != good]
    shutil.copy(good, other)
    machine.check("production")
    assert machine.planned == ["production"]


@pytest.fixture
def small(machine: Machine) -> tuple[VerdictCache, Path]:
    """A cache that holds one short entry, and its file."""
    cache = VerdictCache.open()
    assert isinstance(cache, VerdictCache)
    cache.keep(DECIDERS, SMALL, b"{}", WHEN)
    [path] = entries(machine)
    return cache, path


def test_an_entry_is_what_was_kept(small: tuple[VerdictCache, Path]) -> None:
    found = small[0].recall(DECIDERS)
    assert found
    assert (found.verdict, found.plan) == (replace(SMALL, remembered=WHEN), b"{}")
    assert stat.S_IMODE(small[1].stat().st_mode) == 0o600


def test_no_byte_of_an_entry_can_be_another(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert cache.recall(DECIDERS) is None, place


def test_a_truncated_entry_is_not_believed(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert cache.recall(DECIDERS) is None, size
    path.write_bytes(content + b"\0")
    assert cache.recall(DECIDERS) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_entry_that_others_can_write_to_is_not_believed(
    small: tuple[VerdictCache, Path], mode: int
) -> None:
    cache, path = small
    path.chmod(mode)
    notes: list[str] = []
    assert cache.recall(DECIDERS, notes.append) is None
    assert notes == ["a remembered verdict is not this user's alone, so it is reached anew"]


def test_an_entry_that_is_a_link_or_no_file_is_not_believed(
    small: tuple[VerdictCache, Path], tmp_path: Path
) -> None:
    cache, path = small
    path.rename(tmp_path / "entry")
    path.symlink_to(tmp_path / "entry")
    assert cache.recall(DECIDERS) is None
    path.unlink()
    os.mkfifo(path)
    assert cache.recall(DECIDERS) is None
    path.unlink()
    path.mkdir()
    assert cache.recall(DECIDERS) is None
    cache.keep(DECIDERS, SMALL, b"{}", WHEN)  # Nothing can be put there, and nothing is raised.


@pytest.mark.parametrize("folder", ["cache/finbase", "cache/finbase/verdicts", "state/finbase"])
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_can_write_to_is_not_used(
    machine: Machine, folder: str, mode: int
) -> None:
    machine.check()
    (machine.tmp / folder).chmod(mode)
    assert VerdictCache.open() == "its folders are not this user's alone"


def test_a_folder_of_somebody_else_is_not_used(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.check()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert VerdictCache.open() == "its folders are not this user's alone"


def test_a_key_that_others_could_read_seals_nothing_any_more(machine: Machine) -> None:
    machine.check()
    key = machine.tmp / "state" / "finbase" / "verdicts.key"
    old = key.read_bytes()
    for damage in (lambda: key.chmod(0o640), lambda: key.write_bytes(old[:31]), key.unlink):
        damage()
        machine.check()
        assert machine.planned == ["production"]
        assert len(key.read_bytes()) == 32
        assert key.read_bytes() != old
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_two_that_begin_at_once_have_one_key(machine: Machine) -> None:
    (machine.tmp / "state").mkdir()
    path = machine.tmp / "state" / "key"
    found: list[bytes] = []
    start = threading.Barrier(8)

    def begin() -> None:
        start.wait()
        found.append(verdict_cache._secret(path))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {path.read_bytes()}
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_writers_at_once_never_leave_half_an_entry(small: tuple[VerdictCache, Path]) -> None:
    cache, path = small
    done = threading.Event()
    seen: list[bool] = []

    def read() -> None:
        while not done.is_set():
            seen.append(cache.recall(DECIDERS) is not None)

    reader = threading.Thread(target=read)
    reader.start()

    def write() -> None:
        for _ in range(40):
            cache.keep(DECIDERS, SMALL, b"{}", WHEN)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert seen
    assert all(seen)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_entries_that_were_used_least_lately_go_first(machine: Machine) -> None:
    cache = VerdictCache.open()
    assert isinstance(cache, VerdictCache)
    for number in range(6):
        cache.keep({"stack": str(number)}, SMALL, b"{}", WHEN)
        [new] = [path for path in entries(machine) if path.stat().st_mtime > 1000]
        os.utime(new, (number, number))
    assert cache.recall({"stack": "1"})  # Which makes it the one that was used last.
    size = entries(machine)[0].stat().st_size

    def left() -> list[int]:
        return [n for n in range(6) if verdict_cache._key({"stack": str(n)}) in names()]

    def names() -> set[str]:
        return {path.name for path in entries(machine)}

    cache.prune()
    assert left() == [0, 1, 2, 3, 4, 5]
    cache.prune(most=4)
    assert left() == [1, 3, 4, 5]
    cache.prune(most_bytes=2 * size + size // 2)
    assert left() == [1, 5]


def test_a_run_leaves_no_more_than_the_cache_may_hold(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[int, int]] = []
    monkeypatch.setattr(
        VerdictCache, "prune", lambda _, most=1, most_bytes=1: kept.append((most, most_bytes))
    )
    machine.check()
    assert len(kept) == 1


def test_where_nothing_can_be_written_all_is_reached_and_nothing_fails(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.check("production")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    def refuse_of_cache(path: str | Path, *more: Any, **options: Any) -> None:
        if Path(path).is_relative_to(machine.tmp):
            refuse()
        real(path, *more, **options)

    cache, real = VerdictCache.open(), os.utime
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    monkeypatch.setattr(os, "utime", refuse_of_cache)
    assert isinstance(cache, VerdictCache)
    assert [v.remembered for v in machine.check("production", "staging")] == [WHEN, None]
    assert machine.planned == ["staging"]


def test_without_a_place_for_a_cache_a_check_goes_on(
    whole: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole.tmp / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(whole.tmp / "file" / "cache"))
    done = finbase(whole.project, "check", "production")
    assert done.exit_code == 0, done.output
    assert f"note: no verdict is remembered: {whole.tmp}/file/cache: Not a directory" in (
        done.output
    )


def test_a_report_says_that_a_verdict_is_from_the_cache(whole: Machine) -> None:
    report = whole.tmp / "verdict.json"

    def run(*more: str) -> tuple[str, Any]:
        whole.planned.clear()
        done = finbase(whole.project, "check", "production", "--json", str(report), *more)
        assert done.exit_code == 0, done.output
        [environment] = json.loads(report.read_text())["environments"]
        return done.output, environment["from_cache"]

    assert "from the cache" not in run()[0]
    text, when = run()
    assert datetime.fromisoformat(when).tzinfo == UTC
    assert "from the cache: reached at " in text
    assert whole.planned == []
    text, when = run("--no-cache")
    assert (when, whole.planned) == (None, ["production"])
    assert "from the cache" not in text


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
def test_in_ci_no_verdict_is_remembered(
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


def test_the_words_about_a_verdict_from_the_cache() -> None:
    verdict = replace(judged("production"), remembered=WHEN)
    lines = terminal.text(verdict, colour=False, width=120).splitlines()
    assert "cached verdict from 2024-05-06 07:08 UTC; use --no-cache to run again" in lines
    assert verdict_json.document([verdict])["environments"][0]["from_cache"] == WHEN.isoformat()
    assert b'name="production" timestamp="2024-05-06T07:08:09+00:00"' in junit.render([verdict])
    subject = html.Subject(verdict, picture())
    text = html.render(ROOT, [subject], base=ROOT, day=WHEN.date())
    assert '<time datetime="2024-05-06T07:08:09+00:00">2024-05-06 07:08:09 UTC</time>' in text


def test_only_a_check_of_environments_knows_the_cache() -> None:
    """Neither ``check --plan`` nor ``apply`` can: what judges a plan for them has no cache."""
    users = set()
    for path in sorted((ROOT / "generator" / "finbase").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            if "finbase.judge.cache.store" in names:
                users.add(path.relative_to(ROOT / "generator" / "finbase").as_posix())
    assert users == {"judge/check.py", "commands/check.py"}


def test_a_plan_that_is_handed_in_is_always_judged(
    whole: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("the cache was opened")

    asked: list[object] = []

    def run(plan: object, *_: object, environment: str) -> Verdict:
        asked.append(plan)
        return judged(environment)

    monkeypatch.setattr(VerdictCache, "open", refuse)
    monkeypatch.setattr(compliance, "run", run)
    plan = ROOT / "tests" / "fixtures" / "compliance" / "plan.json"
    for _ in range(2):
        assert finbase(whole.project, "check", "--plan", str(plan)).exit_code == 0
    assert asked == [compliance.read_on_one_line(plan)] * 2


@pytest.mark.terraform
def test_terraform_is_not_started_for_what_is_known(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp = tmp_path_factory.mktemp("terraform")
    program, seen = find_terraform().path, list[str]()
    real = Processes.run

    def run_and_tell(self: Processes, command: Sequence[str | Path], **more: Any) -> Finished:
        if command[0] == program:
            seen.append(str(command[1]))
        return real(self, command, **more)

    monkeypatch.setattr(Processes, "run", run_and_tell)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp / "state"))
    monkeypatch.delenv("FINBASE_CACHE", raising=False)
    report = tmp / "verdict.json"

    def run() -> tuple[list[str], Any]:
        seen.clear()
        done = finbase(project, "check", "development", "--cache", "--json", str(report))
        assert done.exit_code == 0, done.output
        return list(seen), json.loads(report.read_text())["environments"][0]

    started, first = run()
    assert started == ["version", "init", "plan", "show"]
    started, second = run()
    assert started == ["version"]
    assert second.pop("from_cache") is not None
    assert first.pop("from_cache") is None
    assert second == first
