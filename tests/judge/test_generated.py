"""Edits of the rendered HCL that nobody thought of: what changes the plan fails a control.

hypothesis draws edits: unset an argument, change a literal, duplicate a resource, redirect a
reference, add a resource beside the others. An edit that changes the plan in an argument that is
not ``HARMLESS`` and still passes is a survivor. Each is printed and fails the test, unless
``EXPLAINED`` says why it is not of the design's business; docs/explanation/proof.md repeats that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from finbase.errors import TerraformError
from finbase.judge.edits import Append, Set
from finbase.judge.prove import rendered_files
from finbase.project.tree import lay_out
from finbase.source.hcl_scan import Block, scan
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_places
from tests.support.commands import ROOT

EXAMPLES = int(os.environ.get("GENERATED_EXAMPLES", "150"))
SEED = int(os.environ.get("SOAK_SEED", "20261125"))
FILES = rendered_files(ROOT)
STACK = PurePosixPath("environments/production")
MODULES = {
    PurePosixPath(source)
    for source in re.findall(r'"\.\./\.\./(modules/[^"]+)"', FILES[STACK / "main.tf"].decode())
}
PATHS = [path for path in sorted(FILES) if path.parent in MODULES and path.suffix == ".tf"]
TEXTS = {path: FILES[path].decode() for path in PATHS}

_UNKNOWN = "unknown "
HARMLESS = {"tags", "tags_all", "description", "alarm_description", "timeouts"}
"""Arguments that neither open nor break anything."""
EXPLAINED: Mapping[str, str] = {
    "aws_db_instance.storage_throughput": "optional; without it, AWS gives what the size allows",
    "aws_cloudwatch_metric_alarm.evaluation_periods": "how soon an alarm is raised is a choice",
}
"""Why an edit may pass, by ``type.argument`` of the change of the plan."""

BESIDE = (
    """
