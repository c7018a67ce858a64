"""Create the trees to judge, and the plans of stacks whose keys already exist.

A first plan does not contain the ARNs of new keys, and checkov treats an unknown key as missing. So
each stack is planned again, from a state that contains only its keys. Terraform then plans every
``kms_key_id`` with its value; an argument that the source does not set stays null.
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

Files: TypeAlias = Mapping[PurePosixPath, bytes]
"""Path, relative to the project → content."""

_PIN = re.compile(rb'source = "\.\./\.\./(modules/[a-z0-9-]+/[0-9.]+)"')


def stacks(files: Files, *environments: str) -> dict[PurePosixPath, bytes]:
    """Return the stacks of environments with the module versions that they pin."""
    folders = {PurePosixPath("environments", name) for name in environments}
    wanted = set(folders)
    for folder in folders:
        wanted.update(
            PurePosixPath(pin.decode()) for pin in _PIN.findall(files[folder / "main.tf"])
        )
    return _below(files, wanted)


def newest_modules(root: Path, files: Files) -> dict[PurePosixPath, bytes]:
    """Return each module at the version of its templates: the newest release, or a draft."""
    registry = Registry(root)
    return _below(
        files,
        {
            PurePosixPath("modules", name, str(registry.current(name).version))
            for name in registry.names
        },
    )


def _below(files: Files, folders: set[PurePosixPath]) -> dict[PurePosixPath, bytes]:
    """Return the files below some folders, without the tests of modules."""
    return {
        path: content
        for path, content in files.items()
        for folder in folders
        if path.is_relative_to(folder) and "tests" not in path.relative_to(folder).parts
    }


def place(files: Files, folder: Path) -> Path:
    """Write a tree to a new folder and return the folder."""
    folder.mkdir(parents=True)
    lay_out(files, folder)
    return folder


def keys_made(plan: bytes) -> bytes:
    """Return a state that contains the KMS keys of a plan, as if they had been applied."""
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
    """Return the plan of a stack whose keys exist."""
    stack = project / "environments" / environment
    state = keys_made(workspace.plan(stack, project=project))
    return workspace.plan(stack, project=project, state=state)
