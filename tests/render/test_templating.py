from __future__ import annotations

import marshal
import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.bccache import bc_magic

from finbase.errors import InputError
from finbase.render import templating
from finbase.render.hcl import literal
from finbase.render.templating import Templates, hcl_templates, markdown_templates
from finbase.system.user_folders import write_private

Render = Callable[..., str]
BYTECODE_CACHE = templating._bytecode_cache
"""The real one, which other tests replace."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(templating, "_bytecode_cache", BYTECODE_CACHE)
    return tmp_path / "cache" / "finbase" / "jinja"


@pytest.fixture
def render(tmp_path: Path) -> Render:
    def render(text: str, /, **context: Any) -> str:
        (tmp_path / "x.tf.j2").write_text(text, encoding="utf-8")
        return hcl_templates(tmp_path).render("x.tf.j2", context)

    return render


@pytest.fixture
def markdown(tmp_path: Path) -> Render:
    def render(text: str, /, **context: Any) -> str:
        (tmp_path / "x.md.j2").write_text(text, encoding="utf-8")
        return markdown_templates(tmp_path).render("x.md.j2", context)

    return render


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("name = {{ name }}\n", 'name = "a \\"b\\" $${c}"\n'),
        ("name = {{ 'constant' }}\n", 'name = "constant"\n'),
        ("{{ 1 }} {{ true }} {{ none }} {{ [1, 'a'] }}", '1 true null [1, "a"]'),
        ("{{ name ~ '!' }}", '"a \\"b\\" $${c}!"'),
        ("{{ name | upper }}", '"A \\"B\\" $${C}"'),
        ("{{ ('x' | raw) ~ name }}", '"xa \\"b\\" $${c}"'),
        ("{{ 'var.x' | raw }}", "var.x"),
        ("aws_kms_key.{{ 'data' | identifier }}.arn", "aws_kms_key.data.arn"),
        ("{{ {'a': 1, 'bb': name} | attributes(2) }}", '  a  = 1\n  bb = "a \\"b\\" $${c}"'),
        ("{% if true %}\nx\n{% endif %}\n", "x\n"),
        ("  {% if true %}\n  x\n  {% endif %}\n", "  x\n"),
    ],
)
def test_hcl_prints_literals(render: Render, template: str, expected: str) -> None:
    assert render(template, name='a "b" ${c}') == expected


def test_hcl_macro(render: Render) -> None:
    macro = "{% macro tag(name) %}{ Name = {{ name }} }{% endmacro %}"
    assert render(macro + "tags = {{ tag(x) }}", x='a"') == 'tags = { Name = "a\\"" }'
    wrapped = "{% macro twice() %}{{ caller() }} {{ caller() }}{% endmacro %}"
    assert render(wrapped + "{% call twice() %}{{ x }}{% endcall %}", x="a") == '"a" "a"'


def test_hcl_include_and_import(render: Render, tmp_path: Path) -> None:
    (tmp_path / "_part.j2").write_text("{% macro f(a) %}[{{ a }}]{% endmacro %}part = {{ x }}")
    assert render("{% include '_part.j2' %}", x="a") == 'part = "a"'
    assert render("{% import '_part.j2' as part with context %}{{ part.f('b') }}", x="a") == '["b"]'


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a"', "a\n", "a.b", "${a}", 1, None])
def test_identifier_refuses(render: Render, name: Any) -> None:
    with pytest.raises(InputError, match="is not an identifier"):
        render('resource "x" "{{ name | identifier }}" {}', name=name)


def test_raw_refuses_other_types(render: Render) -> None:
    with pytest.raises(InputError, match="only text can be raw"):
        render("{{ 1 | raw }}")


@given(text=st.text())
def test_comment_contains_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp()
    (root / "comment.j2").write_text("{{ text | comment }}\n")
    lines = hcl_templates(root).render("comment.j2", {"text": text}).split("\n")
    assert all(line.startswith("#") or not line for line in lines)
    assert not any(char < " " for line in lines for char in line)


def test_comment_keeps_lines(render: Render) -> None:
    assert (
        render("{{ text | comment }}", text="one\n\ntwo\r\nthree\n") == "# one\n#\n# two\n# three"
    )


@given(value=st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=5))
def test_hcl_contains_values(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    root = tmp_path_factory.getbasetemp()
    (root / "value.j2").write_text("value = {{ value }}\n")
    rendered = hcl_templates(root).render("value.j2", {"value": value})
    assert rendered == f"value = {literal(value)}\n"


def test_hcl_hostile_value(render: Render) -> None:
    hostile = 'x"\n}\nresource "null_resource" "evil" {\n  a = "${file("/etc/passwd")}'
    read = hcl2.loads(render("locals {\n  a = {{ hostile }}\n}\n", hostile=hostile))
    assert list(read) == ["locals"]
    assert "$${file(" in read["locals"][0]["a"]


@pytest.mark.parametrize(
    ("template", "line", "says"),
    [
        ("a\n{{ missing }}\n", 2, "'missing' is undefined"),
        ("{{ 'a' }}\n\n{{ given.missing }}", 3, "has no attribute 'missing'"),
        ("a\n\n{% if %}", 3, "invalid template"),
        ("{% include 'gone.j2' %}", 1, "template gone.j2 not found"),
        ("\n{{ 1 / 0 }}", 2, "division by zero"),
        ("\n{{ nothing() }}", 2, "'nothing' is undefined"),
        ("\n{{ [object] }}", 2, "cannot be written as HCL"),
        ("\n{{ {'a': gone} }}", 2, "cannot be written as HCL"),
    ],
)
def test_template_error_position(
    render: Render, tmp_path: Path, template: str, line: int, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        render(template, given={}, object=object())
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.path, diagnostic.line) == (str(tmp_path / "x.tf.j2"), line)
    assert diagnostic.code == "FB010"
    assert says in diagnostic.message


def test_included_template_error_position(render: Render, tmp_path: Path) -> None:
    (tmp_path / "_part.tf.j2").write_text("\n\n{{ missing }}")
    with pytest.raises(InputError, match=r"_part\.tf\.j2:3:1: .*'missing' is undefined"):
        render("\n{% include '_part.tf.j2' %}")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("# {{ 'a_b' }} *c*\n", "# a_b *c*\n"),
        ("| {{ 'a|b\nc  d' | cell }} |", r"| a\|b c d |"),
        ("{{ 'a|b' | code }}", r"`a\|b`"),
        ("{{ 'a`b' | code }}", "`` a`b ``"),
        ("{{ '' | code }}", ""),
    ],
)
def test_markdown_prints_unchanged(markdown: Render, template: str, expected: str) -> None:
    assert markdown(template) == expected


def opened(root: Path) -> Templates:
    """As in a new process."""
    hcl_templates.cache_clear()
    return hcl_templates(root)


def test_cache_is_private(render: Render, cache: Path) -> None:
    assert render("{{ 1 }}") == "1"
    for made in (cache.parent, cache):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    (kept,) = cache.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_cache_hit(render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render("{{ 1 }}")
    monkeypatch.setattr(jinja2.Environment, "_generate", None)  # compiling would fail
    assert opened(tmp_path).render("x.tf.j2", {}) == "1"


def test_cache_miss_after_change(render: Render, tmp_path: Path) -> None:
    render("{{ 1 }}")
    (tmp_path / "x.tf.j2").write_text("{{ 2 }}")
    assert opened(tmp_path).render("x.tf.j2", {}) == "2"


def test_cache_depends_on_jinja(
    render: Render, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render("{{ 1 }}")
    monkeypatch.setattr(jinja2, "__version__", "9.9")
    opened(tmp_path).render("x.tf.j2", {})
    assert len(list(cache.iterdir())) == 2


def test_templates_in_non_utf8_folder(tmp_path: Path, cache: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfc"))
    root.mkdir()
    (root / "x.tf.j2").write_text("{% include 'y.j2' %}")
    (root / "y.j2").write_text("{{ 1 }}")
    for _ in range(2):
        assert opened(root).render("x.tf.j2", {}) == "1"
        assert len(list(cache.glob("*"))) == 2


def test_cache_damaged(render: Render, tmp_path: Path, cache: Path) -> None:
    render("{{ 1 }}")
    (kept,) = cache.glob("*")
    whole = kept.read_bytes()
    for length in range(0, len(whole), 7):
        kept.write_bytes(whole[:length])
        assert opened(tmp_path).render("x.tf.j2", {}) == "1"


def test_cache_of_other_key_is_not_run(
    render: Render, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that somebody else made, as a job of CI may restore it."""
    mark = tmp_path / "ran"
    render("{{ 1 }}")
    (kept,) = cache.iterdir()
    code = compile(f"open({str(mark)!r}, 'w')", "x", "exec")
    checksum = jinja2.BytecodeCache().get_source_checksum("{{ 1 }}")
    planted = bc_magic + pickle.dumps(checksum, 2) + marshal.dumps(code)
    for content in (planted, b"\0" * 32 + planted):
        kept.write_bytes(content)
        assert opened(tmp_path).render("x.tf.j2", {}) == "1"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "attacker"))
    write_private(kept, planted)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert opened(tmp_path).render("x.tf.j2", {}) == "1"
    assert not mark.exists()


