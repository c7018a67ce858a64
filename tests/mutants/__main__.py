"""Change the project's own Python in small ways, one at a time, and check that a test fails.

``make mutants`` runs this in a copy of the project. mutmut makes the mutants. For each it runs the
tests that reach it, in a fork of a process that has collected them. Such a fork keeps values that
were computed during collection, so each survivor is tried again in a new process, which imports
the mutant.

The run fails for a survivor that ``explained.yaml`` does not explain, for a file of which fewer
than nine of ten mutants are killed, and for an explanation without a survivor.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LEAST = 0.9
TESTS = {
    "generator/finbase/environment/rules/*.py": (
        *("environment/rules", "source/answers", "environment/handbook"),
        *("environment/rules_text", "aws/catalogue", "environment/agreement"),
    ),
    "generator/finbase/aws/windows.py": ("environment/rules", "source/answers"),
    "generator/finbase/render/hcl.py": ("render/hcl", "render/render"),
    "generator/finbase/release/prepare.py": ("release/prepare",),
    "generator/finbase/judge/compliance.py": ("judge/compliance", "plan/mutilated_plans"),
}
"""The files to change → the tests that must fail, as ``<package>/<module>``."""
COPIED = [
    *("generator", "templates", "modules", "environments", "features", "tests", "benchmarks"),
    *("docs", "requirements", "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md"),
]
SURVIVED = (0, 5, 33)
"""Exit codes of mutmut for tests that pass, and for mutants that no test reaches."""
UNTRIED = (None, 2, 34)
"""Exit codes for mutants that were not tried, were interrupted, or were skipped."""
NO_TESTS = (4, 5)
PATIENCE = 600  # Seconds for one mutant in a new process; a slower one counts as killed.


@dataclass(frozen=True)
class Mutant:
    """A small change of one function: ``line`` is the first changed line, after the change."""

    name: str
    file: str
    function: str
    line: str


def _test_file(name: str) -> str:
    """Return the path of a test file, from ``<package>/<module>``."""
    return f"tests/{name.replace('/', '/test_')}.py"


def main() -> int:
    """Run the campaign and return the exit code."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--scratch", type=Path, default=ROOT / "build" / "mutants" / "tree")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--only", action="append", metavar="FILE", help="only this file; may be repeated"
    )
    parser.add_argument(
        "--keep", action="store_true", help="continue with the scratch folder of an earlier run"
    )
    arguments = parser.parse_args()
    scratch: Path = arguments.scratch
    if not arguments.keep:
        prepare(scratch, arguments.only or list(TESTS))
    # Its exit code means nothing; read its result for each mutant instead.
    subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", str(arguments.jobs)],
        cwd=scratch,
        check=False,
    )
    noted = dict(outcomes(scratch))
    untried = [name for name, (_, code) in noted.items() if code in UNTRIED]
    if untried or not noted:
        print(f"mutmut has not tried {len(untried)} of {len(noted)} mutants; see its output above")
        return 2
    survivors = [(name, file) for name, (file, code) in noted.items() if code in SURVIVED]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        alive = pool.map(lambda one: survives(scratch, *one), survivors)
    left = [describe(scratch, *one) for one, lives in zip(survivors, alive, strict=True) if lives]
    return report(Counter(file for file, _ in noted.values()), left)


