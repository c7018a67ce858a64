"""Valid HCL in unusual forms: Terraform's reader and the three of ours find the same blocks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import PurePosixPath
from typing import Any

import pytest

from finbase.release.interface import read_interface
from finbase.source.hcl_scan import scan
from finbase.terraform.program import find_terraform
from tests.support.commands import ROOT

LAST = 'output "last" {\n  value = "end"\n}\n'
CORPUS = {
    "plain": 'output "a" {\n  value = 1\n}\n',
    "byte-order-mark": '\ufeffoutput "a" {\n  value = 1\n}\n',
    "carriage-returns": 'output "a" {\r\n  value = 1\r\n}\r\n',
    "heredoc": 'output "a" {\n  value = <<EOT\n}\noutput "b" {\nEOT\n}\n',
    "heredoc-empty": 'output "a" {\n  value = <<EOT\nEOT\n}\n',
    "heredoc-of-one-letter": 'output "a" {\n  value = <<E\n}\nE\n}\n',
    "heredoc-of-a-script": 'output "a" {\n  value = <<EOT\necho "one \\\n{ two"\nEOT\n}\n',
    "heredoc-with-marker-in-word": 'output "a" {\n  value = <<EOT\n   FAKE_EOT_HERE\nEOT\n}\n',
    "heredoc-with-marker-inside": 'output "a" {\n  value = <<EOT\nEOT2\n x EOT\nEOT\n}\n',
    "heredoc-with-blanks-after-marker": 'output "a" {\n  value = <<-EOT\n    b }\n  EOT  \n}\n',
    "heredoc-with-tab-after-marker": 'output "a" {\n  value = <<-EOT\n    b }\n  EOT\t\n}\n',
    "heredoc-with-dash-in-marker": 'output "a" {\n  value = <<-E-T\n    b }\n  E-T\n}\n',
    "heredoc-with-quote": 'output "a" {\n  value = <<-EOT\n    say "hi {\n  EOT\n}\n',
    "heredoc-in-call": 'output "a" {\n  value = trimspace(<<-EOT\n    b }\n  EOT\n  )\n}\n',
    "heredoc-in-list": 'output "a" {\n  value = [<<-EOT\n    b }\n  EOT\n  , "c"]\n}\n',
    "heredoc-with-template": 'output "a" {\n  value = <<EOT\n${join("}", ["{"])}\nEOT\n}\n',
    "heredoc-of-carriage-returns": 'output "a" {\r\n  value = <<EOT\r\n}\r\nEOT\r\n}\r\n',
    "heredoc-in-heredoc": 'output "a" {\n  value = <<E\n${<<F\nE\n} "\nF\n}\nE\n}\n',
    "heredoc-in-template": 'output "a" {\n  value = "${<<E\n} "\nE\n}"\n}\n',
    "heredoc-with-letters-in-marker": 'output "a" {\n  value = <<मा\n } "\nमा\n}\n',
    "comment-in-template": 'output "a" {\n  value = "${ "x" /* it\'s "quoted" { */ }"\n}\n',
    "marks-in-name": "locals {\n  मात्रा = 1\n}\noutput मात्रा {\n  value = local.मात्रा\n}\n",
    "strip-markers": 'output "a" {\n  value = "x ${~ 1 ~} y"\n}\n',
    "directive": 'output "a" {\n  value = "%{ if true ~}b }%{ else }{%{ endif }"\n}\n',
    "directive-for": 'output "a" {\n  value = "%{ for x in ["}"] }${x}%{ endfor }"\n}\n',
    "letters": 'locals {\n  größe = 1\n}\noutput "a" {\n  value = local.größe\n}\n',
    "letters-in-label": 'output "grün" {\n  value = 1\n}\n',
    "kanji": 'locals {\n  値 = { 名 = 1 }\n}\noutput "a" {\n  value = local.値.名\n}\n',
    "dashes": 'locals {\n  a-b = 1\n}\noutput "a-b" {\n  value = local.a-b\n}\n',
    "escaped-template": 'output "a" {\n  value = "$${b } %%{ c"\n}\n',
    "nested-quotes": 'output "a" {\n  value = "x ${upper("y ${lower("}")}")}"\n}\n',
    "escaped-quote": 'output "a" {\n  value = "\\" } \\\\"\n}\n',
    "comment-with-brace": 'output "a" { # }\n  // } "\n  value = 1 /* } " */\n}\n',
    "comment-between": 'output /* x */ "a" /* { */ {\n  value = 1\n}\n',
    "one-line-block": 'output "a" { value = 1 }\n',
    "unquoted-label": "output a {\n  value = 1\n}\n",
    "object-with-colons": 'output "a" {\n  value = { b : 1, "c" : 2, (upper("d")) = 3 }\n}\n',
    "for-expression": 'output "a" {\n  value = { for k, v in { x = 1 } : k => v... if v > 0 }\n}\n',
    "splat": 'output "a" {\n  value = [{ b = [1] }][*].b[0]\n}\n',
    "attribute-splat": 'output "a" {\n  value = [{ b = 1 }].*.b\n}\n',
    "legacy-index": 'locals {\n  l = [1]\n}\noutput "a" {\n  value = local.l.0\n}\n',
    "condition-on-lines": 'output "a" {\n  value = (\n    true\n    ? 1\n    : 2\n  )\n}\n',
    "numbers": 'output "a" {\n  value = [1e3, 1.5E-2, -1, 0.5, 1e+2]\n}\n',
    "expansion": 'output "a" {\n  value = max([1, 2]...)\n}\n',
    "provider-function-colons": 'output "a" {\n  value = core::upper("b")\n}\n',
    "not-and-minus": 'output "a" {\n  value = !true || -1 < - 2 && !!false\n}\n',
    "quoted-object-key": 'output "a" {\n  value = { "b }" = 1, "${"c"}" = 2 }\n}\n',
    "object-key-template": 'output "a" {\n  value = { "${upper("b")}-c" = 1 }\n}\n',
    "no-line-break-at-end": 'output "a" {\n  value = 1\n} # end',
    "form-of-tabs": 'output\t"a"\t{\n\tvalue\t=\t1\n}\n',
    "empty-lines-in-list": 'output "a" {\n  value = [\n\n    1,\n\n\n    2\n\n  ]\n}\n',
    "trailing-comma-in-call": 'output "a" {\n  value = max(\n    1,\n    2,\n  )\n}\n',
    "unicode-escape": 'output "a" {\n  value = "\\u007d \\U0001F600"\n}\n',
    "dollar-signs": 'output "a" {\n  value = "$ $$ % %% $1 100%"\n}\n',
    "heredoc-escaped": 'output "a" {\n  value = <<EOT\n$${ } %%{ \\" \\\nEOT\n}\n',
    "heredoc-after-comment": 'output "a" {\n  # <<EOT\n  value = 1\n}\n',
    "text-like-heredoc": 'output "a" {\n  value = "<<EOT"\n}\n',
    "escape-in-label": 'output "a\\u0062\\U00000063" {\n  value = 1\n}\n',
    "for-of-number": 'locals {\n  a = sum([for x in ["}"] : 1])\n}\n',
    "for-of-decimal": 'locals {\n  a = { for x in ["}"] : x => 1.5 }\n}\n',
    "for-of-other-values": 'locals {\n  a = [for x in ["}"] : -1 if x != "{"]\n}\n',
    "less-than": 'output "a" {\n  value = 1 < 2\n}\n',
}

UNREADABLE = frozenset(
    {
        "heredoc-in-heredoc",
        "heredoc-with-letters-in-marker",
        "comment-in-template",
        "marks-in-name",
        "heredoc-with-blanks-after-marker",
        "heredoc-with-tab-after-marker",
        "strip-markers",
        "letters",
        "kanji",
        "escaped-template",
        "comment-between",
        "provider-function-colons",
        "not-and-minus",
        "escape-in-label",
        "for-of-number",
        "for-of-decimal",
    }
)
"""What python-hcl2 8.1.4 does not read; a newer one that reads it fails here, and is removed."""


def _sources() -> Any:
    path = ROOT / "features" / "steps" / "shared" / "sources.py"
    spec = importlib.util.spec_from_file_location("sources_of_features", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOURCES = _sources()


def complete(text: str) -> str:
    """Return a text with one more output, which a reader that loses its place misses."""
    return text if text.endswith("# end") else text + LAST


@pytest.fixture(scope="module")
def read_by_terraform(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return the outputs that Terraform plans, by name of the text; one plan for all texts."""
    home = tmp_path_factory.mktemp("corpus")
    calls = []
    for number, (name, text) in enumerate(CORPUS.items()):
        folder = home / name
        folder.mkdir()
        (folder / "main.tf").write_bytes(complete(text).encode())
        calls.append(f'module "m{number}" {{\n  source = "./{name}"\n}}\n')
    (home / "main.tf").write_text("".join(calls))
    terraform = find_terraform()
    environ = {"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1", "HOME": str(home)}

    def run(*arguments: str) -> bytes:
        command = [str(terraform.path), *arguments]
        return subprocess.run(
            command, cwd=home, env=environ, check=True, capture_output=True
        ).stdout

    run("init", "-input=false", "-backend=false")
    run("plan", "-input=false", "-refresh=false", "-out=x.tfplan")
    plan = json.loads(run("show", "-json", "x.tfplan"))
    modules = plan["configuration"]["root_module"]["module_calls"]
    return {
        name: set(modules[f"m{number}"]["module"]["outputs"]) for number, name in enumerate(CORPUS)
    }


