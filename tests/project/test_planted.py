"""Files that must not be committed, because Terraform would trust them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner

from finbase.cli import main
from finbase.errors import FinbaseError
from finbase.project.planted import illegible, planted, unreviewed
from tests.support.commands import ROOT

STACK, MODULE = "environments/development", "modules/kms/1.0.0"
EVERYWHERE = (
    ".terraform/modules/modules.json",
    ".terraform/environment",
    ".Terraform/providers/aws",
    ".terraform.d/plugins/x",
    ".terraformrc",
    ".tofurc",
    "terraform.rc",
    "ci.tfrc",
    "credentials.tfrc.json",
    "terraform.tfstate",
    "terraform.tfstate.backup",
    "errored.tfstate",
    "terraform.tfstate.d/other/terraform.tfstate",
    ".terraform.tfstate.lock.info",
    "development.tfplan",
    ".finbase-journal",
)
IN_STACKS = (
    *(".hidden.tf", ".env", "main.tf~", "#main.tf#", ".git-hidden/main.tf"),
    *("tests/.hidden/a.tf", "__pycache__/x.pyc", ".gitattributes"),
)
FOLDERS = ("", "environments", "modules", STACK, f"{STACK}/tests", MODULE, "modules/kms", "docs/a")


def put(root: Path, path: str) -> PurePosixPath:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("x")
    return PurePosixPath(path)


def git(root: Path, *arguments: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=root, env=environ, check=True, capture_output=True)


def track(root: Path, *paths: str) -> None:
    git(root, "init", "--quiet")
    git(root, "add", "--force", "--", *(paths or ["."]))


def test_planted_tracked_everywhere(tmp_path: Path) -> None:
    names = [f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in EVERYWHERE]
    paths = [put(tmp_path, name) for name in names if not name.startswith(".Terraform")]
    put(tmp_path, "README.md")
    git(tmp_path, "init", "--quiet")
    assert planted(tmp_path) == ()
    track(tmp_path)
    assert planted(tmp_path) == tuple(sorted(paths))


def test_planted_tracked_in_stack_or_module(tmp_path: Path) -> None:
    paths = [put(tmp_path, f"{folder}/{name}") for folder in (STACK, MODULE) for name in IN_STACKS]
    for name in IN_STACKS:
        put(tmp_path, f".github/{name}")
    track(tmp_path)
    assert planted(tmp_path) == tuple(sorted(paths))


def test_planted_lock_of_module_only(tmp_path: Path) -> None:
    put(tmp_path, f"{STACK}/.terraform.lock.hcl")
    in_module = put(tmp_path, f"{MODULE}/.terraform.lock.hcl")
    track(tmp_path)
    assert planted(tmp_path) == (in_module,)


def test_planted_link_and_submodule(tmp_path: Path) -> None:
    (tmp_path / STACK).mkdir(parents=True)
    (tmp_path / STACK / ".terraform").symlink_to("/tmp")
    track(tmp_path)
    assert planted(tmp_path) == (PurePosixPath(STACK, ".terraform"),)
    other = tmp_path / "other"
    other.mkdir()
    put(other, "x")
    track(other)
    git(other, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x")
    (tmp_path / STACK / ".terraform").unlink()
    other.rename(tmp_path / STACK / ".terraform")
    track(tmp_path)
    assert planted(tmp_path) == (PurePosixPath(STACK, ".terraform"),)


def test_planted_odd_names(tmp_path: Path) -> None:
    path = put(tmp_path, f"{STACK}/.terraform/a\nb é\x1b")
    track(tmp_path)
    assert planted(tmp_path) == (path,)


OWN = (".finbase-journal", "development.tfplan")


@pytest.mark.parametrize("name", [name for name in EVERYWHERE if name not in OWN])
def test_planted_without_git(tmp_path: Path, name: str) -> None:
    for number, folder in enumerate(folder for folder in FOLDERS if folder != "docs/a"):
        root = tmp_path / str(number)
        put(root, f"{STACK}/main.tf")
        path = put(root, f"{folder}/{name}".lstrip("/"))
        assert planted(root)
        assert all(path.is_relative_to(found) for found in planted(root))


def test_planted_without_git_allows_own_files(tmp_path: Path) -> None:
    for name in OWN:
        put(tmp_path, name)
    assert planted(tmp_path) == ()


def test_planted_git_unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, f"{STACK}/.terraform/x")
    git(tmp_path, "init", "--quiet")
    assert planted(tmp_path) == ()
    monkeypatch.setenv("PATH", "")
    assert planted(tmp_path) == (PurePosixPath(STACK, ".terraform"),)


@pytest.mark.parametrize("project", ["", "infra"])
def test_planted_fails_if_git_fails(tmp_path: Path, project: str) -> None:
    """A submodule and a broken .gitmodules make `git ls-files --recurse-submodules` fail."""
    root = tmp_path / project
    put(root, "production.tfplan")
    (root / ".gitmodules").write_text("[submodule\n")
    track(tmp_path)
    (tmp_path / ".gitmodules").write_text("[submodule\n")
    gitlink = f"160000,{'1' * 40},docs/sub"
    git(tmp_path, "update-index", "--add", "--cacheinfo", gitlink)
    with pytest.raises(FinbaseError, match=r"git ls-files failed: fatal: bad config line"):
        planted(root)
    assert list(unreviewed(root)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_planted_looks_at_the_disk_of_another_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git refuses a checkout of another user, as in many containers."""
    put(tmp_path, "environments/production/.terraform/a")
    track(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 12345, 12345)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert planted(tmp_path) == (PurePosixPath("environments/production/.terraform"),)
    assert list(unreviewed(tmp_path)) == []