resource "aws_iam_user" "x" { name = "x" }
resource "aws_s3_bucket" "x" { bucket = "x-of-somebody" }
resource "aws_sqs_queue" "x" { name = "x" }
resource "aws_vpc" "x" { cidr_block = "10.99.0.0/16" }
resource "aws_security_group" "x" { vpc_id = "vpc-1" }
resource "aws_kms_key" "x" { multi_region = true }
resource "aws_secretsmanager_secret" "x" { name = "x" }
resource "aws_cloudwatch_log_group" "x" { name = "x" }
resource "aws_sns_topic" "x" { name = "x" }
resource "aws_ebs_volume" "x" {
  availability_zone = "eu-west-1a"
  size              = 1
}
""".strip()
    .replace("}\nresource", "}\0resource")
    .split("\0")
)


@dataclass(frozen=True)
class Case:
    """One edit of one file."""

    path: PurePosixPath
    change: Append | Set

    def __str__(self) -> str:
        return f"{self.path}: {self.change!r}"


def resources() -> Iterator[tuple[PurePosixPath, Block]]:
    for path, text in TEXTS.items():
        yield from ((path, block) for block in scan(text).blocks if block.type == "resource")


RESOURCES = list(resources())


def header(block: Block) -> str:
    return " ".join([block.type, *(f'"{label}"' for label in block.labels)])


def arguments() -> Iterator[tuple[PurePosixPath, str, str, str]]:
    """Yield file, header, argument and expression, of resources and of the blocks in them."""
    for path, resource in RESOURCES:
        queue = [(header(resource), resource)]
        for name, block in queue:
            queue += [(f"{name} > {header(inner)}", inner) for inner in block.blocks]
            for argument, expression in block.attributes.items():
                if argument not in ("for_each", "count", "provider"):
                    yield path, name, argument, expression


ARGUMENTS = list(arguments())


def unset() -> list[Case]:
    return [Case(path, Set(name, argument, "")) for path, name, argument, _ in ARGUMENTS]


def others(expression: str) -> list[str]:
    """Return other literals in the place of one.

    >>> others("true"), others("7"), others("var.x")
    (['false'], ['0', '1', '700'], [])
    """
    if expression in ("true", "false"):
        return ["false" if expression == "true" else "true"]
    if re.fullmatch(r"\d+", expression):
        return [n for n in ("0", "1", f"{expression}00") if n != expression]
    return ['"other"', '""'] if re.fullmatch(r'"[^"$]*"', expression) else []


def changed() -> list[Case]:
    return [
        Case(path, Set(name, argument, value))
        for path, name, argument, expression in ARGUMENTS
        for value in others(expression)
    ]


def redirected() -> list[Case]:
    """Return references to another resource of the same type, or another variable of its kind."""
    cases = []
    for path, name, argument, expression in ARGUMENTS:
        module = "\n".join(text for other, text in TEXTS.items() if other.parent == path.parent)
        for pattern in (r"\b(aws_\w+)\.(\w+)", r"\b(var)\.\w+(?=_arn|_id\b|_ids)"):
            for match in re.finditer(pattern, expression):
                kind = re.escape(match[1]) + r"\.\w+" if match[1] != "var" else pattern
                for other in sorted({m[0] for m in re.finditer(kind, module)} - {match[0]}):
                    value = expression[: match.start()] + other + expression[match.end() :]
                    cases.append(Case(path, Set(name, argument, value)))
    return cases


def duplicated() -> list[Case]:
    return [
        Case(path, Append(f'resource "{block.labels[0]}" "copy" {{{block.text}}}'))
        for path, block in RESOURCES
    ]


def beside() -> list[Case]:
    mains = [path for path in PATHS if path.name == "main.tf"]
    return [Case(path, Append(text)) for path in mains for text in BESIDE]


KINDS = (unset, changed, redirected, duplicated, beside)
CASES = st.deferred(lambda: st.one_of(*(st.sampled_from(kind()) for kind in KINDS)))


def relevant(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return ``type.argument`` of each planned value that differs, without the harmless ones."""
    old, new = dict(planned(before)), dict(planned(after))
    found = {f"{address} of its own" for address in old.keys() ^ new.keys()}
    for address in old.keys() & new.keys():
        values = old[address], new[address]
        differ = {n for n in {**values[0], **values[1]} if values[0].get(n) != values[1].get(n)}
        names = {name.removeprefix(_UNKNOWN) for name in differ}
        found |= {f"{address.split('.')[-2]}.{name}" for name in names - HARMLESS}
    return sorted(found)


def planned(plan: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the address of each changed resource, and its values, unknown ones included."""
    for entry in plan["resource_changes"]:
        change = entry["change"]
        if entry["mode"] == "managed" and change["after"] is not None:
            unknown = {
                f"{_UNKNOWN}{name}": value for name, value in change["after_unknown"].items()
            }
            yield entry["address"], change["after"] | unknown


def test_cases_exist_of_each_kind() -> None:
    assert all(len(kind()) > 30 for kind in KINDS)


@pytest.mark.soak
@pytest.mark.terraform
def test_generated_edits_are_caught(workspace: Workspace, tmp_path: Path) -> None:
    base = json.loads(workspace.plan(ROOT / STACK, project=ROOT))
    survivors: list[str] = []
    counts = Counter[str]()

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(CASES)
    def judge(case: Case) -> None:
        text, places = case.change.apply(TEXTS[case.path])
        assert places
        project = tmp_path / "project"
        shutil.rmtree(project, ignore_errors=True)
        lay_out({**FILES, case.path: text.encode()}, project)
        try:
            plan = workspace.plan(project / STACK, project=project)
        except TerraformError:
            counts["refused by Terraform"] += 1
            return
        counts["plans"] += 1
        if names := [n for n in relevant(base, json.loads(plan)) if n not in EXPLAINED]:
            counts["relevant"] += 1
            stack = project / STACK
            if not failed_places(json.loads(plan), stack):
                survivors.append(f"{case}: {', '.join(names)}")
                print(survivors[-1])

    judge()
    print(dict(counts))
    assert survivors == []
