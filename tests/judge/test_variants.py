"""Mutations of stacks that no environment has: with routes, and in an existing network."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from finbase.environment.rules.examples import existing_zones, peered
from finbase.errors import ComplianceError
from finbase.judge.mutations import Mutation, load_mutations, mutate
from finbase.judge.prove import rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_places, ids_of
from tests.judge.test_existing_network import account
from tests.support.commands import FOLDERS, ROOT, copy_folders, finbase
from tests.support.sample import EXISTING_NETWORK, NEWEST

pytestmark = [pytest.mark.terraform, pytest.mark.soak]
SEED = int(os.environ.get("SOAK_SEED", "20261125"))
DRAWN = int(os.environ.get("VARIANT_EXAMPLES", "20"))


def with_routes(modules: dict[str, Any]) -> None:
    modules["network"] |= {"version": NEWEST["network"], "routes": peered(tiers=["private"])}
    modules["network"]["routes"] |= peered("data", destination_cidr="10.0.0.0/8")


def in_a_landing_zone(modules: dict[str, Any]) -> None:
    network = modules.pop("network")
    zones = existing_zones(*network["zones"])
    own = {"cidr": network["cidr"], "zones": zones}
    modules["existing_network"] = {**EXISTING_NETWORK, **own}


VARIANTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "routes": (with_routes, "network"),
    "landing": (in_a_landing_zone, ""),
}
"""What makes a variant, and the module whose mutations are drawn; of all modules if empty."""


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The name of a variant, and a project of which each environment is one."""
    root = tmp_path_factory.mktemp(request.param)
    copy_folders(root, *FOLDERS)
    for file in (root / "environments").glob("*.yaml"):
        content = yaml.safe_load(file.read_text())
        VARIANTS[request.param][0](content["modules"])
        file.write_text(yaml.safe_dump(content, sort_keys=False))
    done = finbase(root, "render")
    assert done.exit_code == 0, done.output
    return request.param, root


def drawn(name: str, root: Path) -> Iterator[tuple[Mutation, dict[Any, bytes]]]:
    """Yield mutations that fit the stacks of a variant, each with the files that it makes."""
    files, module = rendered_files(root), VARIANTS[name][1]
    mutations = list(load_mutations(ROOT / "features"))
    random.Random(f"{SEED} {name}").shuffle(mutations)
    found = 0
    for mutation in mutations:
        try:
            mutated = mutate(files, mutation)
        except ComplianceError:
            continue  # It changes a text that the variant does not have.
        changed = {path.parts[1] for path in mutated if mutated[path] != files.get(path)}
        if found < DRAWN and (not module or module in changed):
            found += 1
            yield mutation, mutated
    assert found == DRAWN


def test_mutations_of_a_variant_are_caught(
    variant: tuple[str, Path], workspace: Workspace, tmp_path: Path
) -> None:
    name, root = variant
    missed = {}
    for number, (mutation, files) in enumerate(drawn(name, root)):
        project = tmp_path / str(number)
        lay_out(files, project)
        stack = project / "environments" / mutation.environment
        plan = json.loads(workspace.plan(stack, project=project))
        if name == "landing":
            account(plan)
        failed = ids_of(failed_places(plan, stack))
        print(name, mutation.id, mutation.failure, sorted(failed), flush=True)
        if mutation.failure not in failed:
            missed[mutation.id] = sorted(failed)
    assert missed == {}