def test_planted_fails_in_broken_repository(tmp_path: Path) -> None:
    put(tmp_path, "production.tfplan")
    track(tmp_path)
    (tmp_path / ".git" / "index").write_bytes(b"x" * 100)
    for read in (planted, lambda root: list(unreviewed(root))):
        with pytest.raises(FinbaseError, match="git ls-files failed"):
            read(tmp_path)
    (tmp_path / ".git" / "HEAD").unlink()
    with pytest.raises(FinbaseError, match="not in a readable git repository"):
        planted(tmp_path)


COMMANDS = (
    ["render", "--check"],
    ["check", "development"],
    ["plan", "development"],
    ["apply", "development"],
    ["rehearse", "development"],
    ["prove", "F01"],
    ["upgrade", "development", "kms"],
    ["graph", "development"],
)


def test_commands_refuse_planted(project: Path) -> None:
    names = [f"{STACK}/.terraform/modules/modules.json", ".terraformrc", f"{STACK}/.x.tf"]
    for name in names:
        put(project, name)
    track(project, *names)
    for command in COMMANDS:
        result = CliRunner().invoke(main, ["--project", str(project), *command])
        assert result.exit_code == 1, result.output
        for name in names:
            assert f"{name} must not be in the project" in result.output, command


@pytest.mark.parametrize(
    ("lines", "attribute"),
    [
        ("*.tf working-tree-encoding=UTF-16", "working-tree-encoding=UTF-16"),
        ("main.tf working-tree-encoding=UTF-7", "working-tree-encoding=UTF-7"),
        ("**/main.* ident", "ident"),
        ("*.tf filter=tac", "filter=tac"),
        ("[attr]plain ident\n*.tf plain", "ident"),
        ("*.tf -diff", "-diff"),
        ("*.tf binary", "-diff"),
        ("[attr]plain -diff\n*.tf plain", "-diff"),
        ("*.tf linguist-generated", "linguist-generated"),
        ("*.tf linguist-generated=true", "linguist-generated=true"),
        ("*.tf gitlab-generated", "gitlab-generated"),
    ],
)
@pytest.mark.parametrize("project", ["", "infra"])
def test_converted_by_attributes(tmp_path: Path, project: str, lines: str, attribute: str) -> None:
    root = tmp_path / project
    folders = (
        *(STACK, MODULE, "templates/stack", "features", "generator/finbase", ".github"),
        *("requirements", ".ci", "own"),
    )
    paths = [put(root, f"{folder}/main.tf") for folder in folders]
    put(root, "docs/main.tf")
    put(root, "tests/main.tf")
    track(tmp_path)
    assert list(unreviewed(root)) == []
    (tmp_path / ".gitattributes").write_text(f"{lines}\n")
    assert list(unreviewed(root)) == []
    track(tmp_path, ".gitattributes")
    assert dict(unreviewed(root)) == dict.fromkeys(paths, attribute)


