"""A protected database has a guard in the stack: Terraform refuses to destroy or replace it."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from finbase.contract.registry import Registry
from finbase.environment.load import read
from finbase.errors import TerraformError
from finbase.judge.prove import applied_state
from finbase.plan.summary import summarise
from finbase.project.terraform_files import STATE_FILE
from finbase.project.tree import lay_out, read_folder
from finbase.render.stack import render_stacks
from finbase.terraform.offline import UNGUARDED, isolate_backend, isolate_provider, lift_guards
from finbase.terraform.secret_endpoint import secret_endpoint
from finbase.terraform.workspace import Prepared, Workspace
from tests.support.commands import ROOT

NAME = "development"
GUARD = "terraform_data.keep_database"
REFUSED = "Resource terraform_data.keep_database has lifecycle.prevent_destroy set"


def rendered(**inputs: Any) -> dict[PurePosixPath, bytes]:
    """Return the stack of development with other inputs of its database."""
    path = f"environments/{NAME}.yaml"
    values: dict[str, Any] = yaml.safe_load((ROOT / path).read_text())
    values["modules"]["database"] |= inputs
    for part in ("secret", "access", "monitoring"):  # A further database needs its own.
        own = {n: v for n, v in values["modules"][part].items() if n != "version"}
        values["modules"][part] |= {"instances": dict.fromkeys(inputs.get("instances", ()), own)}
    environment = read(path, json.dumps(values).encode(), Registry(ROOT), ROOT)
    tree = dict(render_stacks([environment], ROOT))
    for use in environment.modules:
        tree |= read_folder(ROOT, PurePosixPath("modules", use.name, str(use.version)))
    return tree


def guards(tree: dict[PurePosixPath, bytes]) -> dict[str, str]:
    """Return what each guard of a rendered stack follows, by its name."""
    text = tree[PurePosixPath("environments", NAME, "main.tf")].decode()
    block = re.compile(
        r'resource "terraform_data" "(\w+)" {\n  triggers_replace = (\S+)\n\n'
        r"  lifecycle {\n    prevent_destroy = true\n  }\n}\n"
    )
    assert len(block.findall(text)) == text.count("terraform_data")
    return dict(block.findall(text))


def test_each_protected_database_has_a_guard() -> None:
    database = yaml.safe_load((ROOT / f"environments/{NAME}.yaml").read_text())["modules"]
    own = {name: value for name, value in database["database"].items() if name != "version"}
    both = {"reports": {**own, "port": 5433}, "card-data": {**own, "deletion_protection": False}}
    assert guards(rendered()) == {"keep_database": "module.database.arn"}
    assert guards(rendered(deletion_protection=False)) == {}
    assert guards(rendered(deletion_protection=False, instances=both)) == {
        "keep_database_reports": "module.database_reports.arn"
    }


@pytest.mark.terraform
def test_terraform_refuses_to_destroy_or_replace_a_protected_database(
    workspace: Workspace, tmp_path: Path
) -> None:
    """What AWS would refuse in the middle of a destroy, Terraform refuses in its plan."""
    stack = tmp_path / "environments" / NAME
    with secret_endpoint() as secrets:
        lay_out(rendered(), tmp_path)
        isolate_backend(stack)
        copy = workspace.prepare(stack, project=tmp_path, overrides={})
        isolate_provider(copy.folder, secrets)  # With two provider blocks, no provider stays warm.
        (copy.folder / STATE_FILE).write_bytes(applied_state(ROOT, NAME))
        for change in ("-destroy", "-replace=module.database.aws_db_instance.primary"):
            with pytest.raises(TerraformError) as refused:
                planned(workspace, copy, change)
            assert REFUSED in " ".join(refused.value.message.split())
        # An ops team renders without the protection first, and applies that.
        main = PurePosixPath("environments", NAME, "main.tf")
        (copy.folder / "main.tf").write_bytes(rendered(deletion_protection=False)[main])
        steps = {s.address: s.action for s in summarise(planned(workspace, copy)).steps}
        about = {n: a for n, a in steps.items() if n.startswith((GUARD, "module.database."))}
        assert about == {GUARD: "destroy", "module.database.aws_db_instance.primary": "change"}


def planned(workspace: Workspace, copy: Prepared, *arguments: str) -> dict[str, Any]:
    """Plan a prepared copy from its state; raises ``TerraformError`` with Terraform's message."""
    flags = ("-refresh=false", "-input=false", "-no-color", "-out=guard.tfplan")

    def run(*command: str) -> bytes:
        terraform, processes = workspace._terraform, workspace.processes
        return copy.attach(
            lambda variables: terraform.run(
                *command,
                cwd=copy.folder,
                environ={**copy.environ, **variables},
                processes=processes,
                subject="a test",
            )
        )

    run("plan", *flags, *arguments)
    shown: dict[str, Any] = json.loads(run("show", "-json", "guard.tfplan"))
    return shown


def test_lift_guards_of_a_copy(tmp_path: Path) -> None:
    assert lift_guards(tmp_path) == ()
    assert not (tmp_path / UNGUARDED).exists()
    lay_out(rendered(), tmp_path)
    stack = tmp_path / "environments" / NAME
    assert lift_guards(stack) == (GUARD,)
    assert (stack / UNGUARDED).read_text() == (
        'resource "terraform_data" "keep_database" {\n'
        "  lifecycle {\n    prevent_destroy = false\n  }\n}\n"
    )