def prepare(scratch: Path, files: Sequence[str]) -> None:
    """Copy the project, with rules undecorated: mutmut ignores decorated functions."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, scratch / name, ignore=ignored)
        else:
            shutil.copy(source, scratch / name)
    for path in scratch.glob("generator/finbase/environment/rules/*.py"):
        path.write_text(undecorated(path.read_text()))
    tests = [_test_file(name) for names in TESTS.values() for name in names]
    settings = {
        "source_paths": ["generator"],
        "only_mutate": list(files),
        "also_copy": [name for name in COPIED if name != "generator"],
        "pytest_add_cli_args": ["-m", "not terraform", "-p", "no:cacheprovider", "-p", "no:xdist"],
        "pytest_add_cli_args_test_selection": tests,
        "use_git_change_detection": False,
    }
    with (scratch / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def undecorated(source: str) -> str:
    """Return a source with ``def f`` and ``f = rule(…)(f)`` instead of ``@rule(…) def f``."""
    lines = source.splitlines(keepends=True)
    written: list[str] = []
    done = 0
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef(decorator_list=[ast.Call() as call]):
                written += lines[done : call.lineno - 1]
                written += lines[node.lineno - 1 : node.end_lineno]
                first, *more = lines[call.lineno - 1 : call.end_lineno]
                wrapped = "".join([first.replace("@", f"{node.name} = ", 1), *more]).rstrip("\n")
                written.append(f"\n\n{wrapped}({node.name})\n")
                done = node.end_lineno or 0
    return "".join(written + lines[done:])


def outcomes(scratch: Path) -> Iterator[tuple[str, tuple[str, int | None]]]:
    """Yield each mutant's file and the exit code of its tests, None if they did not run."""
    mutants = scratch / "mutants"
    for path in sorted(mutants.glob("generator/**/*.meta")):
        file = path.relative_to(mutants).as_posix().removesuffix(".meta")
        codes: Mapping[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
        for name, code in codes.items():
            yield name, (file, code)


def survives(scratch: Path, name: str, file: str) -> bool:
    """Return whether the tests pass in a new process, which imports the mutant."""
    names = next(names for pattern, names in TESTS.items() if fnmatch(file, pattern))
    tests = [_test_file(name) for name in names]
    options = ["-x", "-q", "-m", "not terraform", "-p", "no:cacheprovider", "-p", "no:xdist"]
    try:
        finished = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=scratch / "mutants",
            env=os.environ | {"MUTANT_UNDER_TEST": name, "PY_IGNORE_IMPORTMISMATCH": "1"},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if finished.returncode in NO_TESTS:
        raise RuntimeError(f"no test was run on {name}: {finished.stdout.decode()}")
    return finished.returncode == 0


def describe(scratch: Path, name: str, file: str) -> Mutant:
    """Return what a mutant changes."""
    diff = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", name],
        cwd=scratch,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    changed = [line[1:].strip() for line in diff.splitlines() if line.startswith("+")]
    line = next((line for line in changed if not line.startswith("++")), "")
    function = name.rpartition(".")[2].rpartition("__mutmut_")[0].removeprefix("x_")
    return Mutant(name, file, function.replace("ǁ", "."), line)


def report(made: Mapping[str, int], left: Sequence[Mutant]) -> int:
    """Print a table and each survivor without explanation; return the exit code."""
    written = yaml.safe_load(Path(__file__).with_name("explained.yaml").read_text()) or []
    explained = [one for one in written if one["file"] in made]
    fits = {id(one): [m for m in left if _fits(one, m)] for one in explained}
    known = {mutant.name for mutants in fits.values() for mutant in mutants}
    lives = Counter(mutant.file for mutant in left)
    print(f"{'file':34} mutants  survived  killed")
    for file, count in sorted(made.items()):
        print(f"{file:34} {count:7}  {lives[file]:8}  {1 - lives[file] / count:6.1%}")
    total = sum(made.values())
    print(f"{'all':34} {total:7}  {len(left):8}  {1 - len(left) / total:6.1%}")
    wrong = [f"{file}: fewer than {LEAST:.0%}" for file in made if _weak(made[file], lives[file])]
    wrong += [f"{m.file}, {m.function}: survived: {m.line}" for m in left if m.name not in known]
    wrong += [
        f"no survivor matches this explanation: {one}" for one in explained if not fits[id(one)]
    ]
    print("\n".join(wrong) or f"all {len(left)} survivors are explained")
    return 1 if wrong else 0


def _weak(made: int, lives: int) -> bool:
    return lives > made * (1 - LEAST)


def _fits(explanation: Mapping[str, str], mutant: Mutant) -> bool:
    return (
        mutant.file == explanation["file"]
        and mutant.function == explanation["function"]
        and (explanation.get("line") in (None, mutant.line))
    )


if __name__ == "__main__":
    sys.exit(main())
