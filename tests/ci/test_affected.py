"""Which environments a change affects."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from finbase.ci.affected import Affected, Files, affected, is_read
from finbase.cli import main
from finbase.errors import FinbaseError
from finbase.project.git import Repository
from tests.support.commands import git


def files(**stacks: str) -> dict[PurePosixPath, bytes]:
    """Stacks that each call modules, named with their versions, and these modules."""
    found: dict[PurePosixPath, bytes] = {}
    for stack, modules in stacks.items():
        calls = [
            f'module "m" {{\n  source = "../../modules/{each}"\n}}' for each in modules.split()
        ]
        found[PurePosixPath("environments", stack, "main.tf")] = "\n".join(calls).encode()
        for each in modules.split():
            home = PurePosixPath("modules", each)
            found |= {home / name: name.encode() for name in ("main.tf", "data.json", "README.md")}
    return found


def names(before: Files, after: Files) -> dict[str, str]:
    return {each.environment: each.change for each in affected(before, after)}


BEFORE = files(one="kms/1.0.0 cache/1.0.0", two="kms/1.0.0", three="kms/2.0.0")
KMS = PurePosixPath("modules/kms/1.0.0")


def test_affected_none() -> None:
    assert names(BEFORE, dict(BEFORE)) == {}


@pytest.mark.parametrize("name", ["main.tf", "data.json", "new.tf", "sub/more.tf", "keys/a.pem"])
def test_affected_by_module_version(name: str) -> None:
    after = {**BEFORE, KMS / name: b"changed"}
    assert list(affected(BEFORE, after)) == [
        Affected("one", "changed", (KMS / name,)),
        Affected("two", "changed", (KMS / name,)),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "modules/kms/1.0.0/README.md",
        "modules/kms/1.0.0/contract.yaml",
        "modules/kms/1.0.0/SHA256SUMS",
        "modules/kms/1.0.0/tests/kms.tftest.hcl",
        "modules/kms/1.0.0/tests/setup/main.tf",
        "modules/kms/CHANGELOG.md",
        "modules/kms/3.0.0/main.tf",
        "modules/releases.lock",
        "environments/one.yaml",
        "environments/one/terraform.tfstate",
        "environments/one/terraform.tfstate.backup",
        "environments/one/plan.tfplan",
        "environments/one/.terraform/modules/modules.json",
        "environments/one/.main.tf.swp",
        "environments/notes/todo.txt",
        "generator/finbase/cli.py",
    ],
)
def test_affected_ignores_unread_files(path: str) -> None:
    assert names(BEFORE, {**BEFORE, PurePosixPath(path): b"changed"}) == {}


@pytest.mark.parametrize(
    "path", ["notes.md", "policies/README.md", "docs/CHANGELOG.md", "a.yaml", "sub/contract.yaml"]
)
def test_affected_by_files_of_any_ending(path: str) -> None:
    assert names(BEFORE, {**BEFORE, KMS / path: b"changed"}) == {"one": "changed", "two": "changed"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("README.md", 'file("${path.module}/README.md")'),
        ("README.md", 'file("${path.module}/readme.md")'),
        ("CHANGELOG.md", 'file("${path.module}/\\u0043HANGELOG.md")'),
        ("SHA256SUMS", 'filemd5("${path.module}/SHA256SUMS")'),
        ("contract.yaml", 'templatefile("../../modules/kms/1.0.0/contract.yaml", {})'),
        ("tests/kms.tftest.hcl", 'file("${path.module}/tests/kms.tftest.hcl")'),
        ("tests/setup/main.tf", 'fileset("${path.module}/tests", "**")'),
        ("README.md", '{ error_message = "README.md" }'),
        ("README.md", '{ error_message = "a ${file("README.md")}" }'),
    ],
)
@pytest.mark.parametrize("reader", [KMS / "main.tf", PurePosixPath("environments/two/main.tf")])
def test_affected_by_pages_that_code_names(reader: PurePosixPath, path: str, code: str) -> None:
    before = {**BEFORE, reader: BEFORE[reader] + f"\nlocals {{\n  x = {code}\n}}\n".encode()}
    found = names(before, {**before, KMS / path: b"changed"})
    assert found == ({"two": "changed"} | ({"one": "changed"} if reader.parent == KMS else {}))


def test_affected_ignores_pages_that_messages_name() -> None:
    message = b'\ncheck "c" {\n  assert {\n    error_message = "Do as README.md says."\n  }\n}\n'
    before = {**BEFORE, KMS / "main.tf": BEFORE[KMS / "main.tf"] + message}
    assert names(before, {**before, KMS / "README.md": b"changed"}) == {}


def test_affected_by_provider_lock() -> None:
    path = PurePosixPath("environments/one/.terraform.lock.hcl")
    assert names(BEFORE, {**BEFORE, path: b"changed"}) == {"one": "changed"}


def test_affected_by_changed_pin() -> None:
    after = files(one="kms/1.0.0 cache/1.0.0", two="kms/2.0.0", three="kms/2.0.0")
    assert names(BEFORE, after) == {"two": "changed"}


def test_affected_by_previous_version() -> None:
    after = {**files(one="kms/1.0.0 cache/1.0.0", two="kms/2.0.0", three="kms/2.0.0")}
    del after[PurePosixPath("modules/cache/1.0.0/main.tf")]
    assert names(BEFORE, after) == {"one": "changed", "two": "changed"}


def test_affected_added_and_removed() -> None:
    after = files(one="kms/1.0.0 cache/1.0.0", three="kms/2.0.0", four="kms/1.0.0")
    assert names(BEFORE, after) == {"two": "removed", "four": "added"}


def test_affected_by_nested_modules() -> None:
    calls = {
        KMS / "main.tf": b'module "a" {\n  source = "./part"\n}',
        KMS / "part/main.tf": b'module "b" {\n  source = "../../../names/1.0.0"\n}',
        PurePosixPath(
            "modules/names/1.0.0/main.tf.json"
        ): b'{"module":{"c":{\n"source": "../../kms/1.0.0"}}}',
    }
    before = {**BEFORE, **calls}
    after = {**before, PurePosixPath("modules/names/1.0.0/data.txt"): b"new"}
    assert names(before, after) == {"one": "changed", "two": "changed"}


@given(
    stacks=st.dictionaries(
        st.sampled_from(["one", "two", "three"]),
        st.sets(st.sampled_from(["a/1.0.0", "a/2.0.0", "b/1.0.0"])),
        min_size=1,
    ),
    data=st.data(),
)
def test_affected_exactly(stacks: dict[str, set[str]], data: st.DataObject) -> None:
    before = files(**{stack: " ".join(sorted(modules)) for stack, modules in stacks.items()})
    changed = data.draw(st.sets(st.sampled_from(sorted(before))))
    after = {
        path: content + b"\n#" if path in changed else content for path, content in before.items()
    }
    homes = {str(PurePosixPath(*p.parts[1:3])) for p in changed if p.suffix != ".md"}
    stacks_changed = {p.parts[1] for p in changed if p.parts[0] == "environments"}
    expected = {s for s, modules in stacks.items() if s in stacks_changed or modules & homes}
    assert set(names(before, after)) == expected
    assert set(names(after, before)) == expected


@given(st.text(), st.text())
def test_affected_any_input(name: str, content: str) -> None:
    path = PurePosixPath("environments/one", name.replace("\0", "") or "x")
    assert is_read(path) in (True, False)
    state = {path: content.encode(errors="replace"), **BEFORE}
    assert names(state, state) == {}


# With git.


@pytest.fixture
def repository(committed: Path) -> Path:
    (committed / ".git" / "info").mkdir(exist_ok=True)
    (committed / ".git" / "info" / "exclude").write_text(".terraform/\n*.tfstate\n")
    return committed


def finbase(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), "affected", *arguments])


def module_of(project: Path, stack: str, module: str) -> Path:
    text = (project / "environments" / stack / "main.tf").read_text()
    match = re.search(rf"modules/{module}/[\d.]+", text)
    assert match
    return project / match.group()


def test_affected_command_clean(repository: Path) -> None:
    result = finbase(repository, "--since", "HEAD")
    assert (result.exit_code, result.output) == (0, "no environment is affected\n")


def test_affected_command_edited_stack(repository: Path) -> None:
    stack = repository / "environments" / "staging" / "main.tf"
    stack.write_text(stack.read_text() + "\n")
    (repository / "environments" / "production" / "README.md").write_text("words\n")
    result = finbase(repository, "--since", "main")
    assert result.exit_code == 0
    assert result.stdout == "staging: changed\n  environments/staging: main.tf\n"
    changed = "environments/production/README.md, environments/staging/main.tf"
    assert f"note: {changed}: not as the YAML and the templates render" in result.stderr


def test_affected_command_untracked_file(repository: Path) -> None:
    module = module_of(repository, "production", "replica")
    (module / "more.tf").write_text("locals {}\n")
    (repository / "environments" / "development" / "terraform.tfstate").write_text("{}")
    result = finbase(repository, "--since", "HEAD")
    assert "production: changed" in result.stdout
    assert "more.tf" in result.stdout
    assert "development" not in result.stdout


def test_affected_command_two_commits(repository: Path) -> None:
    shutil.rmtree(repository / "environments" / "staging")
    (repository / "environments" / "staging.yaml").unlink()
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=second")
    stack = repository / "environments" / "production" / "main.tf"
    stack.write_text("broken")
    arguments = ("--since", "HEAD~1", "--until", "HEAD")
    assert finbase(repository, *arguments).stdout.startswith("staging: removed\n")
    result = finbase(repository, *arguments, "--json", "-")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["since"] == git(repository, "rev-parse", "HEAD~1")
    assert document["until"] == git(repository, "rev-parse", "HEAD")
    (staging,) = document["affected"]
    assert (staging["environment"], staging["change"]) == ("staging", "removed")
    assert "environments/staging/main.tf" in staging["files"]
    back = finbase(repository, "--since", "HEAD", "--until", "HEAD~1")
    assert back.stdout.startswith("staging: added\n")


def test_affected_command_in_subfolder(tmp_path: Path, project: Path) -> None:
    inner = tmp_path / "above" / "inner"
    inner.parent.mkdir()
    git(inner.parent, "init", "--quiet")
    inner.mkdir()
    for folder in ("templates", "environments", "modules", "features"):
        shutil.copytree(project / folder, inner / folder)
    git(inner.parent, "add", "--all")
    git(inner.parent, "commit", "--quiet", "--message=first")
    assert finbase(inner, "--since", "HEAD").output == "no environment is affected\n"
    stack = inner / "environments" / "staging" / "outputs.tf"
    stack.write_text(stack.read_text() + "\n")
    assert finbase(inner, "--since", "HEAD").stdout.startswith("staging: changed\n")


@pytest.mark.parametrize(
    "revision", ["nowhere", "", "HEAD~9", "HEAD..HEAD", "HEAD:modules", "a\0b", "--output=x", "-"]
)
def test_affected_command_unknown_commit(repository: Path, revision: str) -> None:
    before = {path.name for path in repository.iterdir()}
    result = finbase(repository, f"--since={revision}")
    assert result.exit_code == 2
    assert "is not a commit of this repository" in result.output
    assert finbase(repository, "--since=HEAD", f"--until={revision}").exit_code == 2
    assert {path.name for path in repository.iterdir()} == before


@pytest.mark.parametrize("warns", ["true", "false"])
def test_affected_command_ambiguous_revision(repository: Path, warns: str) -> None:
    """A tag of an author must not replace the branch that a pipeline compares with."""
    git(repository, "config", "core.warnAmbiguousRefs", warns)
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "update-ref", "refs/remotes/origin/main", first)
    assert Repository(repository).commit("origin/main") == first
    git(repository, "commit", "--quiet", "--allow-empty", "--message=second")
    for name in ("origin/main", first[:7]):
        git(repository, "tag", name)
        for revision in (name, f"{name}~0"):
            result = finbase(repository, "--since", revision)
            assert result.exit_code == 2
            assert f"{revision!r} is ambiguous" in result.output
    assert Repository(repository).commit("refs/remotes/origin/main") == first


@given(st.text(st.characters(codec="utf-8"), max_size=12).map(lambda text: f"-{text}"))
def test_affected_command_dash_revision(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "options"
    if not folder.exists():
        folder.mkdir()
        git(folder, "init", "--quiet")
        git(folder, "commit", "--quiet", "--allow-empty", "--message=first")
    with pytest.raises(FinbaseError, match="is not a commit"):
        Repository(folder).commit(text)


def test_affected_command_without_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    result = finbase(project, "--since", "HEAD")
    assert result.exit_code == 2
    assert "is not in a readable git repository" in result.output
    monkeypatch.setenv("PATH", str(project / "features"))
    result = finbase(project, "--since", "HEAD")
    assert result.exit_code == 2
    assert "git is not on PATH" in result.output


def test_affected_command_writes_nothing(repository: Path) -> None:
    stack = repository / "environments" / "staging" / "main.tf"
    os.utime(stack)  # git would refresh its index
    before = {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")}
    assert finbase(repository, "--since", "HEAD").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")} == before
