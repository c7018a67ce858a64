from __future__ import annotations

import io
import os
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pytest

from finbase.contract.contract import Contract
from finbase.contract.registry import Registry
from finbase.environment.load import discover, load
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.errors import InputError
from finbase.project.files import MARK
from finbase.project.tree import lay_out
from finbase.render.module import render_module
from finbase.render.project import SCHEMA, render_project
from finbase.render.stack import render_stacks
from finbase.source.document import Document
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT
from tests.support.formatting import fmt_check

FIXTURES = ROOT / "tests" / "fixtures" / "render"
EXPECTED = FIXTURES / "expected"

ZONES = {"eu-1a": {"cidr": "10.1.0.0/16"}, "eu-1b": {"cidr": "10.2.0.0/16", "spare": True}}
STORE = {"zones": ZONES, "size": 40, "label": 'data."${x}"'}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Templates of three small modules, beside the shared templates of the real project."""
    root = tmp_path / "project"
    shutil.copytree(FIXTURES / "templates", root / "templates")
    for shared in ("module", "stack"):
        shutil.copytree(ROOT / "templates" / shared, root / "templates" / shared)
    return root


def uses(registry: Registry, **instances: dict[str, dict[str, Any]]) -> tuple[ModuleUse, ...]:
    return tuple(
        ModuleUse(
            registry.current(name),
            tuple(Instance(key, inputs) for key, inputs in given.items()),
        )
        for name, given in instances.items()
    )


def environment(modules: tuple[ModuleUse, ...], name: str = "test") -> Environment:
    return Environment(
        path=Path(f"environments/{name}.yaml"),
        name=name,
        project="ledger",
        region="eu-west-1",
        account_id="012345678901",
        tags={"owner": "a team", "data_classification": "internal", "cost_centre": "CC-1"},
        state={"bucket": "ledger-state", "kms_key_id": "alias/state"},
        modules=modules,
        document=cast(Document, None),
    )


def rendered(root: Path) -> dict[PurePosixPath, bytes]:
    registry = Registry(root)
    readers = {"by-night": {"speed": "fast"}, "reporting": {}}
    full = uses(registry, store={"": STORE}, reader=readers, watch={"": {}})
    none = uses(registry, store={"": STORE}, reader={}, watch={"": {}})
    least = uses(registry, store={"": STORE})
    stacks = [environment(full), environment(none, "none"), environment(least, "least")]
    return render_project(stacks, registry, root)


def test_render_project_golden(project: Path) -> None:
    """``FINBASE_UPDATE_GOLDEN=1`` writes what is expected anew."""
    tree = {str(path): data for path, data in rendered(project).items() if path.suffix != ".zip"}
    if os.environ.get("FINBASE_UPDATE_GOLDEN"):
        shutil.rmtree(EXPECTED, ignore_errors=True)
        for path, content in tree.items():
            (EXPECTED / path).parent.mkdir(parents=True, exist_ok=True)
            (EXPECTED / path).write_bytes(content)
    files = [path for path in EXPECTED.rglob("*") if path.is_file()]
    expected = {path.relative_to(EXPECTED).as_posix(): path.read_bytes() for path in files}
    assert sorted(tree) == sorted(expected)
    for path, content in expected.items():
        assert tree[path].decode() == content.decode(), path


@pytest.mark.terraform
def test_golden_is_formatted() -> None:
    assert fmt_check([EXPECTED], find_terraform()) == ()


def test_render_is_reproducible(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rendered(project)
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(project, moved)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert rendered(moved) == first
    assert list(rendered(moved)) == list(first)
    everything = b"".join(content for path, content in first.items() if path.suffix != ".zip")
    assert str(tmp_path).encode() not in everything


def test_rendered_files_have_header(project: Path) -> None:
    for path, content in rendered(project).items():
        first = content.split(b"\n")[0].decode(errors="replace")
        if path.suffix == ".tf":
            assert first.startswith(f"# {MARK}")
        if path.suffix == ".md":
            assert first.startswith(f"<!-- {MARK}")
        if path == SCHEMA:
            assert first.startswith(f'{{"$comment": "{MARK}')


def test_render_archive(project: Path) -> None:
    tree = rendered(project)
    home = PurePosixPath("modules/store/1.2.0")
    with zipfile.ZipFile(io.BytesIO(tree[home / "function.zip"])) as archive:
        names = archive.namelist()
        assert names == ["data/a.txt", "main.py"]
        for name in names:
            assert archive.read(name) == tree[home / "function" / name]
    assert home / "function/NOTES" in tree


SHARING = """
archives:
  reader.zip:
    folder: code
    include: ["*.py"]
    shared: {folder: store/function, include: ["main.py", "data/*.txt"]}
