"""Pins that newer releases have followed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from finbase.cli import main
from finbase.contract.lock import PATH, Lock
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.load import load_environments
from finbase.upgrade.pins import Outdated, outdated
from tests.support.commands import ROOT, run

HASH = f"h1:{'A' * 43}="
PINNED = Version(1, 0, 0)
versions = st.builds(Version, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))


def finbase(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), "outdated", *arguments])


def release(project: Path, module: str, *releases: Version) -> None:
    """Make these, and the pinned one, all that is released in the project."""
    lock = Lock()
    for version in (PINNED, *releases):
        lock = lock.with_release(module, version, HASH)
        folder = project / "modules" / module / str(version)
        if not folder.exists():
            shutil.copytree(project / "modules" / module / str(PINNED), folder)
            contract = folder / "contract.yaml"
            text = contract.read_text().replace(f"version: {PINNED}", f"version: {version}", 1)
            contract.write_text(text)
    (project / PATH).write_text(lock.text())


@pytest.fixture
def pinned(project: Path) -> Path:
    """The project, with every pin at the same version and nothing released.

    Values that this version does not accept, because newer ones brought them, are removed; so are
    the roles, whose first release needs a newer secret.
    """
    registry = Registry(project)
    for path in project.glob("environments/*.yaml"):
        environment = yaml.safe_load(path.read_text())
        del environment["modules"]["roles"]
        for module, section in environment["modules"].items():
            properties = registry.get(module, PINNED).section_schema()["properties"]
            for name, value in [*section.items()]:
                if name == "version":
                    section[name] = str(PINNED)
                elif not jsonschema_rs.is_valid(properties.get(name, False), value):
                    del section[name]
        path.write_text(yaml.safe_dump(environment, sort_keys=False))
    (project / PATH).unlink(missing_ok=True)
    return project


def find(project: Path, *names: str) -> list[Outdated]:
    registry = Registry(project)
    return list(outdated(load_environments(project, registry, names), registry))


def test_outdated_none(pinned: Path) -> None:
    release(pinned, "kms", Version(0, 9, 0))
    result = finbase(pinned)
    assert (result.exit_code, result.output) == (0, "every pin is the newest release\n")


def test_outdated_compatible_and_newest(pinned: Path) -> None:
    release(pinned, "kms", Version(1, 0, 1), Version(1, 2, 0), Version(1, 10, 0), Version(2, 0, 0))
    (found,) = find(pinned, "staging")
    assert (found.environment, found.module, found.pinned) == ("staging", "kms", PINNED)
    assert (found.compatible, found.newest) == (Version(1, 10, 0), Version(2, 0, 0))
    lines = (pinned / found.path).read_text().splitlines()
    assert lines[found.line - 2 : found.line] == ["  kms:", "    version: 1.0.0"]


def test_outdated_major_only(pinned: Path) -> None:
    release(pinned, "kms", Version(2, 0, 0))
    result = finbase(pinned, "staging")
    assert result.exit_code == 1
    head, row = result.output.splitlines()
    assert head.split() == ["where", "module", "pinned", "compatible", "newest"]
    where, *versions = row.split()
    assert re.fullmatch(r"environments/staging\.yaml:\d+", where)
    assert versions == ["kms", "1.0.0", "-", "2.0.0"]


def test_outdated_of_named_environments(pinned: Path) -> None:
    release(pinned, "cache", Version(1, 0, 1))
    assert [row.environment for row in find(pinned)] == ["development", "production", "staging"]
    assert [row.environment for row in find(pinned, "staging")] == ["staging"]


def test_outdated_ignores_drafts(pinned: Path) -> None:
    release(pinned, "kms")
    contract = pinned / "templates" / "modules" / "kms" / "contract.yaml"
    contract.write_text(re.sub(r"(?m)^version: .*", "version: 9.0.0", contract.read_text()))
    assert Registry(pinned).current("kms").version == Version(9, 0, 0)
    assert find(pinned) == []


def test_outdated_json_to_stdout(pinned: Path) -> None:
    release(pinned, "kms", Version(1, 1, 0))
    result = run(pinned, "outdated", "staging", "--json", "-")
    assert result.returncode == 1
    document = json.loads(result.stdout)
    (row,) = document["outdated"]
    assert document["schema_version"] == 1
    assert {
        key: row[key] for key in ("environment", "module", "pinned", "compatible", "newest")
    } == {
        "environment": "staging",
        "module": "kms",
        "pinned": "1.0.0",
        "compatible": "1.1.0",
        "newest": "1.1.0",
    }
    assert row["file"] == "environments/staging.yaml"
    assert "kms" in result.stderr


def test_outdated_json_none(pinned: Path, tmp_path: Path) -> None:
    result = finbase(pinned, "--json", str(tmp_path / "outdated.json"))
    assert result.exit_code == 0
    document = json.loads((tmp_path / "outdated.json").read_text())
    assert document == {"schema_version": 1, "outdated": []}


def test_outdated_refuses_invalid_input(pinned: Path) -> None:
    assert finbase(pinned, "nowhere").exit_code == 2
    (pinned / PATH).write_text("kms 1.0.0 nothing\n")
    result = finbase(pinned)
    assert result.exit_code == 2
    assert "modules/releases.lock:1:1" in result.output


@given(st.sets(versions, max_size=8))
def test_outdated_bounds(released: set[Version]) -> None:
    registry = Registry(ROOT)
    lock = Lock({("kms", version): HASH for version in released})
    registry.__dict__["lock"] = lock
    (staging,) = load_environments(ROOT, Registry(ROOT), ["staging"])
    found = {row.module: row for row in outdated([staging], registry)}.get("kms")
    use = staging.module("kms")
    assert use is not None
    newer = {version for version in released if version > use.version}
    if found is None:
        assert not newer
    else:
        assert found.newest == max(newer)
        compatible = {version for version in newer if version.major == use.version.major}
        assert found.compatible == max(compatible, default=use.version)
