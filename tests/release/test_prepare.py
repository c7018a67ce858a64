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
from finbase.release.notes import released, upgrade_notes
from finbase.release.prepare import prepare
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
        ("minor", "    maximum: 35\n", "    maximum: 34\n", "accepts less"),
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
        ('"aws_security_group" "cache"', '"aws_security_group" "main"', "without a moved block"),
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
    assert f"cache renders as {newest(project)} did, so there is nothing to release" in done.output
    assert "hint: change its templates first: templates/modules/cache/\n" in done.output
    done = finbase(project, "release", "queue", "patch", "-m", "Why.")
    assert done.exit_code == 2
    assert "there is no templates/modules/queue/contract.yaml\n" in done.output
    assert "hint: there are access, cache, " in done.output
    assert "secret; `finbase new module` begins another\n" in done.output
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


def test_a_release_of_the_draft_itself_takes_its_place(project: Path) -> None:
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


def test_what_is_prepared_says_what_was_there_before(project: Path) -> None:
    old = newest(project)
    add_input(project)
    before = snapshot(project)
    made = prepare(project, Registry(project), "cache", Level.MAJOR, "Why.", (), date(2026, 1, 2))
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


def test_a_module_that_ships_an_archive_is_released(project: Path) -> None:
    with (project / "templates/modules/secret/main.tf.j2").open("a") as file:
        file.write("\n# More.\n")
    done = finbase(project, "release", "secret", "patch", "-m", "Why.")
    assert done.exit_code == 0, done.output
    assert finbase(project, "render", "--check").exit_code == 0


def test_templates_before_the_last_release_release_nothing(project: Path) -> None:
    old = newest(project)
    edit(project / CACHE / "contract.yaml", f"version: {old}", "version: 0.9.0")
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    what, out = before_the_last("cache", Version(0, 9, 0), old)
    assert f"{what}\n    hint: {out}\n" in done.output
    assert snapshot(project) == before


def test_a_file_that_cannot_be_read_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_message_is_a_line_of_text(project: Path, text: str) -> None:
    add_input(project)
    before = snapshot(project)
    assert finbase(project, "release", "cache", "minor", "-m", text).exit_code == 2
    assert snapshot(project) == before


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
def test_what_is_told_is_read_again_as_one_section(project: Path, text: str) -> None:
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
def test_what_cannot_be_a_sentence_is_refused(project: Path, option: str, text: str) -> None:
    add_input(project)
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", option, text)
    assert done.exit_code == 2
    assert "a message or note is one line of text, but it" in done.output.replace(
        "but the character", "but it"
    )
    assert snapshot(project) == before


def test_what_people_wrote_into_the_notes_stays(project: Path) -> None:
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


