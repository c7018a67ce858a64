"""Measure the budgets: ``make benchmark``. Exits 1 where one is broken.

Each command is timed in turns with its floor, on the same machine in the same minutes, so that
the ratio means something where the seconds do not.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser, RawTextHelpFormatter
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.stopwatch import Ratio, command, compare

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
FINBASE = str(Path(sys.executable).with_name("finbase"))


def main() -> int:
    """Print one line for each budget."""
    kept = True
    for ratio in measure():
        print(ratio, flush=True)
        kept = kept and ratio.kept
    return 0 if kept else 1


def measure() -> Iterator[Ratio]:
    """Measure help, a warm render of every environment, and a check of production."""
    yield compare(
        "finbase --help",
        command([FINBASE, "--help"], ROOT),
        "import click",
        command([PYTHON, "-c", "import click"], ROOT),
        budget=1.5,
        runs=21,
    )
    yield compare(
        "finbase render",
        command([FINBASE, "render"], ROOT),
        "import click, jinja2, yaml",
        command([PYTHON, "-c", "import click, jinja2, yaml"], ROOT),
        budget=2.5,
        runs=21,
    )
    with tempfile.TemporaryDirectory(prefix="finbase-benchmark-") as scratch:
        yield compare(
            "finbase check production",
            command([FINBASE, "check", "production", "--no-cache"], ROOT),
            "terraform init, plan, show -json",
            bare_terraform(Path(scratch)),
            budget=0.75,
            runs=7,
        )


def bare_terraform(scratch: Path, name: str = "production") -> Callable[[], bytes]:
    """The three commands by hand, on a copy of the stack with the overrides a plan needs.

    The copy is made once, outside of what is timed. Each run begins with nothing installed, and
    gives the plan as JSON.
    """
    from finbase.terraform.offline import isolate_backend, isolate_provider
    from finbase.terraform.program import find_terraform, isolated_environ
    from finbase.terraform.provider import find_provider

    terraform = find_terraform()
    shutil.copytree(ROOT / "modules", scratch / "modules")
    shutil.copytree(ROOT / "environments", scratch / "environments")
    stack = scratch / "environments" / name
    isolate_backend(stack)
    isolate_provider(stack)
    environ = isolated_environ(os.environ)
    environ.pop("GOGC", None)  # The floor is Terraform as it comes.
    provider = find_provider(terraform)
    if provider.mirrors:
        config = scratch / "mirrors.tfrc"
        config.write_text(provider.cli_config(terraform.host, scratch))
        environ["TF_CLI_CONFIG_FILE"] = str(config)
    steps = (
        ["init", "-input=false"],
        ["plan", "-refresh=false", "-input=false", "-out=bare.tfplan"],
        ["show", "-json", "bare.tfplan"],
    )

    def run() -> bytes:
        shutil.rmtree(stack / ".terraform", ignore_errors=True)
        (stack / ".terraform.lock.hcl").unlink(missing_ok=True)
        said = [command([str(terraform.path), *step], stack, environ)() for step in steps]
        return said[-1]

    return run


if __name__ == "__main__":
    ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter).parse_args()
    sys.exit(main())