def test_converted_by_nested_attributes(tmp_path: Path) -> None:
    put(tmp_path, "modules/.gitattributes")
    (tmp_path / "modules" / ".gitattributes").write_text("*.tf ident\n")
    path = put(tmp_path, f"{MODULE}/main.tf")
    put(tmp_path, f"{STACK}/main.tf")
    track(tmp_path)
    assert list(unreviewed(tmp_path)) == [(path, "ident")]


def test_converted_by_converted_attributes(tmp_path: Path) -> None:
    """The file on disk does not say what git reads from the commit."""
    (tmp_path / put(tmp_path, f"{STACK}/main.tf")).write_text("# $Id$\n")
    (tmp_path / ".gitattributes").write_text(
        "*.tf ident\n.gitattributes working-tree-encoding=UTF-7\n"
    )
    track(tmp_path)
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x")
    git(tmp_path, "clone", "--quiet", ".", "clone")
    clone = tmp_path / "clone"
    assert (clone / STACK / "main.tf").read_text() != "# $Id$\n"
    assert (clone / ".gitattributes").read_text() != (tmp_path / ".gitattributes").read_text()
    assert list(unreviewed(clone)) == [
        (PurePosixPath(".gitattributes"), "working-tree-encoding=UTF-7"),
        (PurePosixPath(STACK, "main.tf"), "ident"),
    ]


def test_converted_allows_line_ends(tmp_path: Path) -> None:
    put(tmp_path, f"{STACK}/main.tf")
    put(tmp_path, f"{MODULE}/rotation.zip")
    put(tmp_path, "docs/a.md")
    (tmp_path / ".gitattributes").write_text(
        "* text=auto eol=lf -ident\nmodules/** -text\n*.tf -filter\ndocs/** filter=lfs ident\n"
        "docs/** binary\n*.zip binary\n*.tf diff linguist-generated=false -gitlab-generated\n"
    )
    track(tmp_path)
    assert list(unreviewed(tmp_path)) == []
    assert list(unreviewed(ROOT)) == []


def test_hidden_owners_and_links_to_hidden_files_are_found(tmp_path: Path) -> None:
    """Files of docs/ and tests/ can be hidden, but not if the project uses them as its own."""
    owners = put(tmp_path, "docs/CODEOWNERS")
    for folder in ("docs", "tests"):
        put(tmp_path, f"{folder}/code/finbase")
        (tmp_path / folder / ".gitattributes").write_text("* -diff\n")
    links = {"Makefile": "docs/code/finbase", "lib/code": "../tests/code", "README.md": "shown.md"}
    (tmp_path / "lib").mkdir()
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    track(tmp_path)
    expected = [owners, PurePosixPath("Makefile"), PurePosixPath("lib/code")]
    assert dict(unreviewed(tmp_path)) == dict.fromkeys(expected, "-diff")


@pytest.mark.parametrize("project", ["", "infra"])
@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf*.tf -diff\n", b"\0\n*.tf -diff\n", b"*.tf " + b"a " * 1050 + b"-diff\n", None],
)
def test_attributes_that_two_programs_read_differently_are_found(
    tmp_path: Path, project: str, content: bytes | None
) -> None:
    """git shows no change of main.tf on disk for two of these, and says so of no commit."""
    root = tmp_path / project
    put(root, f"{STACK}/main.tf")
    path = tmp_path / ".gitattributes"
    if content is None:
        path.symlink_to("*.tf linguist-language=x")
    else:
        path.write_bytes(content)
    track(tmp_path)
    assert list(unreviewed(root)) == []
    found = dict(illegible(root))
    assert list(found) == [PurePosixPath("../.gitattributes" if project else ".gitattributes")]
    path.unlink()
    path.write_text("# Größe\n*.tf text\n")
    track(tmp_path)
    assert list(illegible(root)) == []
    assert list(illegible(ROOT)) == []


