"""Terraform is found, kept apart from the caller, and plans without AWS."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from finbase.errors import TerraformError
from finbase.system.processes import Processes
from finbase.terraform.offline import copy_stack, isolate_provider, leave_unread, requirements
from finbase.terraform.program import Terraform, find_terraform, isolated_environ
from finbase.terraform.provider import Installation, Mirror
from finbase.terraform.workspace import Workspace
from tests.support.small_stacks import comparable, require_as_others

VERSIONS = """
terraform {
  required_version = ">= 1.11.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
"""
PROVIDER = """
provider "aws" {
  region              = "eu-west-1"
  allowed_account_ids = ["111122223333"]
  default_tags {
    tags = { project = "ledger" }
  }
}
"""
BACKUP = """
provider "aws" {
  alias  = "backup"
  region = "eu-central-1"
}
"""
CALLS = """
variable "suffix" {
  type    = string
  default = "unset"
}

module "keys" {
  source = "../../modules/keys/1.0.0"
  suffix = var.suffix
}
"""
MAIN = VERSIONS + PROVIDER + BACKUP + CALLS
BACKEND = """
terraform {
  backend "s3" {
    bucket       = "state"
    key          = "stack.tfstate"
    region       = "eu-west-1"
    use_lockfile = true
  }
}
"""
KEYS = """
variable "suffix" {
  type = string
}

module "name" {
  source = "../../name/1.0.0"
  suffix = var.suffix
}

resource "aws_kms_key" "this" {
  description = module.name.value
}
"""
NAME = """
variable "suffix" {
  type = string
}

output "value" {
  value = "ledger-${var.suffix}"
}
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip())
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(
        tmp_path / "project",
        {
            "environments/small/main.tf": MAIN,
            "environments/small/backend.tf": BACKEND,
            "environments/small/terraform.tfstate": "not a state",
            "environments/small/.terraform/terraform.tfstate": "not a state either",
            "modules/keys/1.0.0/main.tf": KEYS,
            "modules/name/1.0.0/main.tf": NAME,
            "modules/unused/1.0.0/main.tf": "resource {",
        },
    )


def stack(project: Path) -> Path:
    return project / "environments" / "small"


