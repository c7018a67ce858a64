"""``finbase doctor``: its findings, and that their fixes work."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import pytest

from finbase import doctor
from finbase.contract.registry import Registry
from finbase.doctor import Finding, examine
from finbase.report.doctor import DoctorReport
from finbase.sandbox.postgres import find
from finbase.system import packages
from tests.support.commands import finbase

TERRAFORM = """#!/bin/sh
[ "$1" = version ] || exit 1
printf 'Terraform v{version}\\non linux_amd64\\n'
"""
MANAGERS = ("apt-get", "dnf", "zypper", "pacman", "apk", "brew")


def program(folder: Path, name: str, script: str = "#!/bin/sh\n") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def of(findings: Iterable[Finding], subject: str) -> Finding:
    """Return the first finding on a subject; what comes after it is not examined."""
    return next(finding for finding in findings if finding.subject == subject)


@pytest.fixture(autouse=True)
def programs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set up a PATH with git and a supported Terraform only, and an empty home."""
    folder = tmp_path_factory.mktemp("bin")
    program(folder, "terraform", TERRAFORM.format(version="1.11.4"))
    git = shutil.which("git")
    assert git
    (folder / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(folder))
    for name in ("FINBASE_TERRAFORM", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name, place in (("XDG_CACHE_HOME", ".cache"), ("XDG_DATA_DIRS", "share")):
        monkeypatch.setenv(name, str(home / place))
    return folder


@pytest.fixture
def repository(project: Path, programs: Path) -> Path:
    """Return the project as a git repository."""
    subprocess.run([programs / "git", "init", "--quiet", str(project)], check=True)
    return project


def runs(command: str) -> str:
    """Run a fix unchanged, in a shell that knows ``finbase``; return its output."""
    script = (
        f"finbase() {{ {shlex.quote(sys.executable)} -c "
        "'from finbase.cli import main; main()' \"$@\"; }; "
    )
    done = subprocess.run(
        ["/bin/sh", "-c", script + command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_examine_rendered_project_is_fine(repository: Path) -> None:
    findings = tuple(examine(repository))
    machine = {"Python", "libraries", "Terraform", "AWS provider", "git", "PostgreSQL"}
    subjects = [finding.subject for finding in findings]
    assert machine | {"project", "environments", "releases", "render", "cache"} <= set(subjects)
    assert [f for f in findings if f.state == "wrong"] == []
    assert "Terraform 1.11.4" in of(findings, "Terraform").found
    assert "hashicorp/aws 5.100.0 from" in of(findings, "AWS provider").found
    assert f"click {metadata.version('click')}" in of(findings, "libraries").found
    assert of(findings, "environments").found == "development, production, staging"
    assert of(findings, "features").found == "35 failures, 13 feature files"
    assert "created by the next render" in of(findings, "cache").found
    done = finbase(repository, "doctor")
    assert done.exit_code == 0
    assert done.stdout == f"{DoctorReport(tuple(examine(repository))).text()}\n"


def test_doctor_json_has_same_findings(repository: Path) -> None:
    done = finbase(repository, "doctor", "--json", "-")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["fine"]) == (0, True)
    assert [f["subject"] for f in document["findings"]] == [f.subject for f in examine(repository)]
    assert "Python" in done.stderr


def test_doctor_quiet_prints_problems_only(repository: Path, programs: Path) -> None:
    (programs / "git").unlink()
    done = finbase(repository, "doctor", "-q")
    assert done.exit_code == 0
    assert "missing  git" in done.stdout
    assert "ok " not in done.stdout


def test_doctor_without_terraform(repository: Path, programs: Path) -> None:
    (programs / "terraform").unlink()
    program(programs, "brew")
    done = finbase(repository, "doctor")
    assert done.exit_code == 1
    assert "WRONG    Terraform     neither `terraform` nor `tofu` is on PATH" in done.output
    assert "run: brew install opentofu\n" in done.output
    assert "hint: install Terraform 1.11 or newer" in done.output
    assert "AWS provider" not in done.output


def test_examine_old_terraform(repository: Path, programs: Path) -> None:
    program(programs, "terraform", TERRAFORM.format(version="1.5.7"))
    found = of(examine(repository), "Terraform")
    assert found.state == "wrong"
    assert "Terraform 1.5.7, but 1.11.0 or newer is needed" in found.found
    assert "install Terraform 1.11" in found.hint


def test_examine_provider_from_registry(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finbase.terraform.provider._walk", lambda *_: iter(()))
    found = of(examine(repository), "AWS provider")
    assert found.state == "fine"
    assert found.found == "hashicorp/aws 5.100.0 from the registry, registry.terraform.io"


@pytest.mark.parametrize(
    "form", ["5.99.0/linux_amd64", "terraform-provider-aws_5.99.0_linux_amd64.zip"]
)
def test_examine_mirror_with_other_version(
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mirror = tmp_path_factory.mktemp("mirror")
    package = mirror / "registry.terraform.io" / "hashicorp" / "aws" / form
    package.parent.mkdir(parents=True)
    package.touch() if form.endswith(".zip") else package.mkdir()
    monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(mirror))
    found = of(examine(repository), "AWS provider")
    assert found.state == "missing"
    assert "which has only 5.99.0" in found.found
    name, chdir, *rest = shlex.split(found.fix)
    assert (name, rest[:2]) == ("terraform", ["providers", "mirror"])
    assert Path(chdir.removeprefix("-chdir=")) == repository / "environments" / "development"


def test_examine_without_git_and_postgresql(
    repository: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "git").unlink()
    program(programs, "apt-get")
    monkeypatch.setattr(find, "_PROGRAMS", ("no-such-program",))
    findings = tuple(examine(repository))
    for subject, package in (("git", "git"), ("PostgreSQL", "postgresql")):
        found = of(findings, subject)
        assert found.state == "missing"
        assert shlex.split(found.fix)[-3:] == ["apt-get", "install", package]
        assert found.hint


def test_examine_postgresql_without_pgaudit(
    repository: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(programs, "apt-get")
    monkeypatch.setattr(find, "installed_extensions", lambda _: [])
    monkeypatch.setattr(find, "major_version", lambda: 16)
    found = of(tuple(examine(repository)), "PostgreSQL")
    assert found.state == "missing"
    assert "no extension pgaudit" in found.found
    assert shlex.split(found.fix)[-1] == "postgresql-16-pgaudit"


def test_examine_project_without_repository(project: Path) -> None:
    found = of(examine(project), "git")
    assert found.state == "missing"
    assert runs(found.fix)
    assert of(examine(project), "git").state == "fine"


@pytest.mark.parametrize("manager", MANAGERS)
def test_install_uses_available_package_manager(tmp_path: Path, manager: str) -> None:
    program(tmp_path, manager)
    command = packages.install("git", {"PATH": str(tmp_path)})
    words = shlex.split(command)
    assert manager in words[:2]
    assert words[-1] == "git"
    assert packages.install("git", {"PATH": str(tmp_path / "empty")}) == ""


def test_examine_missing_libraries_names_versions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = ["click>=8.2", "hcl-of-old (<3,>=2)", 'mute>=5,<6; extra == "rehearsal"']
    monkeypatch.setattr(metadata, "requires", lambda _: wanted)
    findings = tuple(examine(tmp_path))
    libraries, extra = of(findings, "libraries"), of(findings, "local AWS")
    assert (libraries.state, extra.state) == ("wrong", "missing")
    assert libraries.found == "not installed: hcl-of-old"
    pip = [sys.executable, "-m", "pip", "install"]
    assert shlex.split(libraries.fix)[:4] == pip
    assert shlex.split(extra.fix) == [*pip, "mute>=5,<6"]
    # pip accepts the arguments, and finds the first requirement installed.
    runs(shlex.join([*pip, "--dry-run", "--no-index", "--no-deps", "--quiet", "click>=8.1"]))


def test_doctor_fix_undoes_interrupted_render(repository: Path) -> None:
    (repository / ".finbase-journal").write_bytes(_journal(repository))
    found = of(examine(repository), "render")
    assert (found.state, found.found.split(",")[0]) == ("wrong", "a render was interrupted")
    assert "nothing to do" in runs(found.fix)
    assert of(examine(repository), "render").state == "fine"


def _journal(project: Path) -> bytes:
    """Return the journal of a render that was killed before its first write."""
    script = (
        "import os, signal, sys; from pathlib import Path, PurePosixPath; "
        "from finbase.project import journal\n"
        "with journal.hold(Path(sys.argv[1]), print) as held:\n"
        "    with held.all_or_nothing({PurePosixPath('modules/x.tf'): (None, b'x')}):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(project)], check=False)
    return (project / ".finbase-journal").read_bytes()


def test_doctor_fix_renders_changed_files(repository: Path) -> None:
    with (repository / "environments" / "staging" / "main.tf").open("a") as file:
        file.write("\n")
    found = of(examine(repository), "render")
    assert (found.state, found.found) == ("wrong", "1 files are not as rendered")
    runs(found.fix)
    assert of(examine(repository), "render").state == "fine"


@pytest.mark.parametrize("gone", ["features", "features/failures.yaml", "features/*.feature"])
def test_doctor_fix_restores_features(repository: Path, gone: str) -> None:
    mine = ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*mine, "add", "features"], check=True)
    subprocess.run([*mine, "commit", "--quiet", "--message=x"], check=True)
    for path in repository.glob(gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = of(examine(repository), "features")
    assert found.state == "wrong"
    assert str(repository / "features") in found.found
    assert "restore the features of the project" in found.hint
    runs(found.fix)
    assert of(examine(repository), "features").state == "fine"


def test_examine_invalid_catalogue(repository: Path) -> None:
    (repository / "features" / "failures.yaml").write_text("- id: F01\n")
    found = of(examine(repository), "features")
    assert (found.state, found.fix) == ("wrong", "")
    assert "an entry has no 'severity'" in found.found
    assert found.hint


def test_examine_ignores_folder_named_versions_tf(repository: Path) -> None:
    (repository / "environments" / "x" / "versions.tf").mkdir(parents=True)
    assert "hashicorp/aws 5.100.0" in of(examine(repository), "AWS provider").found


def test_examine_breach_of_release(repository: Path) -> None:
    version = Registry(repository).current("cache").version
    with (repository / "modules" / "cache" / str(version) / "main.tf").open("a") as file:
        file.write("\n")
    findings = tuple(examine(repository))
    found = of(findings, "releases")
    assert found.state == "wrong"
    assert f"modules/cache/{version}" in found.found
    assert "finbase render --force" in found.hint
    assert not any(finding.subject == "render" for finding in findings)


@pytest.mark.parametrize(
    ("harm", "subject", "message"),
    [
        (lambda root: _append(root / "environments/staging.yaml", "\t- {"), "environments", "FB1"),
        (lambda root: _append(root / "modules/releases.lock", "x\n"), "environments", "FB011"),
        (
            lambda root: _append(root / "templates/modules/cache/contract.yaml", ": ["),
            "environments",
            "FB010",
        ),
        (
            lambda root: _append(root / "templates/modules/cache/main.tf.j2", "{% if %}"),
            "templates",
            "main.tf.j2",
        ),
    ],
)
def test_examine_broken_project_file(
    repository: Path, harm: Callable[[Path], None], subject: str, message: str
) -> None:
    harm(repository)
    found = of(examine(repository), subject)
    assert found.state == "wrong"
    assert message in found.found


def _append(path: Path, text_: str) -> None:
    with path.open("a") as file:
        file.write(text_)


def test_doctor_outside_project_exits_1(tmp_path: Path) -> None:
    findings = tuple(examine(tmp_path))
    assert findings[-1].subject == "project"
    assert findings[-1].state == "wrong"
    assert "--project DIR" in findings[-1].hint
    assert of(findings, "AWS provider").found.startswith("hashicorp/aws from")
    done = finbase(tmp_path, "doctor", "-q")
    assert done.exit_code == 1
    assert "`finbase init` starts one" in done.output


def test_doctor_fix_removes_unsafe_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "finbase"
    folder.mkdir()
    folder.chmod(0o777)
    found = of(examine(tmp_path), "cache")
    assert found.state == "missing"
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    runs(found.fix)
    assert not folder.exists()
    assert doctor._cache().state == "fine"
