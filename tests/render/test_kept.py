"""What the modules render to is kept until something that it depends on changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from finbase.contract.registry import Registry
from finbase.project.files import Tree
from finbase.render import kept
from finbase.render.project import render_project
from tests.support.commands import ROOT


class Renders:
    """A project, and the number of its renders that were not kept."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.count = 0
        self.meanwhile: Callable[[], object] = lambda: None
        monkeypatch.setattr(kept, "render_project", self._render)

    def _render(self, *arguments: Any) -> Tree:
        self.count += 1
        rendered = render_project(*arguments)
        self.meanwhile()
        return rendered

    def new(self, environ: Mapping[str, str] | None = None) -> bool:
        """Return whether the modules are rendered now; what is kept must equal a render."""
        before = self.count
        tree = kept.render_modules(Registry(self.root), self.root, environ or {})
        assert tree == render_project((), Registry(self.root), self.root)
        return self.count > before


@pytest.fixture
def renders(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Renders:
    """A project of one module whose renders are kept, and one of them is."""
    for name in ("templates/module", "templates/stack", "templates/modules/kms", "modules/kms"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("modules/releases.lock", "environments/staging.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(kept, "_CODE", code := tmp_path_factory.mktemp("code"))
    (code / "hcl.py").write_text("a = 1\n")
    renders = Renders(tmp_path, monkeypatch)
    assert renders.new()
    assert not renders.new()
    return renders


def test_kept_once(renders: Renders) -> None:
    environment = renders.root / "environments" / "staging.yaml"
    environment.write_text(environment.read_text() + "\n")
    assert not renders.new()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("templates/modules/kms/main.tf.j2", "aws_kms_key", "aws_kms_key"),
        ("templates/modules/kms/contract.yaml", "summary: ", "summary: A "),
        ("templates/module/README.md.j2", "#", "##"),
        ("modules/kms/1.0.0/contract.yaml", "summary: ", "summary: A "),
    ],
)
def test_new_after_change(renders: Renders, file: str, old: str, new: str) -> None:
    path = renders.root / file
    path.write_text(path.read_text().replace(old, new, 1) + "\n")
    assert renders.new()
    assert not renders.new()


def test_new_after_new_file(renders: Renders) -> None:
    (renders.root / "templates" / "modules" / "kms" / "more.tf.j2").write_text("# more\n")
    assert renders.new()


def test_new_after_other_lock(renders: Renders) -> None:
    lock = renders.root / "modules" / "releases.lock"
    *lines, _ = lock.read_text().splitlines(keepends=True)
    lock.write_text("".join(lines))
    assert renders.new()


def test_new_after_other_code(renders: Renders) -> None:
    (kept._CODE / "hcl.py").write_text("a = 2\n")
    os.utime(kept._CODE / "hcl.py", (1, 1))
    assert renders.new()


def test_new_if_changed_meanwhile(renders: Renders) -> None:
    file = renders.root / "templates" / "modules" / "kms" / "more.tf.j2"
    file.write_text("# one\n")
    renders.meanwhile = lambda: file.write_text("# two\n")
    kept.render_modules(Registry(renders.root), renders.root, {})
    renders.meanwhile = lambda: None
    file.write_text("# one\n")
    assert renders.new()


@pytest.mark.parametrize("environ", [{"CI": "true"}, {"FINBASE_CACHE": "0"}])
def test_new_where_not_kept(renders: Renders, environ: Mapping[str, str]) -> None:
    assert renders.new(environ)
    assert not renders.new({"CI": "true", "FINBASE_CACHE": "1"})


def test_new_if_damaged(renders: Renders) -> None:
    (file,) = Path(os.environ["XDG_CACHE_HOME"], "finbase", "modules").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert renders.new()
    assert not renders.new()


def test_error_is_not_kept(renders: Renders) -> None:
    file = renders.root / "templates" / "modules" / "kms" / "main.tf.j2"
    before = file.read_text()
    file.write_text("{{ missing }}\n")
    for _ in range(2):
        with pytest.raises(Exception, match="missing"):
            renders.new()
    file.write_text(before)
    assert not renders.new()
