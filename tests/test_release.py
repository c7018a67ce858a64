"""``finbase release``: what it writes, and what it refuses."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from generator.cli import main
from generator.contract import Version
from generator.lock import Lock
from generator.notes import upgrade_notes

CACHE = Path("templates/modules/cache")


def finbase(project: Path, *arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(main, ["--project", str(project), *arguments])


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def snapshot(project: Path) -> dict[str, bytes]:
    files = (path for path in project.rglob("*") if path.is_file())
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


def newest(project: Path) -> Version:
    return Lock.load(project).released("cache")[-1]


def add_input(project: Path, name: str = "note", default: str = "    default: none\n") -> None:
    text = f"  {name}:\n    type: string\n    description: What for.\n{default}"
    edit(project / CACHE / "contract.yaml", "\nwiring:", f"\n{text}\nwiring:")


def test_a_patch_is_a_folder_a_hash_and_two_notes(project: Path) -> None:
    before, old = snapshot(project), newest(project)
    edit(project / CACHE / "main.tf.j2", "two or three subnets", "2 or 3 subnets")
    done = finbase(
        project, "release", "cache", "patch", "-m", "A clearer comment.", SOURCE_DATE_EPOCH="0"
    )
    assert done.exit_code == 0, done.output
    new = newest(project)
    assert (new.major, new.minor, new.patch) == (old.major, old.minor, old.patch + 1)
    home = f"modules/cache/{new}/"
    changed = {p for p, c in snapshot(project).items() if before.get(p) != c}
    assert {p for p in changed if not p.startswith(home)} == {
        "modules/releases.lock",
        "modules/cache/CHANGELOG.md",
        "modules/cache/UPGRADING.md",
        "templates/modules/cache/contract.yaml",
        "templates/modules/cache/main.tf.j2",
    }
    log = (project / "modules/cache/CHANGELOG.md").read_text()
    assert f"## {new} (patch, {date(1970, 1, 1)})\n\nA clearer comment." in log
    assert log.index(str(new)) < log.index(f"## {old} (")
    (note,) = upgrade_notes(project, "cache", old, new)
    assert note.text == "A clearer comment.\n\nNothing has to be done."
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("level", "old", "new", "reason"),
    [
        (
            "patch",
            "\nwiring:",
            "\n  x:\n    type: string\n    description: d.\n    default: a\n\nwiring:",
            "input x is new",
        ),
        (
            "minor",
            "\nwiring:",
            "\n  x:\n    type: string\n    description: d.\n    examples: [a]\n\nwiring:",
            "input x is new and has no default",
        ),
        ("minor", "    maximum: 35\n", "    maximum: 34\n", "held to more"),
        ("minor", "    default: 5000\n", "    default: 6000\n", "another default"),
        ("minor", "  reader_endpoint:\n", "  replica_endpoint:\n", "output reader_endpoint is"),
        ("minor", 'version: ">= 5.100.0"', 'version: ">= 5.101.0"', "hashicorp/aws"),
        ("minor", 'terraform: ">= 1.11.0"', 'terraform: ">= 1.12.0"', "terraform"),
    ],
)
def test_a_release_that_is_too_small_is_refused_with_file_and_line(
    project: Path, level: str, old: str, new: str, reason: str
) -> None:
    edit(project / CACHE / "contract.yaml", old, new)
    before = snapshot(project)
    done = finbase(project, "release", "cache", level, "-m", "Why.")
    assert done.exit_code == 1, done.output
    (line,) = [line for line in done.output.splitlines() if reason in line]
    assert re.search(r"modules/cache/\d+\.\d+\.\d+/\w+\.tf:\d+: ", line)
    assert f"more than a {level} release" in done.output
    assert snapshot(project) == before
    greater = {"patch": "minor", "minor": "major"}[level]
    assert finbase(project, "release", "cache", greater, "-m", "Why.").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"aws_security_group" "cache"', '"aws_security_group" "main"', "no moved block"),
        ('engine               = "valkey"', 'engine               = "redis"', "would be lost"),
        ("kms_key_id           = var.cache_key_arn", "kms_key_id           = var.name", "replaces"),
    ],
)
def test_what_would_be_destroyed_or_replaced_needs_a_major_release(
    project: Path, old: str, new: str, reason: str
) -> None:
    edit(project / CACHE / "main.tf.j2", old, new)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 1, done.output
    assert reason in done.output


def test_nothing_to_release_and_no_such_module_are_told(project: Path) -> None:
    before = snapshot(project)
    done = finbase(project, "release", "cache", "patch", "-m", "Why.")
    assert done.exit_code == 2
    assert "there is nothing to release" in done.output
    assert finbase(project, "release", "queue", "patch", "-m", "Why.").exit_code == 2
    assert snapshot(project) == before


def test_a_dry_run_writes_nothing(project: Path) -> None:
    add_input(project)
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", "--dry-run")
    assert done.exit_code == 0
    assert "would be released" in done.output
    assert snapshot(project) == before


def test_a_draft_is_rendered_pinned_and_superseded(project: Path) -> None:
    old = newest(project)
    add_input(project)
    edit(project / CACHE / "contract.yaml", f"version: {old}", "version: 7.7.7")
    edit(
        project / "environments/development.yaml",
        f"  cache:\n    version: {old}",
        "  cache:\n    version: 7.7.7\n    note: draft",
    )
    assert finbase(project, "render").exit_code == 0
    assert (project / "modules/cache/7.7.7/main.tf").exists()
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 0, done.output
    assert not (project / "modules/cache/7.7.7").exists()


@pytest.mark.parametrize("text", ["", " ", "one\ntwo"])
def test_a_message_is_a_line_of_text(project: Path, text: str) -> None:
    add_input(project)
    before = snapshot(project)
    assert finbase(project, "release", "cache", "minor", "-m", text).exit_code == 2
    assert snapshot(project) == before


@pytest.mark.parametrize("text", ["## From 1.0.0 to 9.0.0", "# x", "- a", "1. a", "<b>"])
def test_a_message_cannot_begin_a_section(project: Path, text: str) -> None:
    add_input(project)
    old = newest(project)
    done = finbase(project, "release", "cache", "minor", "-m", text)
    if done.exit_code == 0:
        (note,) = upgrade_notes(project, "cache", old, newest(project))
        assert note.after == newest(project)
    else:
        assert done.exit_code == 2
        assert newest(project) == old


def test_a_nonsense_date_is_told(project: Path) -> None:
    add_input(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", SOURCE_DATE_EPOCH="soon")
    assert done.exit_code == 2
    assert "SOURCE_DATE_EPOCH is 'soon'" in done.output


def test_an_older_version_keeps_its_own_contract(project: Path) -> None:
    old = newest(project)
    edit(
        project / CACHE / "contract.yaml",
        "  description:\n    type: string",
        "  purpose:\n    type: string",
    )
    edit(project / CACHE / "main.tf.j2", "var.description", "var.purpose")
    assert finbase(project, "release", "cache", "major", "-m", "Why.").exit_code == 0
    edit(
        project / "environments/development.yaml",
        f"  cache:\n    version: {old}",
        f"  cache:\n    version: {old}\n    description: Sessions",
    )
    assert finbase(project, "render").exit_code == 0
    main_tf = (project / "environments/development/main.tf").read_text()
    assert f"modules/cache/{old}" in main_tf
    assert re.search(r'description += "Sessions"', main_tf)
