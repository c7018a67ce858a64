"""Whether the same sources give the same verdict at any time and on any machine.

A verdict may only be remembered where they do: where neither a plan nor a step reads anything
that is not hashed. What is looked at are the files that are hashed, all of them and no others.
The answer errs on the side of no.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from finbase.judge.cache.deciders import files, installed
from finbase.terraform.offline import IGNORED, used_folders
from finbase.terraform.program import Terraform
from finbase.terraform.provider import all_told

__all__ = ["uncacheable_stack_reason", "why_not_machine", "why_not_plan", "why_not_steps"]

_HCL = re.compile(r"\.(tf|tofu|tf\.json|tofu\.json|tftpl)$")
# What Terraform lets stand between the name of a function and its arguments.
_GAP = r"(?:\s|/\*(?s:.*?)\*/|(?:#|//).*\n)*"
_CLOCK = re.compile(rf"\b(plantimestamp|abspath|pathexpand){_GAP}\(|\b(path{_GAP}\.{_GAP}cwd)\b")
# A value within the path, such as a region, is one of the sources; it is taken to hold no "..".
_OWN = r"\"\$\{path\.module\}/(?:(?!\.\.)[^\"$%]|\$\{[a-z_.]+\})*\""
_READS = re.compile(rf"\b(file\w*|templatefile){_GAP}\({_GAP}(?:({_OWN}){_GAP}[,)])?")
_OVERRIDES = re.compile(r"\bdev_overrides\b")
_PURE = frozenset(
    "__future__ collections dataclasses enum functools inspect ipaddress itertools json math "
    "operator pathlib radish re string sys terraform_compliance typing".split()
)
_AT_LARGE = frozenset(
    "__builtins__ __import__ __loader__ __spec__ breakpoint compile eval exec getattr globals "
    "input locals open vars".split()
)
"""Names by which a step can come at anything."""
_OUTSIDE = frozenset(
    "absolute cwd environ exists expanduser glob group home importlib is_dir is_file is_mount "
    "is_symlink iterdir lstat modules open os owner read_bytes read_text readlink resolve rglob "
    "samefile stat walk".split()
)
"""Attributes by which it can look at files, or come at other modules."""
_PLAN = "Path(world.config.user_data['plan_file']).read_bytes"
_COMPILED = tuple({*BYTECODE_SUFFIXES, *EXTENSION_SUFFIXES})
_EXACT = re.compile(r"=?\s*\d+\.\d+\.\d+")
_BUILT_IN = "terraform.io/builtin/terraform"
_AWS = "/hashicorp/aws"


def why_not_machine(terraform: Terraform, settings: Iterable[str]) -> str:
    """Say why a verdict that was reached with this Terraform may not be remembered.

    ``settings`` are the texts of its CLI configuration. Nothing where it may be, as below.
    """
    settings = tuple(settings)
    if any(_OVERRIDES.search(text) for text in settings):
        return "Terraform's configuration names a provider in development"
    if not all_told(settings):
        return "Terraform's configuration does not say plainly in which folders it keeps providers"
    try:
        with terraform.path.open("rb") as program:
            script = program.read(2) == b"#!"
    except OSError:
        return f"{terraform.path} cannot be read"
    return f"{terraform.path} is a script, which may start any Terraform" if script else ""


def why_not_plan(plan: Mapping[str, Any]) -> str:
    """Say why the verdict on a plan, as JSON has it, may not be remembered."""
    if strange := _unpinned(plan["configuration"].get("provider_config", {}).values()):
        return f"the provider {strange} is not the AWS provider at one exact version"
    return next(_outside(plan["configuration"].get("root_module", {})), "")


def uncacheable_stack_reason(project: Path, stack: Path) -> str:
    """Say why the verdict on a stack may not be remembered, by the text of its sources.

    Both are resolved paths. Raises ``OSError`` and ``TerraformError``, as ``used_folders``.
    """
    for folder in used_folders(stack, project):
        for path in files(folder, IGNORED):
            if _HCL.search(path.name) and (read := _reads(path)):
                return f"{path.relative_to(project)} has {read}"
    return ""


def why_not_steps(features: Path) -> str:
    """Say why a verdict by these features may not be remembered; raises ``OSError``."""
    found = tuple(files(features))
    steps = [path for path in found if path.suffix == ".py"]
    known = (_PURE - _hidden()) | ({path.stem for path in steps} - _elsewhere())
    for path in found:
        if path.name.endswith(_COMPILED):
            return f"{path.relative_to(features.parent)} cannot be read"
    for path in steps:
        if looks := _looks(path, known):
            return f"{path.relative_to(features.parent)} {looks}"
    return ""


def _unpinned(providers: Iterable[Mapping[str, Any]]) -> str:
    """Name a provider that another run might install another build of, or that asks anything."""
    used = {each["full_name"] for each in providers} - {_BUILT_IN}
    exact = {p["full_name"] for p in providers if _EXACT.fullmatch(p.get("version_constraint", ""))}
    return min((name for name in used if name not in exact or not name.endswith(_AWS)), default="")


def _outside(module: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is fetched from elsewhere: a module, or the state of another stack."""
    for resource in module.get("resources", ()):
        if resource["type"] == "terraform_remote_state":
            yield f"{resource['address']} is the state of another stack"
    for call in module.get("module_calls", {}).values():
        if not call["source"].startswith(("./", "../")):
            yield f"the module {call['source']} is not one of the project's own"
        yield from _outside(call.get("module", {}))


def _reads(path: Path) -> str:
    """Name what in a file of HCL reads a clock, or a file that need not be the module's own."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.name.endswith(".json"):
        try:
            text = json.dumps(json.loads(text), ensure_ascii=False)  # Escapes hide no name.
        except ValueError:
            return "JSON that cannot be read"
    if clock := _CLOCK.search(text):
        return clock[1] or "path.cwd"
    for call in _READS.finditer(text):
        own = call[2] or ""
        template = own.endswith('.tftpl"') if call[1] == "templatefile" else True
        # The pattern of ``fileset`` may lead out of its folder.
        if not own or not template or call[1] == "fileset":
            return f"{call[1]} of a file that need not be its own"
    return ""


def _elsewhere() -> frozenset[str]:
    """Names that an import takes from Python or its path before it takes a step's."""
    return sys.stdlib_module_names | _modules(sys.path)


def _hidden() -> frozenset[str]:
    """Names of Python's own modules that an import takes from a folder before Python's."""
    own = str(Path(os.__file__).parent)
    before = sys.path[: sys.path.index(own)] if own in sys.path else sys.path
    return sys.stdlib_module_names & _modules(before)


def _modules(folders: Iterable[str]) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for f in folders for name in installed(f))


def _looks(path: Path, known: frozenset[str]) -> str:
    """Say how a step may look at what is not hashed: at a file, a clock, the network."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return "cannot be read"
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(module, names):
                imported = [module or ""]
                for name in (alias.name for alias in names):
                    if name in _OUTSIDE or name in _AT_LARGE:
                        return f"uses {name}"
            case ast.Name(name) if name in _AT_LARGE:
                return f"uses {name}"
            case ast.Attribute(_, name) if name in _OUTSIDE and ast.unparse(node) != _PLAN:
                return f"uses {name}"
            case _:
                continue
        for name in imported:
            if name.partition(".")[0] not in known:
                return f"imports {name}"
    return ""
