"""The lock file of each stack, and what it keeps out."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finbase.cli import main
from finbase.errors import InputError, TerraformError
from finbase.project.terraform_files import REGISTRIES
from finbase.render.provider_lock import ProviderPin, added, canonical, repin
from finbase.source.cache import load_yaml
from finbase.terraform import pin as terraform_pin
from finbase.terraform.program import find_terraform, isolated_environ
from finbase.terraform.provider import Installation, Mirror, find_provider
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

LOCK = ".terraform.lock.hcl"
STACK = "environments/development"
OTHER = "h1:" + "A" * 43 + "="


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), *arguments])


def load(project: Path) -> ProviderPin:
    templates = project / "templates"
    return ProviderPin.load(templates, load_yaml((templates / "stack/stack.yaml").read_bytes()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: it must contain terraform, and providers"),
        ("terraform: 1\n", "1:1: it must contain terraform, and providers"),
        ("providers:\n  aws: [\n", "3:1: not YAML: "),
        ("terraform: \xff\n", "1:1: not YAML: "),
        ("a: 1\n<<<<<<< HEAD\nb: 2\n", "2:1: a merge conflict"),
    ],
)
@pytest.mark.parametrize("name", ["stack.yaml", "provider.yaml"])
def test_render_names_the_fault_of_a_pin(project: Path, name: str, text: str, message: str) -> None:
    if name == "provider.yaml":
        message = message.replace("terraform, and providers", "registry, source, version and")
    (project / "templates" / "stack" / name).write_text(text, encoding="latin-1")
    done = run(project, "render", "--check")
    assert done.exit_code == 2, done.output
    assert f"templates/stack/{name}:{message}" in done.output


def test_load_of_this_project() -> None:
    pin = load(ROOT)
    assert (ROOT / "templates/stack/provider.yaml").read_text() == pin.text()
    assert {text.split(":")[0] for text in pin.hashes} == {"h1", "zh"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 5.100.0", "version: 5.99.0", "does not pin version `= 5.99.0`"),
        ("version: 5.100.0", 'version: "5.100.0\\n"', "must contain registry"),
        ("source: hashicorp/aws", "source: evil/aws", "does not pin version"),
        ("registry: registry.terraform.io", 'registry: "x\\" {"', "must contain registry"),
        (
            "registry.terraform.io",
            "registry.example.org",
            "the registry must be registry.terraform",
        ),
        ("  - h1:edX", "  - h2:x", "must start with h1: or zh:"),
        ("hashes:", "others:", "must contain registry, source, version and hashes"),
    ],
)
def test_load_refuses(project: Path, old: str, new: str, message: str) -> None:
    path = project / "templates/stack/provider.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(re.sub(f"{re.escape(old)}.*", lambda _: new, text))
    with pytest.raises(InputError) as caught:
        load(project)
    assert message in str(caught.value)
    assert "finbase provider pin" in str(caught.value)


def test_load_without_file(project: Path) -> None:
    (project / "templates/stack/provider.yaml").unlink()
    assert run(project, "render", "--check").exit_code == 2


def test_canonical_sorts_by_version() -> None:
    assert canonical(["~> 5.0", ">= 5.79.0"]) == "~> 5.0, >= 5.79.0"
    assert canonical([">= 5.72.0", "= 5.100.0", ">=5.25.0"]) == ">= 5.25.0, >= 5.72.0, 5.100.0"


def test_check_refuses_edited_lock_file(project: Path) -> None:
    path = project / STACK / LOCK
    path.write_text(path.read_text().replace("h1:edX", "h1:AAA"))
    for command in (["render", "--check"], ["check", "development"], ["plan", "development"]):
        assert run(project, *command).exit_code == 1, command
    assert f"Terraform reads {STACK}/{LOCK}" in run(project, "check", "development").output


def test_render_restores_lock_file_of_terraform(project: Path) -> None:
    """``init`` adds the checksum of its platform, and replaces the first lines."""
    path = project / STACK / LOCK
    before = path.read_text()
    header = '# This file is maintained automatically by "terraform init".\n'
    path.write_text(header + before.partition("\n")[2].replace("h1:edX", "h1:BBB"))
    assert run(project, "render").exit_code == 0
    assert path.read_text() == before


def test_repin_replaces_other_version(project: Path) -> None:
    changes = repin(project / "templates", "registry.terraform.io", "5.99.1", [OTHER])
    for path, content in changes.items():
        (project / path).write_bytes(content)
    assert load(project) == ProviderPin(
        "registry.terraform.io", "hashicorp/aws", "5.99.1", (OTHER,)
    )
    assert run(project, "render").exit_code == 0
    assert '"= 5.99.1"' in (project / STACK / "versions.tf").read_text()
    assert OTHER in (project / STACK / LOCK).read_text()


def test_repin_keeps_checksums_of_same_version(project: Path) -> None:
    before = load(project)
    for path, content in repin(
        project / "templates", before.registry, before.version, [OTHER]
    ).items():
        (project / path).write_bytes(content)
    assert set(load(project).hashes) == {*before.hashes, OTHER}


def test_provider_pin_writes_both_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform_pin, "fetch_checksums", lambda *_: ((OTHER,), "a mirror"))
    done = run(project, "provider", "pin", "5.99.1")
    assert done.exit_code == 0, done.output
    assert "checksums from a mirror" in done.output
    assert load(project).hashes == (OTHER,)
    assert run(project, "provider", "pin", "5.99").exit_code == 2


def pin_own(project: Path, version: str, *names: str) -> None:
    """Let environments pin a provider of their own."""
    for name in names:
        path = project / "environments" / f"{name}.yaml"
        path.write_text(f"provider: {version}\n{path.read_text()}")


def stacks_with(project: Path, version: str) -> set[str]:
    """Return the environments whose stack pins the version, in both files."""
    pinned = re.compile(rf'^ +version += "(= )?{re.escape(version)}"$', re.MULTILINE)
    found = [
        {
            path.parent.name
            for path in (project / "environments").glob(f"*/{name}")
            if pinned.search(path.read_text())
        }
        for name in ("versions.tf", LOCK)
    ]
    assert found[0] == found[1]
    return found[0]


def test_environment_has_a_provider_of_its_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform_pin, "fetch_checksums", lambda *_: ((OTHER,), "a mirror"))
    before = load(project)
    done = run(project, "provider", "add", "5.101.0")
    assert done.exit_code == 0, done.output
    assert "write `provider: 5.101.0` into the file of an environment" in done.output
    assert load(project) == before
    assert run(project, "render", "--check").exit_code == 0
    pin_own(project, "5.101.0", "development")
    assert run(project, "render").exit_code == 0
    assert stacks_with(project, "5.101.0") == {"development"}
    assert stacks_with(project, "5.100.0") == {"staging", "production"}
    lock = (project / STACK / LOCK).read_text()
    assert OTHER in lock
    assert not any(text in lock for text in before.hashes)
    assert "templates/stack/provider-5.101.0.yaml. Do not edit: run finbase provider add." in lock
    assert "provider" in run(project, "diff", "development", "staging").output
    assert '"5.101.0"' in run(project, "show", "development").output
    again = run(project, "provider", "add", "5.101.0")
    assert "1 checksums" in again.output


def test_environment_keeps_its_provider_when_the_default_moves(project: Path) -> None:
    old = load(project)
    for path, content in added(project / "templates", old.registry, old.version, [OTHER]).items():
        (project / path).write_bytes(content)
    pin_own(project, old.version, "production")
    assert run(project, "render").exit_code == 0
    assert stacks_with(project, old.version) == {"development", "staging", "production"}
    for path, content in repin(project / "templates", old.registry, "5.99.1", [OTHER]).items():
        (project / path).write_bytes(content)
    assert run(project, "render").exit_code == 0
    assert stacks_with(project, old.version) == {"production"}
    lock = (project / "environments" / "production" / LOCK).read_text()
    assert all(text in lock for text in (*old.hashes, OTHER))


def test_environments_without_checksums_are_all_named(project: Path) -> None:
    pin_own(project, "5.101.0", "development", "staging")
    done = run(project, "render", "--check")
    assert done.exit_code == 2
    for name in ("development", "staging"):
        assert (
            "templates/stack/provider-5.101.0.yaml:1:1: it does not exist, and environments/"
            f"{name}.yaml needs it; run `finbase provider add 5.101.0`" in done.output
        )
    other = added(project / "templates", "registry.terraform.io", "5.102.0", [OTHER])
    [content] = other.values()
    (project / "templates" / "stack" / "provider-5.101.0.yaml").write_bytes(content)
    assert "it has checksums of version 5.102.0" in run(project, "render", "--check").output


@pytest.mark.terraform
def test_fetch_checksums_of_this_machine() -> None:
    """The pinned checksums contain the one that Terraform computes here."""
    pin = load(ROOT)
    hashes, _ = terraform_pin.fetch_checksums(find_terraform(), pin.version)
    assert hashes
    assert set(hashes) <= set(pin.hashes)


@pytest.mark.terraform
@pytest.mark.parametrize("own", [False, True])
def test_init_accepts_rendered_lock_file(project: Path, tmp_path: Path, own: bool) -> None:
    """Terraform writes the same content: nothing is left for ``init`` to add.

    With ``own`` the project pins a version that nobody has, and this environment the real one.
    """
    if own:
        old = load(project)
        write = added(project / "templates", old.registry, old.version, ())
        write |= repin(project / "templates", old.registry, "5.99.1", [OTHER])
        for path, content in write.items():
            (project / path).write_bytes(content)
        pin_own(project, old.version, "production")
        assert run(project, "render").exit_code == 0
    terraform = find_terraform()
    config = tmp_path / "mirror.tfrc"
    config.write_text(find_provider(terraform).cli_config(terraform.host, tmp_path))
    stack = project / "environments" / "production"
    (stack / "backend.tf").unlink()
    before = (stack / LOCK).read_bytes()
    for options in ([], ["-lockfile=readonly"]):
        done = subprocess.run(
            [terraform.path, "init", "-input=false", "-no-color", *options],
            cwd=stack,
            env=isolated_environ() | {"TF_CLI_CONFIG_FILE": str(config)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Warning" not in done.stdout
        assert (stack / LOCK).read_bytes() == before


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("registry", "reason"),
    [(REGISTRIES[0], "checksums"), (REGISTRIES[1], "Provider dependency changes detected")],
)
def test_workspace_refuses_other_build(
    project: Path, tmp_path: Path, registry: str, reason: str
) -> None:
    """A program of the pinned version and name, in a folder that only this user can write to."""
    terraform = find_terraform()
    lock = project / STACK / LOCK
    lock.write_text(lock.read_text().replace(terraform.host, registry))
    mirror = Mirror(tmp_path / "mirror", terraform.host)
    folder = mirror.package / "5.100.0" / terraform.platform
    folder.mkdir(parents=True)
    evil = folder / "terraform-provider-aws_v5.100.0_x5"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    evil.chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with (
        Workspace(terraform, scratch, Installation((mirror,))) as workspace,
        pytest.raises(TerraformError) as caught,
    ):
        workspace.plan(project / STACK, project=project)
    assert reason in " ".join(caught.value.message.split())
    assert not (tmp_path / "started").exists()
    shutil.rmtree(tmp_path / "mirror")
