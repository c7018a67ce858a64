"""New modules and new environments."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.errors import FinbaseError
from finbase.judge.check import check
from finbase.release.prepare import PLACEHOLDER
from finbase.scaffold import placing
from finbase.scaffold.copying import mentions, renamed
from finbase.scaffold.new_environment import new_environment
from finbase.scaffold.new_module import new_module
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.support.commands import finbase
from tests.support.formatting import fmt_check

SCHEMA = "# yaml-language-server: $schema=environment.schema.json\n"
names = st.from_regex(r"[a-z][a-z0-9]{1,8}(-[a-z0-9]{1,4})?", fullmatch=True) | st.sampled_from(
    ["null", "true", "false", "no", "on", "yes", "y", "off"]
)


def snapshot(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


# Modules.


def test_new_module_renders(project: Path) -> None:
    before = snapshot(project)
    result = finbase(project, "new", "module", "audit")
    assert result.exit_code == 0
    for name in ("contract.yaml", "design.yaml", "main.tf.j2", "tests/audit.tftest.hcl.j2"):
        assert f"written: templates/modules/audit/{name}\n" in result.output
    assert finbase(project, "render").exit_code == 0
    after = snapshot(project)
    schema = project / "environments" / "environment.schema.json"
    assert {path for path in before if after[path] != before[path]} == {schema}
    new = {path.relative_to(project).as_posix() for path in after.keys() - before.keys()}
    assert {path for path in new if not path.startswith("modules/audit/1.0.0/")} == {
        "templates/modules/audit/contract.yaml",
        "templates/modules/audit/design.yaml",
        "templates/modules/audit/main.tf.j2",
        "templates/modules/audit/tests/audit.tftest.hcl.j2",
    }
    assert not [path for path, text in after.items() if b"@NAME@" in text]


def test_new_module_is_releasable(project: Path) -> None:
    assert finbase(project, "new", "module", "audit").exit_code == 0
    contract = project / "templates" / "modules" / "audit" / "contract.yaml"
    contract.write_text(contract.read_text().replace(PLACEHOLDER, "Where audits are kept."))
    result = finbase(project, "release", "audit", "minor", "-m", "Audits have a log.")
    assert result.exit_code == 0, result.output
    assert finbase(project, "render", "--check").exit_code == 0


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Audit",
        "2nd",
        "a-b",
        "a b",
        "../up",
        "a/b",
        ".",
        "a" * 32,
        "null",
        "true",
        "no",
        "on",
        "@NAME@",
        "é",
    ],
)
def test_new_module_refuses_invalid_name(project: Path, name: str) -> None:
    before = snapshot(project)
    result = finbase(project, "new", "module", name)
    assert result.exit_code == 2
    assert "is not a valid module name" in result.output
    assert snapshot(project) == before


@pytest.mark.parametrize("name", ["environment", "instance"])
def test_new_module_refuses_reserved_name(project: Path, name: str) -> None:
    result = finbase(project, "new", "module", name)
    assert result.exit_code == 2
    assert f"a module cannot be named {name}" in result.output


def test_new_module_refuses_existing_module(project: Path) -> None:
    (project / "modules" / "gone").mkdir()
    (project / "templates" / "modules" / "link").symlink_to("nowhere")
    before = snapshot(project)
    for name in ("kms", "gone", "link"):
        result = finbase(project, "new", "module", name)
        assert result.exit_code == 2
        assert "already exists" in result.output
    assert snapshot(project) == before


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_new_module_passes_check(project: Path, workspace: Workspace) -> None:
    new_module(project, "audit")
    with (project / "environments" / "staging.yaml").open("a") as file:
        file.write("\n  audit:\n    version: 1.0.0\n")
    assert finbase(project, "render").exit_code == 0
    module = project / "modules" / "audit" / "1.0.0"
    assert fmt_check([module], find_terraform()) == ()
    workspace.validate(module, project=project)
    (verdict,) = check(project, ["staging"], jobs=1, progress=lambda *_: None)
    assert verdict.passed


# Environments.


def test_new_environment_copy(project: Path) -> None:
    result = finbase(project, "new", "environment", "sandbox", "--from", "production")
    assert result.exit_code == 0
    old, new = (
        (project / "environments" / f"{name}.yaml").read_text().removeprefix(SCHEMA).splitlines()
        for name in ("production", "sandbox")
    )
    assert len(old) == len(new)
    assert [line for before, line in zip(old, new, strict=True) if before != line] == [
        "environment: sandbox",
        "  bucket: ledger-sandbox-terraform-state",
        *(
            "      - arn:aws:iam::111122223333:role/finbase-ledger-sandbox-apply",
            "      - arn:aws:iam::111122223333:role/finbase-ledger-sandbox-plan",
        )
        * 2,
    ]
    assert finbase(project, "render", "sandbox").exit_code == 0
    assert (
        finbase(project, "diff", "production", "sandbox").output.splitlines()[0] == "state.bucket"
    )


def test_new_environment_to_edit(project: Path) -> None:
    output = finbase(project, "new", "environment", "sandbox", "--from", "production").output
    lines = (project / "environments" / "sandbox.yaml").read_text().splitlines()
    told = dict(re.findall(r"  environments/sandbox.yaml:(\d+): (\S+): ", output))
    assert list(told.values()) == [
        "“production”",
        "account_id",
        "tags",
        "state.bucket",
        "network.cidr",
        "network.zones",
        "secret.readers",
        "roles.pipeline_readers",
        "roles.roles",
        "monitoring.email_addresses",
    ]
    for line, name in told.items():
        word = "Production" if "production" in name else name.rpartition(".")[2]
        assert word in lines[int(line) - 1]


def test_new_environment_default_origin(project: Path) -> None:
    result = finbase(project, "new", "environment", "sandbox")
    assert "from environments/development.yaml" in result.output


def test_new_environment_from_contracts(project: Path) -> None:
    shutil.rmtree(project / "environments")
    (project / "environments").mkdir()
    result = finbase(project, "new", "environment", "first")
    assert result.exit_code == 0, result.output
    assert "from the examples of the contracts" in result.output
    path = project / "environments" / "first.yaml"
    assert path.read_text().startswith(f"{SCHEMA}# first: describe its purpose here.\n")
    assert "bucket: ledger-first-terraform-state" in path.read_text()
    registry = Registry(project)
    environment = load(path, registry, project)
    # The contracts have no example of a team's address.
    assert [note.code for note in environment.notes] == ["FB310"]
    needed = {name for name in registry.names if registry.current(name).multiplicity == "one"}
    assert {use.name for use in environment.modules} == needed
    assert finbase(project, "render", "first").exit_code == 0


@pytest.mark.parametrize("name", ["", "a", "Big", "a_b", "-a", "a--b", "../up", "a/b", "a" * 32])
def test_new_environment_refuses_invalid_name(project: Path, name: str) -> None:
    before = snapshot(project)
    result = finbase(project, "new", "environment", "--", name)
    assert result.exit_code == 2
    assert "is not a valid environment name" in result.output
    assert snapshot(project) == before


def test_new_environment_refuses_existing(project: Path) -> None:
    (project / "environments" / "gone").mkdir()
    (project / "environments" / "link.yaml").symlink_to("nowhere")
    before = snapshot(project)
    for name in ("staging", "gone", "link"):
        result = finbase(project, "new", "environment", name)
        assert result.exit_code == 2
        assert "already exists" in result.output
    assert snapshot(project) == before


def test_new_environment_refuses_invalid_origin(project: Path) -> None:
    before = snapshot(project)
    result = finbase(project, "new", "environment", "sandbox", "--from", "nowhere")
    assert result.exit_code == 2
    assert "environment not found" in result.output
    assert snapshot(project) == before


def test_new_environment_refuses_long_name(project: Path) -> None:
    path = project / "environments" / "staging.yaml"
    path.write_text(path.read_text().replace("project: ledger", "project: a-much-longer-ledger"))
    name = "as-long-as-names-may-be"
    with pytest.raises(FinbaseError, match="nothing was written") as caught:
        new_environment(project, Registry(project), name, "staging")
    assert "[FB241]" in str(caught.value)
    assert not (project / "environments" / f"{name}.yaml").exists()


@pytest.mark.parametrize("name", ["null", "true", "no", "on"])
def test_renamed_quotes_yaml_words(project: Path, name: str) -> None:
    made = new_environment(project, Registry(project), name, "staging")
    assert load(made.path, Registry(project), project).name == name


def test_new_environment_keeps_line_ends(project: Path) -> None:
    path = project / "environments" / "staging.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    made = new_environment(project, Registry(project), "sandbox", "staging")
    content = made.path.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") > 0
    assert b"environment: sandbox\r\n" in content


# Nothing is left of what could not be written.


def full(monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    """Let the disk be full once so many files were written: the next one is left empty."""
    opened, left = Path.open, [allowed]

    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        file = opened(path, mode, *args, **more)
        left[0] -= mode in ("wb", "xb")
        if mode not in ("wb", "xb") or left[0] >= 0:
            return file
        file.close()
        return Full()

    monkeypatch.setattr(Path, "open", open_)


@pytest.mark.parametrize(
    ("words", "allowed", "named"),
    [
        (("environment", "sandbox"), 0, "environments/sandbox.yaml"),
        (("module", "audit"), 0, "templates/modules/audit/contract.yaml"),
        (("module", "audit"), 3, "templates/modules/audit/tests/audit.tftest.hcl.j2"),
        (("pipeline", "github"), 0, ".github/workflows/finbase.yml"),
        (("pipeline", "gitlab"), 0, ".gitlab-ci.yml"),
    ],
)
def test_new_file_on_full_disk(
    project: Path,
    words: tuple[str, ...],
    allowed: int,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = sorted(project.rglob("*"))
    with monkeypatch.context() as patch:
        full(patch, allowed)
        result = finbase(project, "new", *words)
    assert result.exit_code == 2
    assert f"cannot write {project / named}: No space left on device" in result.output
    assert "hint: nothing was written" in result.output
    assert sorted(project.rglob("*")) == before
    assert finbase(project, "new", *words).exit_code == 0


def test_new_file_never_overwrites(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    with pytest.raises(AssertionError), placing.new_file(place, b"new"):
        assert place.read_bytes() != b"new"
    assert list(tmp_path.iterdir()) == []
    with placing.new_file(place, b"new"):
        pass
    with pytest.raises(FinbaseError, match="File exists"), placing.new_file(place, b"other"):
        pass
    assert place.read_bytes() == b"new"


def test_new_folder_after_killed_command(project: Path) -> None:
    left = project / "templates" / "modules" / ".audit.finbase~"
    left.mkdir()
    (left / "contract.yaml").touch()
    assert "audit" not in " ".join(Registry(project).names)
    assert finbase(project, "render", "--check").exit_code == 0
    assert finbase(project, "new", "module", "audit").exit_code == 0
    assert not left.exists()


styles = st.sampled_from(["{}", "'{}'", '"{}"'])
blanks = st.sampled_from(["", " ", "  "])
comments = st.sampled_from(["", "  # {old}: a note", " # “{old}” {{x}}", " #"])


@given(old=names, new=names, data=st.data())
def test_any_layout_is_kept(old: str, new: str, data: st.DataObject) -> None:
    def written(value: str) -> str:
        style = data.draw(styles)
        plain = yaml.safe_load(value) == value
        return (style if plain or style != "{}" else '"{}"').format(value)

    def comment() -> str:
        return data.draw(comments).format(old=old)

    bucket = data.draw(st.sampled_from(["{}", "x-{}-state", "{}-{}", "x{}", "other"]))
    bucket = bucket.replace("{}", old)
    key = written(f"alias/{old}")
    if data.draw(st.booleans()):
        state = f"state:{comment()}\n  bucket: {written(bucket)}{comment()}\n  kms_key_id: {key}\n"
    else:
        state = f"state: {{kms_key_id: {key}, bucket: {written(bucket)}}}{comment()}\n"
    own = f"environment:{data.draw(blanks)} {written(old)}{comment()}\n"
    rest = f"tags: {{team: {written(old)}}}{comment()}\n"
    text = "".join(data.draw(st.permutations([own, state, rest])))
    result = renamed(text, old, new)
    value: dict[str, Any] = yaml.safe_load(result)
    word = re.compile(rf"(?<![a-z0-9]){re.escape(old)}(?![a-z0-9])")
    assert value == {
        "environment": new,
        "state": {"bucket": word.sub(new, bucket), "kms_key_id": word.sub(new, f"alias/{old}")},
        "tags": {"team": old},
    }
    assert re.findall("#.*", result) == re.findall("#.*", text)
    assert len(result.splitlines()) == len(text.splitlines())
    assert renamed(text, old, old) == text


@given(names, st.sampled_from(["|-\n    {}\n", ">-\n    {}\n", "{}\n"]))
def test_renamed_block_scalar(new: str, style: str) -> None:
    state = f"state:\n  bucket: {style.format('x-old')}  kms_key_id: alias/x\n"
    value = yaml.safe_load(renamed(f"environment: old\n{state}", "old", new))
    assert value["state"] == {"bucket": f"x-{new}", "kms_key_id": "alias/x"}


def test_mentions_are_whole_words() -> None:
    assert mentions("# Staging\nstaging2\na-staging-b\nprestaging\n", "staging") == [1, 3]
