"""Copy feature files, and read their scenarios with tags and lines, and the sentences of steps."""

from __future__ import annotations

import ast
import marshal
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from finbase.errors import ComplianceError, TerraformError, TreeError
from finbase.judge.same_stack import difference
from finbase.project.files import ProjectFiles, first_reason, is_real_file, refuse_links
from finbase.project.shipped import shipped
from finbase.project.terraform_files import is_code
from finbase.terraform.offline import local_sources, used_folders

IGNORED = shutil.ignore_patterns("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
"""Files that tools generate, for ``shutil.copytree``.

Compiled steps are among them: Python runs them instead of a changed source that has the same
size and time.
"""

# Python does not look at the source again, of which there is one copy for each run.
_UNCHECKED = (1).to_bytes(4, "little")
_HEAD = re.compile(r"\s*(Feature|Scenario|Scenario Outline):\s*(.+)")


@dataclass(frozen=True)
class Scenario:
    """One scenario: ``text`` is everything below its title, dedented.

    ``tags`` have no ``@``. ``line`` is the line of the title, counted from 1. An ``outline`` has
    examples.
    """

    title: str
    tags: tuple[str, ...]
    line: int
    text: str
    outline: bool


@dataclass(frozen=True)
class Feature:
    """One feature file; ``description`` is the text between its title and the first scenario."""

    path: str
    title: str
    description: str
    scenarios: tuple[Scenario, ...]


def copy_features(features: Path, target: Path) -> None:
    """Copy the folder of the features to ``target``, which must not exist.

    Raises ``ComplianceError`` for an entry that cannot be copied, is a link or is not a file.
    """
    try:
        refuse_links(features)
        shutil.copytree(features, target, ignore=IGNORED, copy_function=shutil.copyfile)
    except TreeError as error:
        raise ComplianceError(error.message, error.hint) from error
    except OSError as error:
        why, full = first_reason(error)
        if isinstance(error, shutil.Error) and not full:
            raise ComplianceError(
                f"{error.args[0][0][0]} cannot be read: {why}",
                "fix it, or remove it from the features",
            ) from error
        raise ComplianceError(
            f"{features} cannot be copied: {why}",
            "free space for temporary files, or set TMPDIR to another folder",
        ) from error


def add_compiled(features: Path) -> None:
    """Add to a copy of the features what its released steps compile to: each run needs all of it.

    A step that the project has changed gets nothing, and is compiled by the run.
    """
    for name, (source, compiled) in _compiled_steps().items():
        step = features / name
        if step.is_file() and step.read_bytes() == source:
            folder = step.parent / "__pycache__"
            folder.mkdir(exist_ok=True)
            (folder / f"{step.stem}.{sys.implementation.cache_tag}.pyc").write_bytes(compiled)


@cache
def _compiled_steps() -> Mapping[str, tuple[bytes, bytes]]:
    """Return the source of each released step, by its path in the features, and its .pyc file."""
    features = shipped("features")
    steps: dict[str, tuple[bytes, bytes]] = {}
    for path in sorted((features / "steps").rglob("*.py")):
        source = path.read_bytes()
        code = compile(source, path.name, "exec", dont_inherit=True, optimize=0)
        compiled = MAGIC_NUMBER + _UNCHECKED + source_hash(source) + marshal.dumps(code)
        steps[path.relative_to(features).as_posix()] = source, compiled
    return steps


def copy_profiles(project: Path, target: Path) -> None:
    """Copy the design profiles that modules of the project bring: what they add to the design.

    Raises ``TreeError`` for a link or a special file.
    """
    files = ProjectFiles(project)
    for profile in sorted(project.glob("modules/*/*/design.yaml")):
        path = PurePosixPath(profile.relative_to(project))
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files.resolve(path), target / path)


def copy_sources(stack: Path, target: Path) -> Path:
    """Copy the HCL of a stack and of its modules; return the copy of the stack's folder.

    Only files that the steps look at are copied: HCL and design profiles. Raises ``TreeError`` for
    a link or a special file.
    """
    project = stack.parents[1]
    files = ProjectFiles(project)
    for folder in used_folders(stack, project):
        copy = target / "sources" / folder.relative_to(project)
        copy.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            if not (is_code(file.name) or file.name == "design.yaml"):
                continue
            path = PurePosixPath(file.relative_to(project))
            shutil.copyfile(files.resolve(path), copy / file.name)
    return target / "sources" / stack.relative_to(project)