def contents(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def key_of(planned: bytes) -> dict[str, Any]:
    (change,) = json.loads(planned)["resource_changes"]
    after: dict[str, Any] = change["change"]["after"]
    return after


# --- finding the program -----------------------------------------------------------------


def program(folder: Path, name: str, banner: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{banner}\nEND\n")
    path.chmod(0o755)
    return path


def on_path(*folders: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join([*map(str, folders), "/bin", "/usr/bin"])}


def test_find_prefers_terraform(tmp_path: Path) -> None:
    program(tmp_path / "a", "tofu", "OpenTofu v1.11.2\non linux_arm64")
    path = program(tmp_path / "b", "terraform", "Terraform v1.13.0-beta2\non linux_amd64")
    found = find_terraform(on_path(tmp_path / "a", tmp_path / "b"))
    assert found == Terraform(path, "Terraform", (1, 13, 0), "linux_amd64")
    assert (found.command, found.host) == ("terraform", "registry.terraform.io")


def test_find_falls_back_to_tofu(tmp_path: Path) -> None:
    tofu = program(tmp_path / "a", "tofu", "OpenTofu v1.11.2\non darwin_arm64")
    expected = Terraform(tofu, "OpenTofu", (1, 11, 2), "darwin_arm64")
    assert find_terraform({"PATH": f"{tmp_path / 'a'}:/bin"}) == expected
    program(tmp_path / "a", "terraform", "Terraform v1.5.7\non darwin_arm64")
    assert find_terraform(on_path(tmp_path / "a")) == expected
    assert (expected.command, expected.host) == ("tofu", "registry.opentofu.org")


def test_find_uses_only_the_variable(tmp_path: Path) -> None:
    program(tmp_path / "a", "terraform", "Terraform v1.12.0\non linux_amd64")
    mine = program(tmp_path / "b", "mine", "OpenTofu v1.12.0\non linux_amd64")
    environ = on_path(tmp_path / "a") | {"FINBASE_TERRAFORM": str(mine)}
    assert find_terraform(environ).path == mine
    program(tmp_path / "b", "mine", "OpenTofu v1.10.6\non linux_amd64")
    with pytest.raises(TerraformError, match=r"mine is OpenTofu 1\.10\.6, but 1\.11\.0 or newer"):
        find_terraform(environ)


@pytest.mark.parametrize("chosen", [{}, {"FINBASE_TERRAFORM": "/nowhere/terraform"}])
def test_find_reports_missing_programs(tmp_path: Path, chosen: dict[str, str]) -> None:
    with pytest.raises(TerraformError) as raised:
        find_terraform({"PATH": str(tmp_path)} | chosen)
    assert raised.value.hint is not None
    for word in ("Terraform 1.11", "OpenTofu 1.11", "FINBASE_TERRAFORM"):
        assert word in raised.value.hint
    for value in chosen.values():
        assert value in raised.value.message


def test_find_names_old_programs(tmp_path: Path) -> None:
    program(tmp_path / "a", "terraform", "Terraform v1.10.9\non linux_amd64")
    program(tmp_path / "a", "tofu", "OpenTofu v1.9.0\non linux_amd64")
    with pytest.raises(TerraformError, match=r"Terraform 1\.10\.9 and .*OpenTofu 1\.9\.0"):
        find_terraform(on_path(tmp_path / "a"))


def test_find_refuses_other_programs(tmp_path: Path) -> None:
    program(tmp_path / "a", "terraform", "Planet shaper 2.0")
    with pytest.raises(TerraformError, match="is neither Terraform nor OpenTofu"):
        find_terraform(on_path(tmp_path / "a"))


def test_find_shows_why_a_version_manager_fails(tmp_path: Path) -> None:
    shim = program(tmp_path / "a", "terraform", "")
    shim.write_text("#!/bin/sh\necho 'No version is set for command terraform' >&2\nexit 126\n")
    with pytest.raises(
        TerraformError, match="terraform version` failed:\n    No version"
    ) as raised:
        find_terraform(on_path(tmp_path / "a"))
    assert "version manager" in (raised.value.hint or "")


# --- keeping the caller out --------------------------------------------------------------


def test_environ_inherits_no_plan_settings(tmp_path: Path) -> None:
    config = tmp_path / "present.tfrc"
    config.touch()
    caller = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_CONFIG_FILE": "/home/x/.aws/config",
        "TF_VAR_zones": "[]",
        "TF_CLI_ARGS_plan": "-destroy",
        "TF_WORKSPACE": "other",
        "TF_DATA_DIR": "/elsewhere",
        "TF_LOG": "trace",
        "TF_LOG_PATH": "/elsewhere/log",
        "GITHUB_TOKEN": "secret",
        "TF_TOKEN_app_terraform_io": "secret",
        "SSH_AUTH_SOCK": "/tmp/agent",
        "ANY_OTHER": "value",
        "TF_CLI_CONFIG_FILE": str(config),
    }
    assert isolated_environ(caller) == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "TF_CLI_CONFIG_FILE": str(config),
        "GOGC": "400",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }


def test_environ_drops_missing_configuration(tmp_path: Path) -> None:
    environ = isolated_environ({"TF_CLI_CONFIG_FILE": str(tmp_path / "missing"), "GOGC": "50"})
    assert "TF_CLI_CONFIG_FILE" not in environ
    assert environ["GOGC"] == "50"


def test_environ_reads_terraform_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("older.tfrc", "newer.tfrc"):
        (tmp_path / name).touch()
    named = {"TERRAFORM_CONFIG": "older.tfrc"}
    environ = isolated_environ(named)
    assert "TERRAFORM_CONFIG" not in environ
    assert environ["TF_CLI_CONFIG_FILE"] == str(tmp_path / "older.tfrc")
    both = {**named, "TF_CLI_CONFIG_FILE": "newer.tfrc"}
    assert isolated_environ(both)["TF_CLI_CONFIG_FILE"] == str(tmp_path / "newer.tfrc")
    missing = isolated_environ({"TERRAFORM_CONFIG": "missing.tfrc"})
    assert missing.keys().isdisjoint(("TERRAFORM_CONFIG", "TF_CLI_CONFIG_FILE"))