def test_notes_that_are_no_text_are_told(project: Path) -> None:
    (project / "modules/cache/CHANGELOG.md").write_bytes(b"\xff")
    add_input(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    assert "modules/cache/CHANGELOG.md is not UTF-8" in done.output


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
def test_only_the_version_of_a_contract_is_rewritten(
    project: Path, line: str, after: str, end: str
) -> None:
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
def test_a_version_that_cannot_be_rewritten_is_told(project: Path, key: str) -> None:
    add_input(project)
    edit(
        project / CACHE / "contract.yaml",
        f"version: {newest(project)}",
        key.format(newest(project)),
    )
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    assert "contract.yaml has no line that begins with `version:`\n" in done.output
    old = newest(project)
    line = f"version: {old.major}.{old.minor + 1}.0"
    assert f"hint: write `{line}` on a line of its own, at its begin\n" in done.output
    assert snapshot(project) == before


def test_a_line_that_looks_like_the_version_is_told(project: Path) -> None:
    add_input(project)
    edit(
        project / CACHE / "contract.yaml",
        f"version: {newest(project)}\n",
        f'words: "one\nversion: of them"\nversion: {newest(project)}\n',
    )
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    assert "contract.yaml has another line before its version that looks like it\n" in done.output
    hint = "put the version before all other lines that begin with `version:`"
    assert f"hint: {hint}\n" in done.output
    assert snapshot(project) == before


def test_a_template_that_renders_no_hcl_is_told(project: Path) -> None:
    with (project / CACHE / "main.tf.j2").open("a") as file:
        file.write('resource "x" {\n')
    before = snapshot(project)
    done = finbase(project, "release", "cache", "major", "-m", "Why.")
    assert done.exit_code == 2
    assert re.search(r"modules/cache/\S+/main\.tf is not HCL", done.output)
    assert "hint: mend the template that renders it\n" in done.output
    assert snapshot(project) == before


@pytest.mark.parametrize("epoch", ["-1", "1.5", " 1", "1_0", "٣", "9" * 30, "x" * 99])
def test_no_nonsense_is_a_date(project: Path, epoch: str) -> None:
    add_input(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.", SOURCE_DATE_EPOCH=epoch)
    assert done.exit_code == 2
    assert "which is no number of seconds since 1970" in done.output


def test_a_first_release_has_the_version_of_its_contract(project: Path) -> None:
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


def test_a_release_goes_on_from_one_that_is_whole_alone(project: Path) -> None:
    add_input(project)
    with (project / "modules/cache" / str(newest(project)) / "main.tf").open("a") as file:
        file.write("# More.\n")
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    folder = f"modules/cache/{newest(project)}"
    assert (
        f"{folder} is not as it was released, so nothing can be compared with it\n" in done.output
    )
    assert "hint: `finbase render --check` shows the difference and the way out\n" in done.output
    assert snapshot(project) == before


def test_what_lies_where_the_release_goes_stays(project: Path) -> None:
    add_input(project)
    old = newest(project)
    place = project / f"modules/cache/{old.major}.{old.minor + 1}.0"
    place.mkdir()
    (place / "notes.txt").write_text("Mine.\n")
    before = snapshot(project)
    done = finbase(project, "release", "cache", "minor", "-m", "Why.")
    assert done.exit_code == 2
    folder = place.relative_to(project)
    what = f"{folder} may have been released already, but is in no line of modules/releases.lock\n"
    assert what in done.output
    assert "hint: `finbase render --check` shows the way out\n" in done.output
    assert snapshot(project) == before


def test_what_the_notes_say_was_released_is_not_given_out_again(project: Path) -> None:
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
        assert f"modules/cache/{old} may have been released already, but is in no " in done.output
    assert snapshot(project) == before


def test_a_file_of_somebody_elses_in_the_draft_is_not_taken_along(project: Path) -> None:
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
    assert f"not rendered by finbase: {both}\n" in done.output
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


def test_a_release_that_is_killed_is_undone(project: Path, tmp_path_factory: Any) -> None:
    add_input(project)
    before = snapshot(project)
    other = tmp_path_factory.mktemp("counted") / "project"
    shutil.copytree(project, other)
    code, told = ended(faulty(other, "count", 0, *RELEASE))
    assert code == 0
    moments = int(told.splitlines()[-1])
    for moment in random.Random(1).sample(range(3, moments), 6):
        code, _ = ended(faulty(project, "kill", moment, *RELEASE))
        assert code == -signal.SIGKILL
        finbase(project, "release", "kms", "patch", "-m", "Takes the journal.")
        assert snapshot(project) == before, f"killed at moment {moment} of {moments}"
    assert finbase(project, *RELEASE).exit_code == 0


def test_of_two_releases_at_once_the_second_builds_on_the_first(project: Path) -> None:
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
def test_a_folder_that_cannot_be_written_to_changes_nothing(project: Path, folder: str) -> None:
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


def test_a_dry_run_needs_no_right_to_write(project: Path) -> None:
    add_input(project)
    project.chmod(0o555)
    try:
        code, told = ended(faulty(project, "bound", 0, *RELEASE, "--dry-run"))
    finally:
        project.chmod(0o755)
    assert (code, told) == (0, "")
