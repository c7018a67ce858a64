"""Test reading a module: the result does not depend on the layout of its HCL."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from finbase.release.compatibility import what_changed
from finbase.release.interface import Interface, Place, read_interface, read_shipped
from tests.support.commands import ROOT

HOME = PurePosixPath("modules/x/1.0.0")
RELEASES = sorted(path.parent for path in (ROOT / "modules").glob("*/*/main.tf"))


def read(text: str, **files: str) -> Interface:
    tree = {"main": text, **files}
    return read_interface({HOME / f"{name}.tf": each.encode() for name, each in tree.items()})


def shipped(folder: Path) -> dict[PurePosixPath, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {PurePosixPath(path.relative_to(ROOT).as_posix()): path.read_bytes() for path in files}


@pytest.mark.parametrize("folder", RELEASES, ids=lambda p: f"{p.parent.name} {p.name}")
def test_read_shipped_of_every_release(folder: Path) -> None:
    module = read_shipped(shipped(folder))
    interface = module.interface
    texts = [path.read_text().splitlines() for path in folder.glob("*.tf")]
    lines = [line for text in texts for line in text]
    assert len(interface.variables) == sum(line.startswith("variable ") for line in lines)
    assert len(interface.outputs) == sum(line.startswith("output ") for line in lines)
    assert len(interface.resources) == sum(line.startswith("resource ") for line in lines)
    assert {*interface.requirements} >= {"terraform", "hashicorp/aws"}
    assert {*interface.variables} == {variable.name for variable in module.contract.variables}
    assert {*interface.outputs} == {output.name for output in module.contract.outputs}
    places = {name: variable.place for name, variable in interface.variables.items()}
    for name, place in [*places.items(), *interface.outputs.items()]:
        line = (ROOT / place.path).read_text().splitlines()[place.line - 1]
        assert f'"{name}" {{' in line
    for resource in interface.resources.values():
        for name, place in resource.places.items():
            line = (ROOT / place.path).read_text().splitlines()[place.line - 1]
            assert name.rpartition(".")[2] in line
        assert not any("local." in text for text in resource.arguments.values())
    for name, checks in module.checks.items():
        assert checks <= {*interface.variables[name].conditions}
    assert what_changed(module, module) == ()


def test_read_interface_variable() -> None:
    variable = read(
        """
        variable "x" {
          description = "d"
          type = object({
            b = optional(list(object({ x = number })), [])
            "a" = string  # quoted
          })
          default   = { b = [], "a" = "}" }
          sensitive = true
          validation {
            condition = alltrue([
              for key in keys(var.x) : # why
              can(regex("^[{]", key))
            ])
            error_message = "m"
          }
        }
        """
    ).variables["x"]
    assert {*variable.attributes} == {"type", "default", "sensitive"}
    assert variable.attributes["default"] == '{a = "}", b = []}'
    assert variable.attributes["sensitive"] == "true"
    assert variable.conditions == ('alltrue([for key in keys(var.x) : can(regex("^[{]", key))])',)
    assert variable.place == Place(HOME / "main.tf", 2)


@pytest.mark.parametrize(
    ("written", "default"),
    [
        ("default = null", "null"),
        ('default = "null"', '"null"'),
        ("default = true", "true"),
        ("default = []", "[]"),
        ("default = -1.5", "-1.5"),
        ('default = ["a", { b = 1 }]', '["a", {b = 1}]'),
    ],
)
def test_read_interface_default(written: str, default: str) -> None:
    variable = read(f'variable "x" {{\n{written}\n}}').variables["x"]
    assert variable.attributes == {"default": default}


def test_read_interface_heredoc_on_one_line() -> None:
    found = read('variable "x" {\n  default = <<-EOT\n    a\n    ## From b\n  EOT\n}\n')
    assert "\n" not in found.variables["x"].attributes["default"]


def test_read_interface_arguments_of_blocks() -> None:
    found = read(
        """
        resource "aws_db_instance" "x" {
          engine = "postgres"
          rule { days = 1 }
          rule { days = 2 }
          dynamic "restore" {
            for_each = var.y
            content { source = restore.value }
          }
          lifecycle {
            ignore_changes       = [engine]
            replace_triggered_by = [aws_x.y]
            prevent_destroy      = true
            precondition {
              condition     = var.z
              error_message = "m"
            }
          }
        }
        """
    )
    resource = found.resources["aws_db_instance.x"]
    assert resource.arguments == {
        "engine": '"postgres"',
        "rule.days": "1",
        "rule[1].days": "2",
        "restore.for_each": "var.y",
        "restore.content.source": "restore.value",
        "lifecycle.ignore_changes": "[engine]",
        "lifecycle.replace_triggered_by": "[aws_x.y]",
    }
    assert resource.places["rule[1].days"].line == 5
    assert resource.keys == ""
    assert found.conditions == (("precondition", "var.z", Place(HOME / "main.tf", 14)),)


def test_read_interface_expands_locals_and_arguments() -> None:
    found = read(
        """
        resource "aws_x" "y" {
          name   = local.name
          path   = "/logs/${local.name}"
          other  = aws_x.z.name
          plan   = local.a + local.b
          circle = local.round
          far    = data.aws_x.z.name
          text   = "see local.name"
          many   = aws_x.many.name
        }
        resource "aws_x" "z" { name = "z-${local.name}" }
        resource "aws_x" "many" {
          count = 2
          name  = "m"
        }
        """,
        locals="""
        locals {
          name  = "${var.p}-db"
          a     = 1
          b     = local.a * 2
          round = local.round
        }
        """,
    )
    assert {**found.resources["aws_x.y"].arguments, "text": ""} == {
        "name": '"${var.p}-db"',
        "path": '"/logs/${var.p}-db"',
        "other": '"z-${var.p}-db"',
        "plan": "1 + (1 * 2)",
        "circle": "local.round",
        "far": "data.aws_x.z.name",
        "text": "",
        "many": "aws_x.many.name",
    }


def test_read_interface_ignores_folders_below() -> None:
    tree = {
        HOME / "main.tf": b'variable "x" {}',
        HOME / "tests/more.tf": b'variable "y" {}',
        HOME / "README.md": b"variable",
        HOME / "x.tftest.hcl": b'variable "z" {}',
    }
    assert [*read_interface(tree).variables] == ["x"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('variable "x" {', "main.tf is not HCL"),
        ("moved {\n  from = a.b\n}", "main.tf:1: this moved lacks 'to'"),
        ("\noutput {}", "main.tf:2: this output lacks"),
        ('variable "x" {\n  validation {}\n}', "main.tf:1: this variable lacks 'condition'"),
        ("variable {}", "main.tf:1: this variable lacks"),
    ],
)
def test_read_interface_refuses_incomplete_blocks(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read(text)