def test_error_is_cut_to_the_first(tmp_path: Path) -> None:
    noise = "\n".join(["Warning: old", "Error: the first", "", "", *["more"] * 100])
    path = tmp_path / "terraform"
    path.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{noise}\nEND\nexit 1\n")
    path.chmod(0o755)
    terraform = Terraform(path, "Terraform", (1, 11, 4), "linux_amd64")
    with pytest.raises(TerraformError) as raised, Processes() as processes:
        terraform.run("plan", cwd=tmp_path, environ={}, processes=processes, subject="small")
    lines = raised.value.message.splitlines()
    assert lines[:3] == ["terraform plan failed for small:", "    Error: the first", "    more"]
    assert lines[-1] == "    … 61 more lines"


def test_run_refuses_invalid_tmpdir(tmp_path: Path) -> None:
    path = tmp_path / "terraform"
    path.write_text("#!/bin/sh\necho run\n")
    path.chmod(0o755)
    terraform = Terraform(path, "Terraform", (1, 11, 4), "linux_amd64")

    def run(temporary: str) -> bytes:
        environ = isolated_environ({"TMPDIR": temporary})
        return terraform.run(
            "init", cwd=tmp_path, environ=environ, processes=processes, subject="small"
        )

    with Processes() as processes:
        for none in (str(tmp_path / "none"), str(path), "none"):
            with pytest.raises(TerraformError) as raised:
                run(none)
            assert raised.value.message.splitlines() == [
                f"TMPDIR is {none!r}, which is not a folder; Terraform writes temporary files there"
            ]
            assert "unset TMPDIR" in (raised.value.hint or "")
        for fine in (str(tmp_path), ".", ""):
            assert run(fine) == b"run\n"


# --- copies ------------------------------------------------------------------------------


def test_offline_copy_has_stack_and_modules(project: Path, tmp_path: Path) -> None:
    before = contents(project)
    copy = copy_stack(stack(project), project, tmp_path / "copy")
    assert copy == tmp_path / "copy/environments/small"
    assert sorted(contents(tmp_path / "copy")) == [
        "environments/small/backend.tf",
        "environments/small/main.tf",
        "modules/keys/1.0.0/main.tf",
        "modules/name/1.0.0/main.tf",
    ]
    isolate_provider(copy)
    assert contents(project) == before


def test_offline_copy_overrides_each_provider(project: Path, tmp_path: Path) -> None:
    copy = copy_stack(stack(project), project, tmp_path / "copy")
    isolate_provider(copy)
    text = (copy / "zz_finbase_provider_override.tf").read_text()
    assert text.count('provider "aws" {') == 2
    assert text.count('alias = "backup"') == 1


def test_offline_copy_leaves_the_account_unread(project: Path, tmp_path: Path) -> None:
    copy = copy_stack(stack(project), project, tmp_path / "copy")
    override = copy / "zz_finbase_unread_override.tf"
    leave_unread(copy)
    assert not override.exists()
    (copy / "../../modules/keys/1.0.0/contract.yaml").write_text("name: keys\nreads_by: vpc_id\n")
    leave_unread(copy)
    assert override.read_text() == 'module "keys" {\n  vpc_id = timestamp()\n}\n'


def test_offline_copy_adds_a_provider(project: Path, tmp_path: Path) -> None:
    copy = copy_stack(project / "modules/keys/1.0.0", project, tmp_path / "copy")
    isolate_provider(copy)
    assert (copy / "zz_finbase_provider.tf").is_file()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("../../../outside", "is outside of"),
        ("../../modules/missing/1.0.0", r"uses \S+/modules/missing/1\.0\.0, which does not exist"),
    ],
)
def test_offline_copy_reports_missing_modules(
    project: Path, tmp_path: Path, source: str, message: str
) -> None:
    (tmp_path / "outside").mkdir()
    extra = f'module "extra" {{\n  source = "{source}"\n}}\n'
    write(project, {"environments/small/extra.tf": extra})
    with pytest.raises(TerraformError, match=message):
        copy_stack(stack(project), project, tmp_path / "copy")


