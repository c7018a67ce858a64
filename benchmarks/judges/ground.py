"""What is judged: trees in a scratch folder, and plans of stacks whose keys exist already.

A first plan does not know the ARN of a key that it makes, and checkov takes an unknown key for
none. So a stack is planned a second time, from a state that holds its keys and nothing else:
real Terraform then gives every ``kms_key_id`` its value, and still none where none is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from finbase.contract.registry import Registry
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace

__all__ = ["Files", "keys_made", "newest_modules", "place", "plan_with_keys", "stacks"]

Files: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""

_PIN = re.compile(rb'source = "\.\./\.\./(modules/[a-z0-9-]+/[0-9.]+)"')


def stacks(files: Files, *environments: str) -> dict[PurePosixPath, bytes]:
    """The stacks of environments, with the module versions that they pin."""
    homes = {PurePosixPath("environments", name) for name in environments}
    wanted = set(homes)
    for home in homes:
        wanted.update(PurePosixPath(pin.decode()) for pin in _PIN.findall(files[home / "main.tf"]))
    return _below(files, wanted)


def newest_modules(root: Path, files: Files) -> dict[PurePosixPath, bytes]:
    """The version of each module that its templates are at: the newest release, or a draft."""
    registry = Registry(root)
    return _below(
        files,
        {
            PurePosixPath("modules", name, str(registry.current(name).version))
            for name in registry.names
        },
    )


def _below(files: Files, folders: set[PurePosixPath]) -> dict[PurePosixPath, bytes]:
    """Choose the files of some folders. The tests of a module are no part of any stack."""
    return {
        path: content
        for path, content in files.items()
        for folder in folders
        if path.is_relative_to(folder) and "tests" not in path.relative_to(folder).parts
    }


def place(files: Files, folder: Path) -> Path:
    """Write a tree to a new folder."""
    folder.mkdir(parents=True)
    lay_out(files, folder)
    return folder


def keys_made(plan: bytes) -> bytes:
    """Give the state that holds the KMS keys of a plan, as if they had been applied."""
    resources: list[dict[str, Any]] = []
    for number, change in enumerate(json.loads(plan)["resource_changes"]):
        if change["mode"] != "managed" or change["type"] != "aws_kms_key":
            continue
        key = f"00000000-0000-4000-8000-{number:012}"
        arn = {"arn": f"arn:aws:kms:eu-west-1:111122223333:key/{key}", "id": key, "key_id": key}
        instance = {"schema_version": 0, "attributes": change["change"]["after"] | arn}
        if "index" in change:
            instance["index_key"] = change["index"]
        resources.append(
            {
                "mode": "managed",
                "module": change["module_address"],
                "type": change["type"],
                "name": change["name"],
                "provider": f'provider["{change["provider_name"]}"]',
                "instances": [instance],
            }
        )
    state = {"version": 4, "serial": 1, "lineage": "judged", "outputs": {}, "resources": resources}
    return json.dumps(state).encode()


def plan_with_keys(workspace: Workspace, project: Path, environment: str) -> bytes:
    """Plan a stack as it is when its keys exist."""
    stack = project / "environments" / environment
    state = keys_made(workspace.plan(stack, project=project))
    return workspace.plan(stack, project=project, state=state)