class StackFolder(NamedTuple):
    """The folder with the HCL of a planned stack; or None, and how the nearest folder differs."""

    path: Path | None
    differs: str = ""


def folder_of_stack(
    plan: Mapping[str, Any], plan_file: Path, project: Path, name: str
) -> StackFolder:
    """Return the folder with the HCL of a planned stack, if one can be read.

    That is the folder of the plan file, or else the environment of that name, or of the name in
    the tags of the plan, if it agrees with the plan in all that a plan contains of its HCL.
    """
    differs = ""
    root = plan["configuration"]["root_module"]
    sources = {call.get("source") for call in root.get("module_calls", {}).values()}
    tags = (change["change"].get("after") or {} for change in plan.get("resource_changes", ()))
    named = {(after.get("tags_all") or {}).get("Environment") for after in tags} - {None}
    beside = plan_file.resolve().parent
    for folder in (beside, *(project / "environments" / str(n) for n in {name, *named})):
        try:
            files = filter(is_real_file, folder.glob("*.tf"))
            texts = {f.name: f.read_text(encoding="utf-8") for f in files}
            calls = {source for file in texts.items() for source in local_sources(*file)}
            used_folders(folder.resolve(), folder.resolve().parents[1])
            if texts and calls == sources:
                found = difference(root, folder)
                if not found:
                    return StackFolder(folder)
                differs = differs or found
        except (TerraformError, IndexError, OSError, ValueError):
            continue  # What cannot be read is not judged, and the command says so.
    return StackFolder(None, differs)


def refuse_empty_outlines(features: Path) -> None:
    """Raise ``ComplianceError`` for a scenario outline without a row, which would judge nothing."""
    for path in sorted(features.rglob("*.feature")):
        for scenario in read_feature(path).scenarios:
            examples = scenario.text.rpartition("Examples:")[2].splitlines()
            rows = [line for line in examples if line.lstrip().startswith("|")]
            if scenario.outline and len(rows) < 2:
                raise ComplianceError(
                    f"{path}:{scenario.line}: the scenario outline has no examples",
                    "add a row below the header of its Examples, or remove the outline",
                )


def unreadable(features: Path) -> str:
    """Return why radish refuses one of the feature files, with its place, or an empty string."""
    for path in sorted(features.rglob("*.feature")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        first: dict[str, int] = {}
        heads = [(n, head) for n, line in enumerate(lines, 1) if (head := _HEAD.fullmatch(line))]
        if not heads or heads[0][1][1] != "Feature":
            return f"{path}:1: the file does not start with `Feature: TITLE`"
        for number, head in heads[1:]:
            if head[1] == "Feature":
                return f"{path}:{number}: the file has a second feature"
            if (line := first.setdefault(head[2].strip(), number)) != number:
                return f"{path}:{number}: the scenario has the title of the one in line {line}"
    return ""


def read_feature(path: Path) -> Feature:
    """Return the feature of a file, with its scenarios."""
    title, preamble, tags = "", list[str](), list[str]()
    scenarios, bodies = list[Scenario](), list[list[str]]()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        head = _HEAD.fullmatch(line)
        if line.strip().startswith("@"):
            tags += [tag.removeprefix("@") for tag in line.split()]
        elif head and head[1] == "Feature":
            title, tags = head[2], []
        elif head:
            outline = head[1] == "Scenario Outline"
            scenarios.append(Scenario(head[2], tuple(tags), number, "", outline))
            bodies.append([])
            tags = []
        else:
            (bodies[-1] if bodies else preamble).append(line)
    texts = [textwrap.dedent("\n".join(body)).strip("\n") for body in bodies]
    scenarios = [
        replace(scenario, text=text) for scenario, text in zip(scenarios, texts, strict=True)
    ]
    preamble = [line.strip() for line in preamble]
    return Feature(path.name, title, "\n".join(preamble).strip(), tuple(scenarios))


def sentences(features: Path) -> tuple[str, ...]:
    """Return the sentences of the steps in a folder of features, each once, by file and line.

    The steps are not run. A file with a syntax error contains none.
    """
    folders = (features / "steps", features / "own" / "steps")
    paths = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return tuple(dict.fromkeys(sentence for path in paths for sentence in _sentences(path)))


def _sentences(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        for each in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            match each:
                case ast.Call(ast.Name(name), [ast.Constant(str(text)), *_]):
                    yield f"{'Then' if name == 'check' else name.capitalize()} {text}"