def test_offline_copy_hints_at_render(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(project / "modules/name")
    for folder, message in (
        (stack(project), "small uses .*name/1.0.0, which does not exist"),
        (project / "environments" / "none", "environments/none does not exist"),
    ):
        with pytest.raises(TerraformError, match=message) as raised:
            copy_stack(folder, project, tmp_path / "copy")
        assert "`finbase render`" in (raised.value.hint or "")
        assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [(errno.ENOSPC, "No space left", "TMPDIR"), (errno.EACCES, "Permission denied", "may read")],
)
def test_offline_copy_names_one_cause(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    message: str,
    hint: str,
) -> None:
    def refuse(source: str, target: str, **_: object) -> None:
        raise OSError(number, os.strerror(number), source, None, target)

    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(TerraformError, match=f"cannot be copied for a plan: {message}") as raised:
        copy_stack(stack(project), project, tmp_path / "copy")
    assert raised.value.message.count(message) == 1
    assert hint in (raised.value.hint or "")


def test_offline_copy_is_writable(project: Path, tmp_path: Path) -> None:
    script = project / "modules/name/1.0.0/rotate.sh"
    script.touch()
    for path in sorted(project.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() or path == script else 0o444)
    try:
        copy_stack(stack(project), project, tmp_path / "copy")
        copied = [path for path in (tmp_path / "copy").rglob("*") if path.is_dir()]
        assert [path for path in copied if path.stat().st_mode & 0o700 != 0o700] == []
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in (tmp_path / "copy").rglob("*")
            if path.is_file()
        }
        assert modes == {"backend.tf": 0o644, "main.tf": 0o644, "rotate.sh": 0o755}
    finally:
        for path in project.rglob("*"):
            path.chmod(0o755)


def test_offline_copy_follows_json_syntax(project: Path, tmp_path: Path) -> None:
    extra = {"module": {"unused": {"source": "../../modules/unused/1.0.0"}}}
    write(project, {"environments/small/extra.tf.json": json.dumps(extra)})
    copy_stack(stack(project), project, tmp_path / "copy")
    assert (tmp_path / "copy/modules/unused/1.0.0/main.tf").is_file()


def test_requirements_depend_on_versions_only(project: Path) -> None:
    def now() -> frozenset[str]:
        return requirements(project, stack(project))

    main, first = stack(project) / "main.tf", now()
    main.write_text(main.read_text().replace("ledger", "other").replace("  ", "\t"))
    assert now() == first
    main.write_text(main.read_text().replace("~> 5.100", "~> 6.0"))
    second = now()
    assert second != first
    (stack(project) / ".terraform.lock.hcl").write_text("# locked")
    assert now() not in (first, second)


# --- with the real thing -----------------------------------------------------------------


@pytest.fixture
def warm(project: Path) -> Path:
    """Return the project with a stack that requires what all stacks do, and has one configuration.

    So it shares the provider that this process has installed, and that keeps running.
    """
    write(project, {"environments/small/main.tf": PROVIDER + CALLS})
    require_as_others(stack(project), project / "modules" / "keys" / "1.0.0")
    return project


