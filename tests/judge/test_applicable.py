"""Mutations of what a stack lacks, of those of finbase that its environments can lack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from finbase.judge.applicable import lacking, without_instances
from finbase.judge.edits import read_edit
from finbase.judge.mutations import Mutation, load_mutations, mutate
from finbase.judge.prove import rendered_files
from tests.judge.test_parts import leave_out
from tests.support.commands import ROOT
from tests.support.sample import NEWEST

ALL = load_mutations(ROOT / "features")
MONITORING = PurePosixPath("modules/monitoring", NEWEST["monitoring"])


@pytest.fixture(scope="module")
def files() -> dict[PurePosixPath, bytes]:
    """The rendered files of this project."""
    return rendered_files(ROOT)


@pytest.mark.parametrize("environment", ["production", "staging", "development"])
def test_each_mutation_fits_a_stack_or_is_about_what_it_lacks(
    environment: str, files: dict[PurePosixPath, bytes]
) -> None:
    lacks = set()
    for mutation in ALL:
        here = replace(mutation, environment=environment)
        if reason := lacking(files, here):
            lacks.add(reason)
        else:
            assert mutate(files, here) != files
    assert (
        lacks
        == {
            "production": set(),
            "staging": {"the stack has no module replica_reconciliation"},
            "development": {"the stack has no replica"},
        }[environment]
    )


def test_stack_without_optional_parts(project: Path) -> None:
    stack = leave_out(project)
    main = stack / "main.tf"
    text = main.read_text()
    main.write_text(text[: text.index("# Roles, extensions and privileges")])
    files = rendered_files(project)
    lacks = set()
    for mutation in ALL:
        here = replace(mutation, environment=stack.name)
        if reason := lacking(files, here):
            lacks.add(reason)
        else:
            assert mutate(files, here) != files
    assert lacks == {
        f"the stack has no {part}" for part in ("cache", "replica", "roles in the database")
    }


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ({"find": "a = module.cache.x", "replace": "a = 1"}, ""),
        ({"find": "a = 1", "replace": "a = module.replica_b.x"}, "module replica_b"),
        ({"append": "x = module.billing.x"}, "module billing"),
        ({"append": 'module "billing" {\n}\noutput "x" {\n  value = module.billing.x\n}'}, ""),
        ({"block": 'module "billing"', "delete": True}, "module billing"),
        ({"block": 'resource "a" "b"', "delete": True}, "a.b"),
    ],
)
def test_what_an_edit_of_a_stack_is_about(
    edit: dict[str, str], reason: str, files: dict[PurePosixPath, bytes]
) -> None:
    edits = (read_edit({"file": "environments/*/main.tf", **edit}),)
    found = lacking(files, Mutation("x", "F01", "x", "x", edits, "staging"))
    assert found == (f"the stack has no {reason}" if reason else "")


@pytest.mark.parametrize(
    ("id_", "names"),
    [
        ("dashboard-absent", ["aws_cloudwatch_dashboard.main"]),
        ("dashboard-of-a-text", ["aws_cloudwatch_dashboard.main"]),
    ],
)
def test_mutation_of_resources_without_instances(
    id_: str, names: list[str], files: dict[PurePosixPath, bytes]
) -> None:
    (mutation,) = (m for m in ALL if m.id == id_)
    mutated = mutate(files, mutation)
    places = {(MONITORING, name) for name in names}
    assert without_instances(files, mutated, set()) == f"the stack has no {', '.join(names)}"
    for place in places:
        assert without_instances(files, mutated, {place}) == ""


@pytest.mark.parametrize(
    ("before", "after", "fits"),
    [
        ('locals {\n  a = 1\n}\nresource "x" "y" {\n  b = local.a\n}\n', "a = 2", True),
        ('locals {\n  a = 1\n}\noutput "y" {\n  value = local.a\n}\n', "a = 2", False),
        (
            'locals {\n  a = 1\n  c = local.a\n}\noutput "y" {\n  value = local.c\n}\n',
            "a = 2",
            False,
        ),
        ('output "y" {\n  a = 1\n}\n', "a = 2", False),
    ],
)
def test_mutation_of_a_local_is_one_of_what_reads_it(before: str, after: str, fits: bool) -> None:
    path = MONITORING / "main.tf"
    files, mutated = ({path: t.encode()} for t in (before, before.replace("a = 1", after)))
    found = without_instances(files, mutated, {(MONITORING, "x.z")})
    assert found == ("the stack has no x.y" if fits else "")
    assert without_instances(files, files, set()) == ""
