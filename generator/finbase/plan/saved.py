"""Check that a saved plan was made from the files of a stack.

An apply follows the plan and reads no file of the stack, so the configuration in the plan must be
the files of the project. Terraform itself checks that the state has not changed since, by its
lineage and serial.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finbase.errors import FinbaseError
from finbase.plan.saved_file import DEFAULT_WORKSPACE, PlanFile, read_plan_file
from finbase.source.hcl_scan import scan, string_value

__all__ = ["verify"]

_AS_WHOM = frozenset(
    {
        "access_key",
        "assume_role",
        "assume_role_with_web_identity",
        "profile",
        "secret_key",
        "shared_config_files",
        "shared_credentials_files",
        "token",
    }
)
"""Credentials for the state, which ``-backend-config`` may add."""


def verify(plan: Path, stack: Path, called: Path) -> None:
    """Refuse a plan that was not made from the files of a stack, on its own backend.

    ``called`` is the name that the user gave to the plan. Raises ``FinbaseError`` with the first
    difference.
    """
    try:
        read = read_plan_file(plan.read_bytes())
    except ValueError as error:
        raise FinbaseError(
            f"{called} is no saved plan, or one that is encrypted or damaged, and so cannot be "
            "compared",
            "`finbase plan` saves one; `terraform show -json` makes another thing of it",
        ) from error
    again = f"plan {stack.name} again: finbase plan {stack.name}"
    difference = next(_differences(read, stack), None)
    if difference:
        whose = _environment(read)
        if whose and whose != stack.name:
            raise FinbaseError(f"{called} is a plan of {whose}, not of {stack.name}", again)
        raise FinbaseError(
            f"{called} was made of something else than what lies there: {difference}", again
        )
    elsewhere = next(_elsewhere(read, stack / "backend.tf"), None)
    if elsewhere:
        raise FinbaseError(
            f"{called} was made on another state: {elsewhere}",
            f"leave out -backend-config, in TF_CLI_ARGS_init too, and {again}",
        )
    if read.backend.workspace != DEFAULT_WORKSPACE:
        raise FinbaseError(
            f"{called} was made in a workspace, and so on another state than {stack.name} has",
            f"unset TF_WORKSPACE, run `terraform workspace select default` there, and {again}",
        )


def _differences(read: PlanFile, stack: Path) -> Iterator[str]:
    """Yield each difference between the planned files and the files on disk.

    Two modules may share a folder, so each is compared separately.
    """
    for module in read.modules.values():
        meant = os.path.normpath(_meant(module.key, read))
        if os.path.normpath(module.folder) != meant:
            yield f"module {module.key or 'of the stack'} is of {module.folder}, not of {meant}"
    for _, module in sorted(read.modules.items()):
        folder = Path(os.path.realpath(stack / module.folder))
        there = {
            path.name: path
            for path in [*folder.glob("*.tf"), *folder.glob("*.tf.json")]
            if not path.name.startswith(".")  # Terraform ignores hidden files.
        }
        for name in sorted(module.files.keys() | there.keys()):
            if name not in there or module.files.get(name) != there[name].read_bytes():
                place = os.path.relpath(folder / name, os.path.realpath(stack.parent.parent))
                yield f"{place} differs"


def _meant(key: str, read: PlanFile) -> str:
    """Return the folder that a module's source names, or where Terraform downloaded it."""
    module = read.modules[key]
    if not key:
        return "."
    if not module.source.startswith(("./", "../")):
        return module.folder
    parent = read.modules.get(key.rpartition(".")[0])
    return f"{parent.folder if parent else '.'}/{module.source}"


def _environment(read: PlanFile) -> str:
    """Return the environment that the root module of a plan names, or an empty string."""
    main = read.modules[""].files.get("main.tf", b"").decode(errors="replace")
    for block in scan(main).blocks:
        if block.type == "locals" and "environment" in block.attributes:
            return string_value(block.attributes["environment"]) or ""
    return ""


def _elsewhere(read: PlanFile, file: Path) -> Iterator[str]:
    """Yield each setting in which the plan's backend differs from ``backend.tf``."""
    kind, settings = _written(file)
    if read.backend.type != kind:
        yield f"its backend is {read.backend.type}, not {kind}"
    given = read.backend.settings
    for name, value in settings.items():
        if _comparable(given.get(name)) != _comparable(value):
            yield f"its {name} is not {_shown(value)}, as in {file}"
    for name in sorted(given.keys() - settings.keys() - _AS_WHOM):
        yield f"its {name} is not in {file}"  # No value: it may be a secret.


def _written(file: Path) -> tuple[str, Mapping[str, Any]]:
    """Return the type and the settings of the backend in a file."""
    import hcl2
    from lark.exceptions import LarkError

    try:
        tree = hcl2.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except LarkError as error:
        raise FinbaseError(f"{file} cannot be read: {error}", "mend it, and plan again") from error
    for terraform in tree.get("terraform", ()):
        for backend in terraform.get("backend", ()):
            for label, settings in backend.items():
                if label.startswith('"'):
                    return _plain(label), _plain(settings)
    return "local", {}


def _plain(value: Any) -> Any:
    """Return a value of python-hcl2 without quotes, marks, comments and null values."""
    if isinstance(value, str):
        return _unquoted(value)
    if isinstance(value, dict):
        return {
            _unquoted(name): _plain(each)
            for name, each in value.items()
            if each is not None and not name.startswith("__")
        }
    if isinstance(value, list):
        block = len(value) == 1 and isinstance(value[0], dict)
        return _plain(value[0]) if block else [_plain(each) for each in value]
    return value


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text)).replace("$${", "${").replace("%%{", "%{")
    except ValueError:
        return text  # An expression, which no backend setting can be: it counts as a difference.


def _comparable(value: Any) -> Any:
    """Return a value as text: a backend treats ``"3"`` and 3 alike, and lists as sets."""
    if isinstance(value, dict):
        return {name: _comparable(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted(map(_comparable, value), key=repr)
    return _shown(value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