"""


def sharing(project: Path, text: str = SHARING) -> Contract:
    """Let the module ``reader`` have an archive with files of the module ``store``."""
    path = project / "templates/modules/reader/contract.yaml"
    path.write_text(path.read_text() + text)
    (path.parent / "code").mkdir()
    (path.parent / "code/reader.py").write_text("import main\n")
    return Contract.load(path)


def test_render_archive_shares_files_of_other_module(project: Path) -> None:
    before = rendered(project)
    tree = render_module(sharing(project), project / "templates")
    home, store = PurePosixPath("modules/reader/1.0.0"), PurePosixPath("modules/store/1.2.0")
    with zipfile.ZipFile(io.BytesIO(tree[home / "reader.zip"])) as archive:
        assert archive.namelist() == ["data/a.txt", "main.py", "reader.py"]
        for name in archive.namelist():
            assert archive.read(name) == tree[home / "code" / name]
        for name in ("data/a.txt", "main.py"):
            assert archive.read(name) == before[store / "function" / name]
    assert {path: before[path] for path in before if path.is_relative_to(store)} == {
        path: content for path, content in rendered(project).items() if path.is_relative_to(store)
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"main.py"', '"*.js"', "no file in 'store/function' matches '*.js'"),
        ('"main.py"', '"../policy.json"', "no file in 'store/function' matches '../policy.json'"),
        ("store/function", "store/nowhere", "no file in 'store/nowhere' matches 'main.py'"),
        ("store/function", "../stack", "shared.folder"),
        ("store/function", "store", "shared.folder"),
    ],
)
def test_render_refuses_shared_files(project: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        render_module(sharing(project, SHARING.replace(old, new)), project / "templates")
    (diagnostic,) = caught.value.diagnostics
    assert says in diagnostic.message


def test_render_refuses_shared_file_of_same_name(project: Path) -> None:
    contract = sharing(project)
    (project / "templates/modules/reader/code/main.py").touch()
    with pytest.raises(InputError, match=r"'code/main\.py' is a file of the module and a shared"):
        render_module(contract, project / "templates")


def test_render_skips_hidden_files(project: Path) -> None:
    before = rendered(project)
    home = project / "templates/modules/store"
    for path in (".DS_Store", "function/.hidden", "function/__pycache__/main.cpython-311.pyc"):
        (home / path).parent.mkdir(exist_ok=True)
        (home / path).write_bytes(b"\0")
    (project / "templates/stack/.main.tf.j2.swp").write_bytes(b"\0")
    assert rendered(project) == before


def test_render_copies_contract(project: Path) -> None:
    source = project / "templates/modules/reader/contract.yaml"
    source.write_bytes(b"# A comment that stays.\r\n" + source.read_bytes())
    tree = rendered(project)
    assert tree[PurePosixPath("modules/reader/1.0.0/contract.yaml")] == source.read_bytes()


def test_render_uses_pinned_release(project: Path) -> None:
    registry = Registry(project)
    folder = project / "modules/reader/0.9.0"
    folder.mkdir(parents=True)
    current = (project / "templates/modules/reader/contract.yaml").read_text()
    (folder / "contract.yaml").write_text(
        current.replace("1.0.0", "0.9.0").replace("  token:\n    from", "  key:\n    from")
    )
    old = Contract.load(folder / "contract.yaml")
    modules = (*uses(registry, store={"": STORE}), ModuleUse(old, (Instance("a", {}),)))
    tree = render_project([environment(modules)], registry, project)
    main = tree[PurePosixPath("environments/test/main.tf")].decode()
    assert 'source = "../../modules/reader/0.9.0"' in main
    assert "key      = module.store.token" in main
    assert not any(path.parts[:3] == ("modules", "reader", "0.9.0") for path in tree)
    assert PurePosixPath("modules/reader/1.0.0/main.tf") in tree


def test_blocks_refuse_unwired(project: Path) -> None:
    stack = environment(uses(Registry(project), reader={"a": {}}))
    with pytest.raises(
        ValueError, match=r"store_id is wired from store\.id, which the stack does not have"
    ):
        render_stacks([stack], project)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "minimum: 20",
            "exclusiveMinimum: 20",
            "input 'size': exclusiveMinimum cannot be translated",
        ),
        ("[a-z]+\\.", "(?!a)[a-z]+\\.", "input 'label': Terraform supports neither look-around"),
        ("type: integer", "type: decimal", 'inputs.size.type: "decimal" is not one of'),
        ("data/*.txt", "data/*.csv", "no file in 'function' matches 'data/*.csv'"),
        ("folder: function", "folder: nowhere", "no file in 'nowhere' matches '*.py'"),
        ("data/*.txt", "../policy.json", "no file in 'function' matches '../policy.json'"),
        (
            "ephemeral: true",
            "ephemeral: true\n    export: true",
            "is ephemeral, and a stack cannot export such an output",
        ),
    ],
)
def test_render_refuses_contract(project: Path, old: str, new: str, says: str) -> None:
    path = project / "templates/modules/store/contract.yaml"
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new))
    with pytest.raises(InputError) as caught:
        render_module(Contract.load(path), project / "templates")
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.path, diagnostic.code) == (str(path), "FB010")
    assert says in diagnostic.message


def test_render_refuses_template(project: Path) -> None:
    path = project / "templates/modules/store/main.tf.j2"
    path.write_text("\n{{ contract.nothing }}\n")
    with pytest.raises(InputError, match=r"store/main\.tf\.j2:2:1: .*no attribute 'nothing'"):
        render_module(Registry(project).current("store"), project / "templates")


def test_render_hostile_values(project: Path) -> None:
    hostile = '"\n}\nprovider "evil" {\n  x = "${file("/etc/passwd")}'
    stack = environment(uses(Registry(project), store={"": {**STORE, "label": hostile}}))
    stack = replace(
        stack,
        tags=dict.fromkeys(stack.tags, hostile),
        state=dict.fromkeys(stack.state, hostile),
        project=hostile,
    )
    for content in render_stacks([stack], project).values():
        text = content.decode()
        assert 'provider "evil"' not in text
        assert text.count("${file(") == text.count("$${file(")


def real() -> dict[PurePosixPath, bytes]:
    registry = Registry(ROOT)
    loaded = [load(path, registry, ROOT) for path in discover(ROOT)]
    return render_project(loaded, registry, ROOT)


def test_render_is_fast() -> None:
    registry = Registry(ROOT)
    loaded = [load(path, registry, ROOT) for path in discover(ROOT)]
    render_project(loaded, registry, ROOT)
    fastest = min(timed(lambda: render_project(loaded, registry, ROOT)) for _ in range(5))
    assert fastest < 0.1


def timed(run: Any) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


@pytest.mark.terraform
def test_rendered_files_are_valid(tmp_path: Path, workspace: Workspace) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "modules", project / "modules")
    lay_out(real(), project)
    assert fmt_check([project], find_terraform()) == ()
    versions = [path for path in project.glob("modules/*/*") if path.is_dir()]
    assert len(versions) == len(Registry(ROOT).lock.hashes)
    folders = [*versions, *project.glob("environments/*/")]
    for folder in folders:
        workspace.validate(folder, project=project)
