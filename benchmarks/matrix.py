"""Measure a fan-out of 200 environments: ``python -m benchmarks.matrix [--shards N] [--run N]``.

The environments are copies of development. One of them is checked for real, and its verdict,
under the name of each, is what the jobs are taken to have found; ``--run`` checks the first
shards for real, too. Nothing is judged here: it says what 200 environments cost.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from finbase.scaffold.copying import renamed

ROOT = Path(__file__).resolve().parent.parent
FINBASE = str(Path(sys.executable).with_name("finbase"))
ORIGIN = "development"
COUNT = 200


def main() -> int:
    """Print one line for each step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--run", type=int, default=0, help="shards to check for real")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="finbase-benchmark-") as scratch:
        measure(Path(scratch), options.shards, options.run)
    return 0


def measure(scratch: Path, shards: int, run: int) -> None:
    """Make the project, and take every step of a pipeline once."""
    project = scratch / "project"
    for folder in ("templates", "modules", "features", "environments"):
        shutil.copytree(ROOT / folder, project / folder)
    names = populate(project)
    timed(f"render {COUNT} environments", finbase(project, "render"))
    timed("render them again, unchanged", finbase(project, "render"))

    entries = json.loads(timed("matrix", finbase(project, "matrix", "--shards", str(shards))))
    costs = [entry["cost"] for entry in entries["include"]]
    mean = sum(costs) / len(costs)
    print(f"  {len(costs)} shards, the dearest {max(costs) / mean:.3f} x the mean")
    (scratch / "matrix.json").write_text(json.dumps(entries))

    found = scratch / "found.json"
    one = ("check", names[0], "--no-cache", "--json", str(found))
    timed("check one", finbase(project, *one))
    document = json.loads(found.read_text())
    files = [share(scratch, entry, document) for entry in entries["include"]]
    merge = ("report", "merge", *files, "--matrix", str(scratch / "matrix.json"))
    outputs = ("--json", "all.json", "--junit", "all.xml", "--sarif", "all.sarif")
    written = [str(scratch / name) if "." in name else name for name in outputs]
    timed(f"merge {len(files)} files of {COUNT} verdicts", finbase(project, *merge, *written))
    for entry in entries["include"][:run]:
        mine = entry["environments"].split()
        timed(f"check the {len(mine)} of shard {entry['shard']}", finbase(project, "check", *mine))


def populate(project: Path) -> list[str]:
    """Write 200 environments in the place of those that are there."""
    home = project / "environments"
    text = (home / f"{ORIGIN}.yaml").read_text()
    for path in home.glob("*.yaml"):
        path.unlink()
        shutil.rmtree(home / path.stem)
    names = [f"team-{number:03}" for number in range(COUNT)]
    for name in names:
        (home / f"{name}.yaml").write_text(renamed(text, ORIGIN, name))
    return names


def share(scratch: Path, entry: dict[str, Any], document: dict[str, Any]) -> str:
    """Write what a job is taken to have found."""
    (verdict,) = document["environments"]
    verdicts = [{**verdict, "name": name} for name in entry["environments"].split()]
    file = scratch / f"verdict-{entry['shard']}.json"
    file.write_text(json.dumps({**document, "environments": verdicts}))
    return str(file)


def finbase(project: Path, *arguments: str) -> Callable[[], str]:
    """Return a function that runs the command on the project, and gives what it prints."""

    def run() -> str:
        words = [FINBASE, "--project", str(project), *arguments]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    return run


def timed(what: str, run: Callable[[], str]) -> str:
    """Run it once, and say how long that took."""
    start = time.perf_counter()
    output = run()
    print(f"{what}: {time.perf_counter() - start:.1f} s", flush=True)
    return output


if __name__ == "__main__":
    sys.exit(main())