def test_text_that_git_takes_for_binary_is_found(tmp_path: Path) -> None:
    """make reads a Makefile with a NUL in a comment, and a review shows nothing of it."""
    compiled = put(tmp_path, "features/own/steps/__pycache__/x.pyc")
    paths = [PurePosixPath(name) for name in (".zip", "Makefile", "docs/CODEOWNERS", "lib/x")]
    paths.append(compiled)
    (tmp_path / "lib").mkdir()
    put(tmp_path, "docs/CODEOWNERS")
    put(tmp_path, "tests/x")
    binary = ("tests/x", "docs/a.PNG", "rotation.zip", "a.whl")
    for name in (".zip", "Makefile", "docs/CODEOWNERS", str(compiled), *binary):
        (tmp_path / name).write_bytes(b"# \0\n#\nX := $(shell id)\n")
    (tmp_path / "lib" / "x").symlink_to("../tests/x")
    (tmp_path / "lib" / "folder").symlink_to("../docs")
    (tmp_path / "late").write_bytes(b"x" * 8000 + b"\0")  # git shows it.
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lib" / "pipe").symlink_to("../pipe")
    track(tmp_path)
    assert {path for path, _ in illegible(tmp_path)} == set(paths)


def test_committed_setup_of_a_pipeline_is_refused(tmp_path: Path) -> None:
    """make does not set up what is there already."""
    for number, name in enumerate((".venv/ready", ".VENV/bin/finbase", ".venv")):
        root = tmp_path / str(number)
        put(root, f"{STACK}/main.tf")
        if name == ".venv":
            (root / name).symlink_to("tests")
        else:
            put(root, name)
        track(root)
        assert planted(root) == (PurePosixPath(name),)


def test_converted_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for read in (unreviewed, illegible):
        assert list(read(tmp_path)) == []
    monkeypatch.setenv("PATH", "")
    for read in (unreviewed, illegible):
        assert list(read(tmp_path)) == []


def test_commands_refuse_converted(project: Path) -> None:
    (project / ".gitattributes").write_text("*.yaml working-tree-encoding=UTF-7\n")
    (project / "Makefile").write_bytes(b"# \0\n")
    track(project, "environments", ".gitattributes", "Makefile")
    for command in COMMANDS:
        result = CliRunner().invoke(main, ["--project", str(project), *command])
        assert result.exit_code == 1, result.output
        assert "not show the bytes that environments/development.yaml has on disk" in result.output
        assert "working-tree-encoding=UTF-7\n" in result.output
        assert "a review does not show what Makefile says" in result.output


def test_bare_repository_in_the_project_runs_nothing_and_hides_nothing(tmp_path: Path) -> None:
    """A commit of a project in a subfolder brings what git takes for a repository there."""
    root, mark = tmp_path / "infra", tmp_path / "ran"
    for name in ("templates", "environments", "modules", "features"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("objects/x", "refs/x", f"{STACK}/.terraform/modules/modules.json"):
        (root / name).parent.mkdir(parents=True)
        (root / name).touch()
    (root / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
        f'\tworktree = {root}\n\tfsmonitor = "touch {mark}; false"\n'
    )
    for command in (["init", "-q"], ["add", "--all", "--force"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    for arguments in (["render", "--check"], ["affected", "--since", "HEAD"], ["doctor"]):
        done = CliRunner().invoke(main, ["--project", str(root), *arguments])
        assert not mark.exists()
        if arguments[0] == "render":
            # git does not read it, so finbase cannot know what is tracked.
            assert done.exit_code == 2
            assert "cannot use bare repository" in done.output