def test_cache_not_writable(render: Render, cache: Path) -> None:
    cache.parent.parent.mkdir()
    cache.parent.write_text("a file")
    assert render("{{ 1 }}") == "1"


def test_cache_removed(tmp_path: Path, cache: Path) -> None:
    templates = opened(tmp_path)
    cache.rmdir()
    (tmp_path / "x.tf.j2").write_text("{{ 1 }}")
    assert templates.render("x.tf.j2", {}) == "1"


def test_cache_is_pruned(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templating, "_MOST_COMPILED", 7)
    templates = opened(tmp_path)
    for number in range(30):
        (tmp_path / f"{number}.tf.j2").write_text("{{ 1 }}")
        templates.render(f"{number}.tf.j2", {})
        assert len(list(cache.iterdir())) <= 7


def test_cache_ignores_writable_folder(render: Render, cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert render("{{ 1 }}") == "1"
    assert list(cache.rglob("*")) == []


def test_cache_ignores_linked_folder(render: Render, tmp_path: Path, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    cache.symlink_to(tmp_path / "elsewhere")
    assert render("{{ 1 }}") == "1"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_cache_in_home(render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    render("{{ 1 }}")
    assert list((tmp_path / "home/.cache/finbase/jinja").iterdir())


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "||||||| base", ">>>>>>> other"])
def test_render_refuses_merge_conflict(render: Render, marker: str) -> None:
    with pytest.raises(InputError, match="a merge conflict"):
        render(f"a = 1\n{marker}\nb = 2\n")