@pytest.mark.terraform
@pytest.mark.parametrize("name", CORPUS)
def test_readers_agree_with_terraform(name: str, read_by_terraform: dict[str, set[str]]) -> None:
    expected, text = read_by_terraform[name], complete(CORPUS[name])
    tree = {PurePosixPath("main.tf"): text.encode()}
    if name in UNREADABLE:
        # A release is refused with this message, and nothing is written.
        with pytest.raises(ValueError, match=r"^main\.tf is not HCL that finbase can read: "):
            read_interface(tree)
    else:
        assert set(read_interface(tree).outputs) == expected
    scanned = {block.labels[0] for block in scan(text).blocks if block.type == "output"}
    assert scanned == expected
    blocks = [block.labels for block in SOURCES.read(text)]
    assert {labels[1] for labels in blocks if labels[0] == "output"} == expected


@pytest.mark.parametrize(
    "name", ["main.tf.json", "main.tofu", "override.tf", "main_override.tf", "a_override.tf.json"]
)
def test_read_interface_refuses_other_forms(name: str) -> None:
    with pytest.raises(ValueError, match=f"^m/{name} "):
        read_interface({PurePosixPath("m/main.tf"): b"", PurePosixPath("m", name): b"{}"})


def test_read_interface_ignores_hidden_files() -> None:
    tree = {PurePosixPath("m/main.tf"): b"", PurePosixPath("m/.x_override.tf"): b"{"}
    assert not read_interface(tree).outputs


@pytest.mark.parametrize("bad", [b"\xff\xfe", b'output "a" {\n'])
def test_read_interface_names_the_file(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"^main\.tf is not HCL that finbase can read"):
        read_interface({PurePosixPath("main.tf"): bad})


@pytest.mark.parametrize("value", ["0.1234567890123456789", '"a-${1.00000000000000000001}"'])
def test_read_interface_refuses_digits_that_it_would_lose(value: str) -> None:
    allowed = 'output "a" {\n  value = 1.5e300 + 12345678901234567\n}\n'
    read_interface({PurePosixPath("main.tf"): allowed.encode()})
    refused = f'output "a" {{\n  value = {value}\n}}\n'
    with pytest.raises(ValueError, match=r"^main\.tf has the number \d\.\d{19}"):
        read_interface({PurePosixPath("main.tf"): refused.encode()})
