"""Whether the same sources give the same verdict at any time and on any machine.

A verdict may only be remembered where they do: where neither a plan nor a step reads anything
that is not hashed. The answer errs on the side of no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from generator.offline import used_folders

__all__ = ["why_not"]

_HCL = re.compile(r"\.(tf|tf\.json|tftpl)$")
_CLOCK = re.compile(r"\b(plantimestamp|abspath|pathexpand)\(|\b(terraform_remote_state)\b")
# A value within the path, such as a region, is one of the sources; it is taken to hold no "..".
_OWN = r"\"\$\{path\.module\}/(?:(?!\.\.)[^\"$%]|\$\{[a-z_.]+\})*\""
_READS = re.compile(rf"\b(file\w*|templatefile)\(\s*({_OWN})?")
_OVERRIDES = re.compile(r"\bdev_overrides\b")
_IMPORTS = re.compile(
    r"^\s*(?:import|from)\s+((?:os|time|datetime|random|secrets|uuid|socket|ssl|http|urllib"
    r"|requests|httpx|boto3|subprocess|platform|getpass|importlib|ctypes)\b)",
    re.MULTILINE,
)
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
    if remote := next(_remote(plan["configuration"].get("root_module", {})), ""):
        return f"the module {remote} is not one of the project's own"
    stack = (root / "environments" / environment).resolve()
    for folder in used_folders(stack, root.resolve()):
        for path in sorted(folder.rglob("*")):
            if _HCL.search(path.name) and (read := _reads(path)):
                return f"{path.relative_to(root.resolve())} has {read}"
    for path in sorted((root / "features" / "steps").rglob("*.py")):
        if found := _IMPORTS.search(path.read_text(encoding="utf-8", errors="replace")):
            return f"{path.relative_to(root)} imports {found[1]}"
    return ""


def _unpinned(providers: Iterable[Mapping[str, Any]]) -> str:
    """Name a provider that another run might install another build of, or that asks anything."""
    used = {each["full_name"] for each in providers} - {_BUILT_IN}
    exact = {p["full_name"] for p in providers if _EXACT.fullmatch(p.get("version_constraint", ""))}
    return min((name for name in used if name not in exact or not name.endswith(_AWS)), default="")


def _remote(module: Mapping[str, Any]) -> Iterator[str]:
    """Yield the source of each module that is fetched from elsewhere."""
    for call in module.get("module_calls", {}).values():
        if not call["source"].startswith(("./", "../")):
            yield call["source"]
        yield from _remote(call.get("module", {}))


def _reads(path: Path) -> str:
    """Name what in a file of HCL reads a clock, or a file that need not be the module's own."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if clock := _CLOCK.search(text):
        return clock[1] or clock[2]
    for call in _READS.finditer(text):
        own = call[2] or ""
        if not own or (call[1] == "templatefile" and not own.endswith('.tftpl"')):
            return f"{call[1]} of a file that need not be its own"
    return ""
