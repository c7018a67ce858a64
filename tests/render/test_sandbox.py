"""A template is a stranger's code: it can print values and cannot reach anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from finbase.cli import main
from finbase.contract.registry import Registry
from finbase.environment.load import load, load_environments
from finbase.errors import InputError, TreeError
from finbase.project.files import refuse_links
from finbase.render.project import render_project
from finbase.render.templating import hcl_templates, markdown_templates
from tests.support.commands import copy_folders

ROOT = Path(__file__).resolve().parents[2]

# Each runs a command, or reaches what does, in Jinja without a sandbox.
ESCAPES = [
    '{% set _ = cycler.__init__.__globals__["os"].system("touch " ~ mark) %}',
    '{% set _ = joiner.__init__.__globals__["os"].system("touch " ~ mark) %}',
    '{% set _ = namespace.__init__.__globals__["os"].system("touch " ~ mark) %}',
    '{% set _ = lipsum.__globals__["os"].system("touch " ~ mark) %}',
    '{% set _ = (cycler | attr("__init__") | attr("__globals__"))["os"].system("x") %}',
    '{% set _ = ("" | attr("__class__")) %}{{ _ | raw }}',
    "{% set _ = self._TemplateReference__context %}{{ _ }}",
    "{{ self.__init__.__globals__ }}",
    '{{ "".__class__.__mro__[1].__subclasses__() }}',
    '{{ ""["__class__"] }}',
    "{{ ().__class__ }}",
    "{{ undefined.__init__.__globals__ }}",
    "{% set x = gone %}{{ x.__class__ }}",
    '{{ "{0.__class__}".format(1) }}',
    '{{ "{x.__class__}".format_map({"x": 1}) }}',
    '{{ "%s" | format(1) }}',
    '{{ [1] | map(attribute="__class__") | list }}',
    '{{ [record] | map("attr", "__class__") | list }}',
    '{{ [[1]] | sum(attribute="__class__", start=0) }}',
    '{{ [record] | selectattr("__class__") | list }}',
    '{{ [record] | sort(attribute="path.name") }}',
    "{{ range.__self__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% macro m() %}{% endmacro %}{{ m.name }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for x in [1] %}{{ loop.cycle.__func__ }}{% endfor %}",
    '{{ record.path.write_text("x") }}',
    "{{ record.path.read_text() }}",
    '{{ record["path"] }}',
    "{{ record.method() }}",
    "{{ record.function() }}",
    "{{ [1].append(2) }}",
    "{{ {}.update({1: 2}) }}",
    "{% set x = [1].__add__([2]) %}{{ x }}",
    '{% import "_m.j2" as m %}{{ m.__loader__ }}',
    '{% import "_m.j2" as m %}{{ m._body_stream }}',
    "{{ function() }}",
    "{{ function.__globals__ }}",
    "{{ path.parent }}",
    '{% include "../outside.j2" %}',
    '{% include "/etc/passwd" %}',
    "{{ dict(a=1) }}",
    "{% set ns = namespace(a=1) %}",
    "{{ [1] | random }}",
    "{{ 1 | pprint }}",
    "{% do 1 %}",
    "{% debug %}",
    "{{ (1 for x in y).gi_frame }}",
    "{% set x = await y %}",
]


@dataclass(frozen=True)
class Record:
    path: Path
    name: str = "a"
    function: Callable[[], int] = int

    def method(self) -> int:
        return 1

    @property
    def title(self) -> str:
        return self.name.upper()


@pytest.fixture
def context(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "_m.j2").write_text("{% macro hello(x) %}{{ x }}{% endmacro %}")
    (tmp_path / "outside.j2").write_text("outside")
    return {
        "mark": str(tmp_path / "ran"),
        "record": Record(tmp_path / "secret"),
        "path": tmp_path / "secret",
        "function": lambda: (tmp_path / "ran").touch(),
    }


@pytest.mark.parametrize("kind", ["tf", "md"])
@pytest.mark.parametrize("template", ESCAPES)
def test_escape_is_an_error(
    tmp_path: Path, context: dict[str, Any], kind: str, template: str
) -> None:
    root = tmp_path / "templates"
    (root / f"x.{kind}.j2").write_text(template)
    make = hcl_templates if kind == "tf" else markdown_templates
    with pytest.raises(InputError):
        make(root).render(f"x.{kind}.j2", context)
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ record.name }} {{ record.title }}", "a A"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{% for x in range(2) %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{% endfor %}", "1a2b"),
        ("{% import '_m.j2' as m %}{{ m.hello(1) }}", "1"),
        ("{% from '_m.j2' import hello %}{{ hello(2) }}", "2"),
        ("{{ 'a,b'.split(',') | join('-') | upper }}", "A-B"),
        ("{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{% endcall %}", "x"),
        ("{{ gone is defined }} {{ record.path is defined }}", "False False"),
    ],
)
def test_plain_template_renders(
    tmp_path: Path, context: dict[str, Any], template: str, expected: str
) -> None:
    root = tmp_path / "templates"
    (root / "x.md.j2").write_text(template)
    assert markdown_templates(root).render("x.md.j2", context) == expected


@pytest.mark.parametrize("field", ["document", "catalogue", "notes", "document.path"])
def test_template_sees_no_path_of_the_machine(tmp_path: Path, field: str) -> None:
    """A template could render another text on the machine that judges than on others."""
    environment = load(ROOT / "environments" / "production.yaml", Registry(ROOT), ROOT)
    template = tmp_path / "x.md.j2"
    template.write_text("{{ environment | string }}{{ environment.modules | join }}")
    text = markdown_templates(tmp_path).render("x.md.j2", {"environment": environment})
    assert "ledger_owner" in text
    assert str(ROOT) not in text
    template.with_name("y.md.j2").write_text(f"{{{{ environment.{field} | string }}}}")
    with pytest.raises(InputError):
        markdown_templates(tmp_path).render("y.md.j2", {"environment": environment})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    copy_folders(root, "templates", "environments", "modules")
    return root


def test_render_check_runs_no_code_of_template(project: Path) -> None:
    mark = project.parent / "ran"
    with (project / "templates/stack/versions.tf.j2").open("a") as file:
        file.write('{% set _ = cycler.__init__.__globals__["os"].system("touch ' + f'{mark}") %}}')
    done = CliRunner().invoke(main, ["--project", str(project), "render", "--check"])
    assert done.exit_code == 2
    assert "versions.tf.j2" in done.output
    assert "'cycler' is undefined" in done.output
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", ["stack/extra.tf.j2", "stack/extra.txt", "stack/.hidden", "modules/kms/ca", "module/x"]
)
def test_link_in_templates_is_refused(project: Path, name: str) -> None:
    secret = project.parent / "secret"
    secret.write_text("the secret")
    (project / "templates" / name).symlink_to(secret)
    with pytest.raises(TreeError, match="is a symbolic link"):
        Registry(project)
    for command in (["render", "--check"], ["affected", "--since", "HEAD"], ["show", "staging"]):
        done = CliRunner().invoke(main, ["--project", str(project), *command])
        assert done.exit_code == 2
        assert "the secret" not in done.output


@pytest.mark.parametrize("name", ["templates", "templates/modules", "templates/stack"])
def test_linked_folder_of_templates_is_refused(project: Path, name: str) -> None:
    (project / name).rename(project.parent / "elsewhere")
    (project / name).symlink_to(project.parent / "elsewhere")
    with pytest.raises(TreeError, match="is a symbolic link"):
        Registry(project)


def test_refuse_links_allows_files_only(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    refuse_links(tmp_path)
    os.mkfifo(tmp_path / "a" / "c")
    with pytest.raises(TreeError, match="neither a file nor a folder"):
        refuse_links(tmp_path)


def test_sandbox_renders_same_bytes() -> None:
    """All that is rendered now equals what is committed."""
    registry = Registry(ROOT)
    tree = render_project(load_environments(ROOT, registry, []), registry, ROOT)
    assert all((ROOT / path).read_bytes() == content for path, content in tree.items())