@pytest.mark.terraform
def test_plan_offline_is_apart_from_the_caller(
    warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the shell nor an earlier plan changes a plan, and no plan changes a file."""
    monkeypatch.setenv("TF_VAR_suffix", "from-the-caller")
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-destroy")
    monkeypatch.setenv("TF_WORKSPACE", "other")
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/missing")
    before = contents(warm)
    (tmp_path / "scratch").mkdir()
    with Workspace(find_terraform(), tmp_path / "scratch") as workspace:
        fresh, shared = (workspace.plan(stack(warm), project=warm) for _ in range(2))
        selected = workspace.run(stack(warm), "workspace", "show", project=warm)
        assert contents(warm) == before
        # The installed version does not serve a stack that requires another one.
        versions = stack(warm) / "versions.tf"
        versions.write_text(versions.read_text().replace("= 5.100.0", "0.0.1"))
        monkeypatch.setitem(workspace._environ, "HTTPS_PROXY", "http://127.0.0.1:9")
        with pytest.raises(TerraformError) as raised:
            workspace.plan(stack(warm), project=warm)
    assert "init failed for environments/small:\n" in raised.value.message
    assert "providers mirror DIR" in (raised.value.hint or "")
    assert comparable(shared) == comparable(fresh)
    assert selected == b"default\n"
    assert b"\n" not in fresh
    after = key_of(fresh)
    assert after["description"] == "ledger-unset"
    assert after["tags_all"] == {"project": "ledger"}
    with pytest.raises(TerraformError, match="no process can be started"):
        workspace.plan(stack(warm), project=warm)


@pytest.mark.terraform
def test_init_uses_the_other_registrys_mirror(
    warm: Path, planning: Workspace, tmp_path: Path
) -> None:
    planning.validate(stack(warm), project=warm)
    package = next(planning._scratch.glob("provider-*/packages/*/hashicorp/aws/5.100.0/*"))
    mirror = Mirror(tmp_path / "mirror", "registry.opentofu.org")
    link = mirror.package / package.parent.name / package.name
    link.parent.mkdir(parents=True)
    link.symlink_to(package.resolve())
    (tmp_path / "scratch").mkdir()
    with Workspace(find_terraform(), tmp_path / "scratch", Installation((mirror,))) as other:
        other.validate(stack(warm), project=warm)
        linked = "provider-0/mirror-0/registry.terraform.io/hashicorp/aws/5.100.0/*"
        assert [*other._scratch.glob(linked)]


@pytest.mark.terraform
def test_plan_reports_terraform_message(warm: Path, planning: Workspace) -> None:
    keys = warm / "modules/keys/1.0.0/main.tf"
    keys.write_text(keys.read_text().replace("description", "descriptoin"))
    with pytest.raises(TerraformError) as raised:
        planning.plan(stack(warm), project=warm)
    lines = raised.value.message.splitlines()
    assert lines[0].endswith(" plan failed for environments/small:")
    assert lines[1] == "    Error: Unsupported argument"
    assert "../../modules/keys/1.0.0/main.tf line 11" in raised.value.message


@pytest.mark.terraform
def test_plan_fails_on_data_sources(warm: Path, planning: Workspace) -> None:
    write(warm, {"environments/small/data.tf": 'data "aws_caller_identity" "this" {}\n'})
    with pytest.raises(TerraformError) as raised:
        planning.plan(stack(warm), project=warm)
    assert "reading STS Caller Identity" in raised.value.message
    assert "without AWS" in (raised.value.hint or "")


@pytest.mark.terraform
def test_validate_stack(warm: Path, planning: Workspace) -> None:
    planning.validate(stack(warm), project=warm)
    name = warm / "modules/name/1.0.0/main.tf"
    name.write_text(name.read_text().replace("var.suffix", "var.suffx"))
    with pytest.raises(TerraformError, match="validate failed for environments/small"):
        planning.validate(stack(warm), project=warm)


OVERRIDES = """
Warning: Provider development overrides are in effect

The following provider development overrides are set in the CLI configuration:
 - hashicorp/aws in /home/somebody/go/bin

{end}

"""
ENDS = {
    "plan": "The behavior may therefore not match any released version of the provider and\n"
    "applying changes may cause the state to become incompatible with published\nreleases.",
    "init": "Skip terraform init when using provider development overrides. It is not\n"
    "necessary and may error unexpectedly.",
    "neither": "\n".join(f"some words of line {number}" for number in range(200)),
}


@pytest.mark.parametrize("end", ENDS)
def test_run_reports_the_error_below_overrides(tmp_path: Path, end: str) -> None:
    program = tmp_path / "terraform"
    text = f"{OVERRIDES.format(end=ENDS[end])}Error: the provider is not available\n"
    (tmp_path / "text").write_text(text)
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/text\nexit 1\n")
    program.chmod(0o700)
    terraform = Terraform(program, "Terraform", (1, 11, 0), "linux_amd64")
    with Processes() as processes, pytest.raises(TerraformError) as caught:
        terraform.run(
            "init",
            cwd=tmp_path,
            environ={"PATH": "/bin:/usr/bin"},
            processes=processes,
            subject="a stack",
        )
    assert caught.value.message == (
        "terraform init failed for a stack:\n    Error: the provider is not available"
    )
