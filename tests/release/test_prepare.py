"""``finbase release``: what it writes, and what it refuses."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner, Result

from finbase.cli import main
from finbase.contract.lock import Lock
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.project.tree import read_folder
from finbase.release.compatibility import Level
from finbase.release.integrity import before_the_last
from finbase.release.notes import ReleaseRequest, released, upgrade_notes
from finbase.release.prepare import PLACEHOLDER, prepare
from tests.support.commands import ROOT

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


def test_release_patch_files(project: Path) -> None:
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
        "environments/environment.schema.json",
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
    assert note.text == "A clearer comment.\n\nNo action is required."
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
        ("minor", "    maximum: 35\n", "    maximum: 34\n", "accepts less"),
        ("minor", "    default: 5000\n", "    default: 6000\n", "another default"),
        ("minor", "  reader_endpoint:\n", "  replica_endpoint:\n", "output reader_endpoint is"),
        (
            "minor",
            'version: ">= 5.100.0, < 7.0.0"',
            'version: ">= 5.101.0, < 7.0.0"',
            "hashicorp/aws",
        ),
        ("minor", 'terraform: ">= 1.11.0"', 'terraform: ">= 1.12.0"', "terraform"),
    ],
)
def test_release_refuses_low_level(
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
        ('"aws_security_group" "cache"', '"aws_security_group" "main"', "without a moved block"),
        ('engine               = "valkey"', 'engine               = "redis"', "would be lost"),
        ("kms_key_id           = var.cache_key_arn", "kms_key_id           = var.name", "replaces"),
    ],
)
def test_release_refuses_data_loss(project: Path, old: str, new: str, reason: str) -> None:
    edit(project / CACHE / "main.tf.j2", old, new)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 1, done.output
    assert reason in done.output


def test_release_refuses_the_summary_of_a_new_module(project: Path) -> None:
    assert finbase(project, "new", "module", "exports").exit_code == 0
    contract = project / "templates" / "modules" / "exports" / "contract.yaml"
    assert f"\nsummary: {PLACEHOLDER}\n" in contract.read_text()
    refused = finbase(project, "release", "exports", "minor", "--message", "Exports.")
    assert refused.exit_code == 2
    assert "still has the summary and the description of a new module" in refused.output
    contract.write_text(contract.read_text().replace(PLACEHOLDER, "Exports of snapshots."))
    done = finbase(project, "release", "exports", "minor", "--message", "Exports.")
    assert done.exit_code == 0, done.output


def test_release_without_change_or_module(project: Path) -> None:
    before = snapshot(project)
    done = finbase(project, "release", "cache", "patch", "-m", "Why.")
    assert done.exit_code == 2
    assert (
        f"cache still renders the same as {newest(project)}, so there is nothing to release"
        in done.output
    )
    assert "hint: change templates/modules/cache/ first\n" in done.output
    done = finbase(project, "release", "queue", "patch", "-m", "Why.")
    assert done.exit_code == 2
    assert "templates/modules/queue/contract.yaml not found\n" in done.output
    assert "hint: name one of access, cache, " in done.output
    assert "secret, or run `finbase new module queue`\n" in done.output
    assert snapshot(project) == before


def test_release_dry_run(project: Path) -> None:
    add_input(project)
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", "--dry-run")
    assert done.exit_code == 0
    assert "would be released" in done.output
    assert snapshot(project) == before


def test_release_replaces_draft(project: Path) -> None:
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


def test_release_of_the_draft_version(project: Path) -> None:
    old = newest(project)
    draft = Version(old.major, old.minor + 1, 0)
    add_input(project)
    edit(project / CACHE / "contract.yaml", f"version: {old}", f"version: {draft}")
    edit(
        project / "environments/development.yaml",
        f"  cache:\n    version: {old}",
        f"  cache:\n    version: {draft}",
    )
    assert finbase(project, "render").exit_code == 0
    files = read_folder(project, PurePosixPath("modules/cache", str(draft)))
    assert files
    assert finbase(project, "release", "cache", "minor", "-m", "Why.").exit_code == 0
    assert newest(project) == draft
    assert read_folder(project, PurePosixPath("modules/cache", str(draft))) == files


def test_prepare_steps(project: Path) -> None:
    old = newest(project)
    add_input(project)
    before = snapshot(project)
    request = ReleaseRequest("cache", Level.MAJOR, "Why.", (), date(2026, 1, 2))
    made = prepare(project, Registry(project), request)
    assert (made.module, made.version, made.previous) == (
        "cache",
        Version(old.major + 1, 0, 0),
        old,
    )
    assert (made.level, made.needed, made.refused) == (Level.MAJOR, Level.MINOR, ())
    assert snapshot(project) == before
    assert {str(path) for path, (was, _) in made.steps.items() if was is not None} == {
        "environments/environment.schema.json",
        "modules/releases.lock",
        "modules/cache/CHANGELOG.md",
        "modules/cache/UPGRADING.md",
        "templates/modules/cache/contract.yaml",
    }
    for path, (was, after) in made.steps.items():
        assert was == before.get(str(path))
        assert after not in (None, was)


def test_release_module_with_archive(project: Path) -> None:
    with (project / "templates/modules/secret/main.tf.j2").open("a") as file:
        file.write("\n# More.\n")
    done = finbase(project, "release", "secret", "patch", "-m", "Why.")
    assert done.exit_code == 0, done.output
    assert finbase(project, "render", "--check").exit_code == 0


def test_release_refuses_older_templates(project: Path) -> None:
    old = newest(project)
    edit(project / CACHE / "contract.yaml", f"version: {old}", "version: 0.9.0")
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    what, out = before_the_last("cache", Version(0, 9, 0), old)
    assert f"{what}\n    hint: {out}\n" in done.output
    assert snapshot(project) == before


def test_release_reports_unreadable_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_input(project)
    schema = project / "environments/environment.schema.json"
    real = Path.read_bytes

    def read(path: Path) -> bytes:
        if path == schema:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    assert f"cannot read {schema}: Permission denied\n" in done.output


@pytest.mark.parametrize("text", ["", " ", "one\ntwo"])
def test_release_message_is_one_line(project: Path, text: str) -> None:
    add_input(project)
    before = snapshot(project)
    assert finbase(project, "release", "cache", "minor", "-m", text).exit_code == 2
    assert snapshot(project) == before


def test_release_refuses_invalid_date(project: Path) -> None:
    add_input(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", SOURCE_DATE_EPOCH="soon")
    assert done.exit_code == 2
    assert "SOURCE_DATE_EPOCH is 'soon'" in done.output


def test_older_version_keeps_its_contract(project: Path) -> None:
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


HOSTILE = [
    "## From 1.0.0 to 9.0.0",
    "   ## 9.0.0 (major, 2026-01-01)",
    "# x",
    "- a",
    "1. a",
    "> a",
    "<!-- a",
    "```",
    "    code",
    "---",
    "[x]: y",
    "a `## From 1.0.0 to 9.0.0` b",
    "{{ x }} ${y} %{z}",
    "é 漢 😀",
    "x" * 500,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_notes_escape_markdown(project: Path, text: str) -> None:
    add_input(project)
    old = newest(project)
    done = finbase(project, "release", "cache", "minor", "-m", text, "--note", text)
    assert done.exit_code == 0, done.output
    new = newest(project)
    (note,) = upgrade_notes(project, "cache", old, Version(99, 0, 0))
    assert (note.before, note.after) == (old, new)
    paragraph, listed = note.text.split("\n\n")
    assert paragraph.replace("\\", "") == text.strip()
    assert listed.replace("\\", "") == f"- {text.strip()}"
    assert re.match(r"[^\s#>*+~=`|<_\[-]", paragraph)
    assert released(project, "cache") == {*Lock.load(project).released("cache")}


@pytest.mark.parametrize(
    "text", ["a\rb", "a\x00b", "a\x1b[31mb", "a\u202eb", "a\u200bb", "a\u2028b", "x" * 501]
)
@pytest.mark.parametrize("option", ["-m", "--note"])
def test_notes_refuse_invalid_text(project: Path, option: str, text: str) -> None:
    add_input(project)
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", option, text)
    assert done.exit_code == 2
    assert "write a message or note as one line of text: " in done.output
    assert snapshot(project) == before


def test_notes_keep_manual_edits(project: Path) -> None:
    old = newest(project)
    log, upgrading = (project / "modules/cache" / f"{n}.md" for n in ("CHANGELOG", "UPGRADING"))
    for path in (log, upgrading):
        path.write_text(f"{path.read_text()}\nA sentence by hand.\n\n## Not a version\n\nMore.\n")
    intro = "# Upgrading the module cache\n\nRead this first.\n"
    edit(upgrading, "# Upgrading the module cache\n", intro)
    parts = [path.read_text().partition("\n## ") for path in (log, upgrading)]
    add_input(project)
    assert finbase(project, "release", "cache", "minor", "-m", "Why.").exit_code == 0
    for path, (head, mark, rest) in zip((log, upgrading), parts, strict=True):
        text = path.read_text()
        assert text.startswith(f"{head.rstrip()}\n\n## ")
        assert text.endswith(mark + rest)
    (note,) = upgrade_notes(project, "cache", old, newest(project))
    assert "by hand" not in note.text


@pytest.mark.parametrize("content", ["", "\n", "## 1.0.0 (first release, 2026-01-01)\n"])
def test_notes_without_a_title(project: Path, content: str) -> None:
    log = project / "modules/cache/CHANGELOG.md"
    log.write_text(content)
    add_input(project)
    assert finbase(project, "release", "cache", "minor", "-m", "Why.").exit_code == 0
    text = log.read_text()
    assert text.index(f"## {newest(project)} (") < (
        text.find("## 1.0.0") if content.strip() else 99
    )
    assert text.startswith("# Changelog of the module cache\n" if not content.strip() else "## ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff", "not UTF-8"),
        (b"# Log\0\n", "invisible character U+0000"),
        (b"# Log\r## 1.0.0 (first release)\r", "invisible character U+000D"),
    ],
)
def test_notes_refuse_binary_file(project: Path, content: bytes, why: str) -> None:
    (project / "modules/cache/CHANGELOG.md").write_bytes(content)
    add_input(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    assert re.search(rf"modules/cache/CHANGELOG\.md:1:\d+: {re.escape(why)}", done.output)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("version: {old}", "version: {new}"),
        ('version: "{old}"', "version: {new}"),
        ("version:   '{old}'  # by release", "version: {new}  # by release"),
        ("version: {old} # {old}", "version: {new} # {old}"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_release_rewrites_version_only(project: Path, line: str, after: str, end: str) -> None:
    old = newest(project)
    add_input(project)
    path = project / CACHE / "contract.yaml"
    edit(path, f"version: {old}\n", line.format(old=old) + "\n")
    before = path.read_bytes().replace(b"\n", end.encode())
    path.write_bytes(before)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 0, done.output
    written, expected = (
        text.format(old=old, new=newest(project)).encode() + end.encode() for text in (line, after)
    )
    assert path.read_bytes() == before.replace(written, expected)
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize("key", ['"version": {}', "version : {}", "? version\n: {}"])
def test_release_refuses_unusual_version_key(project: Path, key: str) -> None:
    add_input(project)
    edit(
        project / CACHE / "contract.yaml",
        f"version: {newest(project)}",
        key.format(newest(project)),
    )
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    assert "contract.yaml has no line that starts with `version:`\n" in done.output
    old = newest(project)
    line = f"version: {old.major}.{old.minor + 1}.0"
    assert f"hint: write `{line}` at the start of a line\n" in done.output
    assert snapshot(project) == before


def test_release_refuses_ambiguous_version_line(project: Path) -> None:
    add_input(project)
    edit(
        project / CACHE / "contract.yaml",
        f"version: {newest(project)}\n",
        f'description: "one\nversion: of them"\nversion: {newest(project)}\n',
    )
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    assert "has another line before its version that starts with `version:`\n" in done.output
    assert "hint: move the version above the other line\n" in done.output
    assert snapshot(project) == before


UNREADABLE = {
    "heredoc": "locals {\n  note = <<-EOT\n    exports\n  EOT  \n}\n",
    "strip": 'locals {\n  note = "a ${~ var.name ~} b"\n}\n',
    "letters": "locals {\n  größe = 1\n}\n",
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_first_release_refuses_unreadable_hcl(project: Path, case: str) -> None:
    assert finbase(project, "new", "module", "exports").exit_code == 0
    edit(project / "templates/modules/exports/contract.yaml", PLACEHOLDER, "Exports of snapshots.")
    template = project / "templates/modules/exports/main.tf.j2"
    good = template.read_text()
    template.write_text(good + UNREADABLE[case])
    before = snapshot(project)
    done = finbase(project, "release", "exports", "minor", "-m", "First.")
    assert done.exit_code == 2
    assert "modules/exports/1.0.0/main.tf is not HCL that finbase can read" in done.output
    assert snapshot(project) == before
    template.write_text(good)
    assert finbase(project, "release", "exports", "minor", "-m", "First.").exit_code == 0


@pytest.mark.parametrize("name", ["more.tf.json", "main_override.tf"])
def test_first_release_refuses_other_files(project: Path, name: str) -> None:
    assert finbase(project, "new", "module", "exports").exit_code == 0
    (project / "templates/modules/exports" / name).write_text("{}\n" if "json" in name else "")
    done = finbase(project, "release", "exports", "minor", "-m", "First.")
    assert done.exit_code == 2
    assert re.search(rf"modules/exports/1\.0\.0/{re.escape(name)}[ :]", done.output)


def test_release_refuses_invalid_hcl(project: Path) -> None:
    with (project / CACHE / "main.tf.j2").open("a") as file:
        file.write('resource "aws_eip" {\n')
    before = snapshot(project)
    done = finbase(project, "release", "cache", "major", "-m", "Why.")
    assert done.exit_code == 2
    assert re.search(r"modules/cache/\S+/main\.tf is not HCL", done.output)
    assert (
        "hint: correct the template or contract.yaml of the module, and release again\n"
        in done.output
    )
    assert snapshot(project) == before


@pytest.mark.parametrize("epoch", ["-1", "1.5", " 1", "1_0", "٣", "9" * 30, "x" * 99])
def test_release_refuses_invalid_epoch(project: Path, epoch: str) -> None:
    add_input(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", SOURCE_DATE_EPOCH=epoch)
    assert done.exit_code == 2
    assert "not a number of seconds since 1970" in done.output


def test_first_release(project: Path) -> None:
    lock = project / "modules/releases.lock"
    kept = [line for line in lock.read_text().splitlines(True) if not line.startswith("cache ")]
    lock.write_text("".join(kept))
    shutil.rmtree(project / "modules/cache")
    edit(project / CACHE / "contract.yaml", "\nversion: ", "\nversion: 3.2.1 # was ")
    done = finbase(project, "release", "cache", "patch", "-m", "The first.")
    assert done.exit_code == 0, done.output
    assert Lock.load(project).released("cache") == (Version(3, 2, 1),)
    assert "## 3.2.1 (first release, " in (project / "modules/cache/CHANGELOG.md").read_text()
    assert not (project / "modules/cache/UPGRADING.md").exists()


def test_release_refuses_changed_predecessor(project: Path) -> None:
    add_input(project)
    with (project / "modules/cache" / str(newest(project)) / "main.tf").open("a") as file:
        file.write("# More.\n")
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    folder = f"modules/cache/{newest(project)}"
    assert f"{folder} was changed since its release, so cache cannot be compared" in done.output
    assert "hint: run `finbase render --check` for the difference and the fix\n" in done.output
    assert snapshot(project) == before


def test_release_refuses_existing_folder(project: Path) -> None:
    add_input(project)
    old = newest(project)
    place = project / f"modules/cache/{old.major}.{old.minor + 1}.0"
    place.mkdir()
    (place / "notes.txt").write_text("Mine.\n")
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    folder = place.relative_to(project)
    what = f"modules/releases.lock has no line for {folder}, although it may have been released\n"
    assert what in done.output
    assert "hint: run `finbase render --check` for the fix\n" in done.output
    assert snapshot(project) == before


def test_release_refuses_version_in_changelog(project: Path) -> None:
    old = newest(project)
    lock = project / "modules/releases.lock"
    text = lock.read_text()
    kept = [line for line in text.splitlines(True) if not line.startswith(f"cache {old} ")]
    assert len(kept) + 1 == len(text.splitlines())
    lock.write_text("".join(kept))
    add_input(project)
    before = snapshot(project)
    for level in ("minor", "major"):
        done = finbase(project, "release", "cache", level, "-m", "Why.")
        assert done.exit_code == 2
        assert f" has no line for modules/cache/{old}, although it may have been" in done.output
    assert snapshot(project) == before


def test_release_refuses_foreign_file_in_draft(project: Path) -> None:
    old = newest(project)
    add_input(project)
    draft = f"{old.major}.{old.minor + 1}.0"
    edit(project / CACHE / "contract.yaml", f"version: {old}", f"version: {draft}")
    assert finbase(project, "render").exit_code == 0
    folder = project / f"modules/cache/{draft}"
    if not folder.exists():
        folder.mkdir()
    for name in ("mine.txt", "yours.txt"):
        (folder / name).write_text("Mine.\n")
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    both = f"modules/cache/{draft}/mine.txt, modules/cache/{draft}/yours.txt"
    assert f"these files were not rendered by finbase: {both}\n" in done.output
    assert "hint: move them out of the release's folder\n" in done.output
    assert snapshot(project) == before


FAULT = ROOT / "tests" / "support" / "fault.py"


def faulty(project: Path, kind: str, number: int, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(FAULT), kind, str(number), str(project), *arguments],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": os.devnull},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    _, told = child.communicate(timeout=60)
    assert "Traceback" not in told
    return child.returncode, told


RELEASE = ("release", "cache", "minor", "-m", "Why.")


def test_killed_release_is_undone(project: Path, tmp_path_factory: Any) -> None:
    add_input(project)
    before = snapshot(project)
    other = tmp_path_factory.mktemp("counted") / "project"
    shutil.copytree(project, other)
    code, told = ended(faulty(other, "count", 0, *RELEASE))
    assert code == 0
    moments = int(told.splitlines()[-1])
    for moment in random.Random(1).sample(range(3, moments), 3):
        code, _ = ended(faulty(project, "kill", moment, *RELEASE))
        assert code == -signal.SIGKILL
        finbase(project, "release", "kms", "patch", "-m", "Takes the journal.")
        assert snapshot(project) == before, f"killed at moment {moment} of {moments}"
    assert finbase(project, *RELEASE).exit_code == 0


def test_concurrent_releases(project: Path) -> None:
    add_input(project)
    edit(project / "templates/modules/kms/contract.yaml", "\ninputs:", "\n# Why.\ninputs:")
    kms = Lock.load(project).released("kms")
    children = [
        faulty(project, "kill", 0, *RELEASE),
        faulty(project, "kill", 0, "release", "kms", "patch", "-m", "Why."),
        faulty(project, "kill", 0, *RELEASE),
    ]
    codes = [ended(child)[0] for child in children]
    assert codes[1] == 0
    assert sorted([codes[0], codes[2]]) == [0, 2], "the other has nothing to release any more"
    assert len(Lock.load(project).released("kms")) == len(kms) + 1
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize("folder", ["modules/cache", "modules", "templates/modules/cache"])
def test_release_read_only_folder(project: Path, folder: str) -> None:
    add_input(project)
    before = snapshot(project)
    (project / folder).chmod(0o555)
    try:
        code, told = ended(faulty(project, "bound", 0, *RELEASE))
    finally:
        (project / folder).chmod(0o755)
    assert code == 2
    assert "Permission denied" in told
    assert snapshot(project) == before


def test_release_dry_run_read_only(project: Path) -> None:
    add_input(project)
    project.chmod(0o555)
    try:
        code, told = ended(faulty(project, "bound", 0, *RELEASE, "--dry-run"))
    finally:
        project.chmod(0o755)
    assert (code, told) == (0, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<<<<<< HEAD\nX = 1\n=======\nX = 2\n>>>>>>> other\n", "py:1:1: a merge conflict"),
        ("def (\n", "credentials.py:1: not Python: invalid syntax"),
        ("return\n", "credentials.py:1: not Python: 'return' outside function"),
    ],
)
def test_release_refuses_broken_python(project: Path, text: str, message: str) -> None:
    path = project / "templates" / "modules" / "secret" / "rotation" / "credentials.py"
    path.write_text(text + path.read_text())
    before = snapshot(project)
    done = finbase(project, "release", "secret", "patch", "-m", "Why.")
    assert done.exit_code == 2
    assert message in done.output
    assert snapshot(project) == before
