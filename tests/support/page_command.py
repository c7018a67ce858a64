"""``finbase`` as pages start it: a process of its own, with the plans that this test run has made.

A page that checks an unchanged environment then needs no plan of its own.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def main(root: str, plans: str) -> None:
    """Run the command line; ``root`` was put on Python's path for this module alone."""
    sys.path.remove(root)
    sys.meta_path.insert(0, _Finder(Path(plans)))

    from finbase.cli import main

    main(prog_name="finbase")


class _Finder(MetaPathFinder):
    """Puts the store of plans into the module of workspaces, when a command imports it."""

    def __init__(self, plans: Path) -> None:
        self._plans = plans

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != "finbase.terraform.workspace":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)

            from finbase.terraform.program import Terraform
            from finbase.terraform.provider import Installation
            from tests.support.plan_store import PlanStore

            def stored(
                terraform: Terraform, scratch: Path, provider: Installation | None = None
            ) -> PlanStore:
                return PlanStore(terraform, scratch, self._plans, provider)

            module.Workspace = stored  # type: ignore[attr-defined]

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
