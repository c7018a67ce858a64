"""Check that a saved plan was made from the files of a stack.

An apply follows the plan and reads no file of the stack, so the configuration in the plan must be
the files that finbase renders and that releases contain. What is on disk proves nothing. Terraform
itself checks that the state has not changed since, by its lineage and serial.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from finbase.errors import FinbaseError
from finbase.plan.saved_file import DEFAULT_WORKSPACE, Backend, PlanFile, read_plan_file
from finbase.project.files import Tree
from finbase.project.terraform_files import is_code
from finbase.source.bounds import read_at_most
from finbase.source.hcl_scan import scan, string_value
from finbase.system.printable import printable_name

_CREDENTIALS = frozenset(
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


def verify(plan: Path, stack: Path, name: Path, files: Tree) -> None:
    """Refuse a plan that was not made from the files of a stack, on its own backend.

    ``name`` is the path of the plan for messages, ``files`` are those of the stack and of the
    modules that it calls. Raises ``FinbaseError`` with the first
    difference.
    """
    try:
        saved = read_plan_file(read_at_most(plan))
    except ValueError as error:
        raise FinbaseError(
            f"{name} is not a saved plan, or it is encrypted or damaged: {error}",
            "save the plan with `finbase plan`; JSON from `terraform show` is not a saved plan",
        ) from error
    again = f"plan {stack.name} again: finbase plan {stack.name}"
    if difference := next(_differences(saved, stack, files), None):
        environment = _environment(saved)
        if environment and environment != stack.name:
            raise FinbaseError(f"{name} is a plan of {environment}, not of {stack.name}", again)
        raise FinbaseError(f"{name} was not made from the rendered files: {difference}", again)
    backend = PurePosixPath("environments", stack.name, "backend.tf")
    if difference := next(_backend_differences(saved.backend, backend, files), None):
        raise FinbaseError(
            f"{name} was made for another state: {difference}",
            f"remove -backend-config, also from TF_CLI_ARGS_init, and {again}",
        )
    if saved.backend.workspace != DEFAULT_WORKSPACE:
        raise FinbaseError(
            f"{name} was made in a workspace other than {DEFAULT_WORKSPACE}",
            "unset TF_WORKSPACE, run `terraform workspace select default` in the stack's folder, "
            f"and {again}",
        )


def _differences(saved: PlanFile, stack: Path, files: Tree) -> Iterator[str]:
    """Yield each difference between the planned files and those that should have been planned.

    Two modules may share a folder, so each is compared separately.
    """
    for module in saved.modules.values():
        expected = os.path.normpath(_expected_folder(module.key, saved))
        if os.path.normpath(module.folder) != expected:
            title = f"module {module.key}" if module.key else "the stack"
            yield printable_name(f"{title} was read from {module.folder}, not from {expected}")
    for _, module in sorted(saved.modules.items()):
        folder = PurePosixPath(posixpath.normpath(f"environments/{stack.name}/{module.folder}"))
        expected_files = {
            path.name: content
            for path, content in files.items()
            if path.parent == folder and is_code(path.name)
        }
        for name in sorted(module.files.keys() | expected_files.keys()):
            if module.files.get(name) != expected_files.get(name):
                yield f"{printable_name(folder / name)} differs"


def _expected_folder(key: str, saved: PlanFile) -> str:
    """Return the folder that a module's source names, or where Terraform downloaded it.

    Nobody vouches for the files of the latter, so they differ from the expected ones.
    """
    module = saved.modules[key]
    if not key:
        return "."
    if not module.source.startswith(("./", "../")):
        return module.folder
    parent = saved.modules.get(key.rpartition(".")[0])
    return f"{parent.folder if parent else '.'}/{module.source}"


def _environment(saved: PlanFile) -> str:
    """Return the environment that the root module of a plan names, or an empty string."""
    main = saved.modules[""].files.get("main.tf", b"").decode(errors="replace")
    for block in scan(main).blocks:
        if block.type == "locals" and "environment" in block.attributes:
            return string_value(block.attributes["environment"]) or ""
    return ""


def _backend_differences(backend: Backend, file: PurePosixPath, files: Tree) -> Iterator[str]:
    """Yield each setting in which the plan's backend differs from the one in ``file``."""
    kind, settings = _configured_backend(file, files)
    if backend.type != kind:
        yield f"its backend is {backend.type}, not {kind}"
    for name, value in settings.items():
        if _comparable(backend.settings.get(name)) != _comparable(value):
            yield f"its {name} is not {_as_text(value)}, as in {file}"
    for name in sorted(backend.settings.keys() - settings.keys() - _CREDENTIALS):
        yield f"its {name} is not in {file}"  # No value: it may be a secret.


def _configured_backend(file: PurePosixPath, files: Tree) -> tuple[str, Mapping[str, Any]]:
    """Return the type and the settings of the backend in a file."""
    import hcl2
    from lark.exceptions import LarkError

    try:
        tree = hcl2.loads(files[file].decode()) if file in files else {}
    except LarkError as error:
        raise FinbaseError(
            f"{file} cannot be read: {error}", "fix the file, and plan again"
        ) from error
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
            _unquoted(name): _plain(member)
            for name, member in value.items()
            if member is not None and not name.startswith("__")
        }
    if isinstance(value, list):
        block = len(value) == 1 and isinstance(value[0], dict)
        return _plain(value[0]) if block else [_plain(member) for member in value]
    return value


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text)).replace("$${", "${").replace("%%{", "%{")
    except ValueError:
        return text  # An expression, which no backend setting can be: it counts as a difference.


def _comparable(value: Any) -> Any:
    """Return a value as text: a backend treats ``"3"`` and 3 alike, and lists as sets."""
    if isinstance(value, dict):
        return {name: _comparable(member) for name, member in value.items()}
    if isinstance(value, list):
        return sorted(map(_comparable, value), key=repr)
    return _as_text(value)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
