"""The hooks for pre-commit, run by the real one in a repository that uses them.

It clones this repository, builds finbase and installs it into an environment of its own, as for
everybody; only the packages that finbase depends on are not downloaded, but those of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.commands import FOLDERS, ROOT, copy_folders, search_path

MANIFEST = ".pre-commit-hooks.yaml"
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")


@dataclass(frozen=True)
class Repository:
    """A repository whose commits pre-commit looks at; ``home`` is where pre-commit keeps things."""

    path: Path
    home: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        packages = os.pathsep.join(search_path().split(os.pathsep)[1:])
        environ = {
            **os.environ,
            "FINBASE_CACHE": "0",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PIP_NO_BUILD_ISOLATION": "0",  # It means 1: https://github.com/pypa/pip/issues/5735
            "PIP_NO_INDEX": "1",
            "PRE_COMMIT_HOME": str(self.home),
            "PYTHONPATH": packages,
            "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        }
        return subprocess.run(
            command, cwd=self.path, env=environ, capture_output=True, text=True, check=False
        )

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        done = self.run("git", *who, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self) -> subprocess.CompletedProcess[str]:
        self.git("add", "--all")
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        return self.run("git", *who, "commit", "--message", "A change.")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A project that has the hooks installed, of a finbase that is a repository of its own."""
    scratch = tmp_path_factory.mktemp("pre-commit")
    hooks = Repository(scratch / "finbase", scratch / "home")
    hooks.path.mkdir()
    copy_folders(hooks.path, *FOLDERS, "docs", "generator", "requirements")
    for name in ("pyproject.toml", "README.md", "LICENSE", MANIFEST):
        shutil.copy(ROOT / name, hooks.path / name)
    hooks.git("init", "--quiet")
    hooks.git("add", "--all")
    hooks.git("commit", "--quiet", "--message", "All.")

    project = Repository(scratch / "project", scratch / "home")
    copy_folders(project.path, *FOLDERS)
    use = [{"id": "finbase-render-check"}, {"id": "finbase-check", "args": ["development"]}]
    revision = hooks.git("rev-parse", "HEAD")
    config = {"repos": [{"repo": str(hooks.path), "rev": revision, "hooks": use}]}
    (project.path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    project.git("init", "--quiet")
    done = project.run(PRE_COMMIT, "install", "--install-hooks")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_manifest_names_existing_commands() -> None:
    done = subprocess.run([PRE_COMMIT, "validate-manifest", MANIFEST], cwd=ROOT, check=False)
    assert done.returncode == 0
    hooks = yaml.safe_load((ROOT / MANIFEST).read_text())
    assert [hook["id"] for hook in hooks] == [
        "finbase-render",
        "finbase-render-check",
        "finbase-check",
    ]
    for hook in hooks:
        program, command, *options = hook["entry"].split()
        assert program == "finbase"
        told = subprocess.run(
            [Path(sys.executable).with_name("finbase"), command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert all(option in told for option in options)


def test_commit_requires_rendered_files(repository: Repository) -> None:
    (installed,) = repository.home.glob("repo*/py_env-*/lib/python*/site-packages/finbase")
    written = {
        path.relative_to(ROOT / "generator" / "finbase")
        for path in (ROOT / "generator" / "finbase").rglob("*.*")
    }
    kept = {path for path in written if "__pycache__" not in path.parts}
    assert {path for path in kept if not (installed / path).exists()} == set()
    first = repository.commit()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "finbase render --check" in first.stderr
    path = repository.path / "environments" / "staging.yaml"
    text = path.read_text()
    path.write_text(text.replace("freeable_memory_threshold_mib: 1024", "port: 1"))
    refused = repository.commit()
    assert refused.returncode == 1
    assert "unknown key `port`" in refused.stderr
    path.write_text(text.replace("_mib: 1024", "_mib: 2048"))
    stale = repository.commit()
    assert stale.returncode == 1
    assert "+  freeable_memory_threshold_mib = 2048" in stale.stderr
    render = repository.home.glob("repo*/py_env-*/bin/finbase")
    assert repository.run(next(iter(render)), "render").returncode == 0
    assert repository.commit().returncode == 0
    (repository.path / "unrelated.txt").write_text("Text.\n")
    other = repository.commit()
    assert other.returncode == 0
    assert "(no files to check)Skipped" in other.stderr


def test_push_requires_a_check(repository: Repository) -> None:
    """What a check finds is proven elsewhere: this one ends before it starts Terraform."""
    path = repository.path / "environments" / "development.yaml"
    text = path.read_text()
    path.write_text(f"{text}unknown: 1\n")
    repository.git("add", "--all")
    push = ("run", "--all-files", "--hook-stage", "pre-push", "finbase-check")
    done = repository.run(PRE_COMMIT, *push)
    path.write_text(text)
    assert done.returncode == 1
    assert "finbase check" in done.stdout
    assert "- exit code: 2" in done.stdout
    assert "environments/development.yaml" in done.stdout
    assert "unknown key `unknown`" in done.stdout
