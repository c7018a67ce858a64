"""Whether the same sources give the same verdict at any time and on any machine.

A verdict may only be remembered where they do: where neither a plan nor a step reads anything
that is not hashed. The answer errs on the side of no.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from generator.offline import used_folders

__all__ = ["why_not"]

_HCL = re.compile(r"\.(tf|tf\.json|tftpl)$")
# What Terraform lets stand between the name of a function and its arguments.
_GAP = r"(?:\s|/\*(?s:.*?)\*/|(?:#|//).*\n)*"
_CLOCK = re.compile(rf"\b(plantimestamp|abspath|pathexpand){_GAP}\(|\b(path{_GAP}\.{_GAP}cwd)\b")
# A value within the path, such as a region, is one of the sources; it is taken to hold no "..".
_OWN = r"\"\$\{path\.module\}/(?:(?!\.\.)[^\"$%]|\$\{[a-z_.]+\})*\""
_READS = re.compile(rf"\b(file\w*|templatefile){_GAP}\({_GAP}({_OWN})?")
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
_EXACT = re.compile(r"=?\s*\d+\.\d+\.\d+")
_BUILT_IN = "terraform.io/builtin/terraform"
_AWS = "/hashicorp/aws"


def why_not(root: Path, environment: str, plan: Mapping[str, Any], settings: str) -> str:
    """Say why the verdict on an environment may not be remembered; nothing where it may.

    ``plan`` is the plan as JSON has it, ``settings`` the texts of Terraform's CLI configuration.
    """
    if _OVERRIDES.search(settings):
        return "Terraform's configuration names a provider in development"
    if strange := _unpinned(plan["configuration"].get("provider_config", {}).values()):
        return f"the provider {strange} is not the AWS provider at one exact version"
    if outside := next(_outside(plan["configuration"].get("root_module", {})), ""):
        return outside
    stack = (root / "environments" / environment).resolve()
    for folder in used_folders(stack, root.resolve()):
        for path in sorted(folder.rglob("*")):
            if _HCL.search(path.name) and (read := _reads(path)):
                return f"{path.relative_to(root.resolve())} has {read}"
    steps = sorted((root / "features").rglob("*.py"))
    known = _PURE | ({path.stem for path in steps} - _elsewhere())
    for path in steps:
        if looks := _looks(path, known):
            return f"{path.relative_to(root)} {looks}"
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
        if not own or (call[1] == "templatefile" and not own.endswith('.tftpl"')):
            return f"{call[1]} of a file that need not be its own"
    return ""


def _elsewhere() -> frozenset[str]:
    """Names that an import takes from Python or a package before it takes a step's."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    installed = (path.name.partition(".")[0] for f in folders for path in Path(f).iterdir())
    return sys.stdlib_module_names | frozenset(installed)


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
