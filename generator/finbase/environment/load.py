"""An environment file → a validated ``Environment``, or every reason why it is none.

The versions that the file pins are settled first. Then each module's section is checked
against the contract of *its* version, the modules against each other, and the rules on all
that is not already known to be wrong. Everything found is told at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finbase.errors import Diagnostic, FinbaseError, InputError

if TYPE_CHECKING:
    from finbase.contract.registry import Registry
    from finbase.environment.model import Environment
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from finbase import codes
from finbase.aws.catalogue import AwsCatalogue
from finbase.contract.contract import Contract
from finbase.contract.registry import Registry
from finbase.environment.composition import fitting, in_order, missing, pinned
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.rules.index import breaches
from finbase.environment.schema import NAME, TOP, part_of
from finbase.source.document import MOST_PROBLEMS, Document, Where, parse
from finbase.source.scalars import closest, listed, shown
from finbase.source.syntax import MOST_BYTES, failure

__all__ = ["Environment", "Instance", "ModuleUse", "discover", "load", "load_environments", "read"]


def discover(root: Path) -> tuple[Path, ...]:
    """Every ``environments/*.yaml`` of a project, sorted."""
    return tuple(sorted((root / "environments").glob("*.yaml")))


def load(path: Path, registry: Registry, root: Path) -> Environment:
    """Read and validate one environment file of the project at ``root``.

    What can only be noted is in the ``notes`` of the result. Raises ``InputError`` with
    everything that is wrong with it, in the order of the file.
    """
    return read(*_read(path, root), registry, root)


def read(name: str, data: bytes, registry: Registry, root: Path) -> Environment:
    """Take ``data`` as the content of the file ``name``, and validate it as ``load`` does."""
    document = parse(name, data)
    found = list(document.problems)
    wrong = set(document.spoiled)

    def check(problems: Iterable[tuple[Where | None, Diagnostic]]) -> None:
        for where, diagnostic in islice(problems, MOST_PROBLEMS + 1):
            found.append(diagnostic)
            if where is not None:
                wrong.add(where)

    check(TOP.check(document, (), document.value))
    unusable = wrong & {(), ("modules",)}
    sections = {} if unusable else _mapping(_mapping(document.value).get("modules"))
    contracts: dict[str, Contract] = {}
    for result in islice(pinned(document, registry, sections), MOST_PROBLEMS + 1):
        if isinstance(result, Diagnostic):
            found.append(result)
        else:
            contracts[result.name] = result
            where = ("modules", result.name)
            check(part_of(result).check(document, where, sections[result.name]))
    if ("modules",) in document.places and not unusable:
        found += missing(document, registry, sections)
    found += fitting(document, registry, sections, contracts)
    order, circle = in_order(contracts)
    if circle:
        what = f"modules need each other in a circle: {listed(circle)}"
        found.append(document.problem(("modules",), codes.CYCLE, what, key=True))

    value = _without(document.value, wrong) if wrong else document.value
    uses = [contracts[name] for name in order]
    environment = _assembled(document, value, uses, AwsCatalogue(root))
    found += _same_name(environment)
    # What has been found wrong is not judged by a rule as well.
    told = {(d.line, d.column) for d in found if d.code != codes.MISSING_KEY}
    judged = [d for d in breaches(environment) if (d.line, d.column) not in told]
    found += [d for d in judged if not d.note]
    if found:
        raise InputError(_bounded(found))
    return replace(environment, notes=tuple(judged))


def _assembled(
    document: Document, value: Any, contracts: Iterable[Contract], catalogue: AwsCatalogue
) -> Environment:
    """The environment that the value describes, as far as it does."""
    top = _mapping(value)
    sections = _mapping(top.get("modules"))
    return Environment(
        path=Path(document.path),
        name=_text(top.get("environment")),
        project=_text(top.get("project")),
        region=_text(top.get("region")),
        account_id=_text(top.get("account_id")),
        tags=_mapping(top.get("tags")),
        state=_mapping(top.get("state")),
        modules=tuple(ModuleUse(c, _instances(c, _mapping(sections[c.name]))) for c in contracts),
        document=document,
        catalogue=catalogue,
    )


def _instances(contract: Contract, section: Mapping[str, Any]) -> tuple[Instance, ...]:
    if contract.multiplicity == "many":
        given = _mapping(section.get("instances")).items()
        return tuple(Instance(key, inputs) for key, inputs in given if isinstance(inputs, dict))
    return (Instance("", {name: v for name, v in section.items() if name != "version"}),)


def _same_name(environment: Environment) -> list[Diagnostic]:
    stem = environment.path.stem
    if environment.name in ("", stem):
        return []
    what = f"`environment` must be {stem}, as the file is called, not {environment.name}"
    hint = f"write {stem}, or rename the file to {environment.name}.yaml"
    return [environment.document.problem(("environment",), codes.OTHER_NAME, what, hint)]


def _without(value: Any, wrong: set[Where], where: Where = ()) -> Any:
    """The value with nothing in the place of each thing that is wrong."""
    if where in wrong:
        return None
    if isinstance(value, dict):
        return {key: _without(v, wrong, (*where, key)) for key, v in value.items()}
    if isinstance(value, list):
        return [_without(v, wrong, (*where, index)) for index, v in enumerate(value)]
    return value


def _bounded(found: list[Diagnostic]) -> list[Diagnostic]:
    if len(found) <= MOST_PROBLEMS:
        return found
    first = sorted(found, key=lambda d: (d.line, d.column))[:MOST_PROBLEMS]
    last = first[-1]
    what = f"there are more than the {MOST_PROBLEMS} problems that are shown"
    return [*first, Diagnostic(last.path, last.line, last.column, codes.TOO_MANY, what)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read(path: Path, root: Path) -> tuple[str, bytes]:
    """How the file is called in messages, and what it holds."""
    place = Path(os.path.abspath(path))  # noqa: PTH100 - a symlink keeps its own name
    top = Path(os.path.abspath(root))  # noqa: PTH100
    name = place.relative_to(top).as_posix() if place.is_relative_to(top) else str(path)
    name = shown(name, most=4096)

    def failed(code: str, what: str, hint: str | None = None) -> InputError:
        return failure(name, (1, 1), code, what, hint)

    try:
        real = place.resolve(strict=True)
        kind = real.stat().st_mode
        if re.fullmatch(NAME, place.stem) is None or not 2 <= len(place.stem) <= 31:
            hint = "call it by 2 to 31 lowercase letters, digits and single hyphens"
            raise failed(
                codes.FILE_NAME, f"{shown(place.stem)} is no name for an environment", hint
            )
        if place.suffix != ".yaml":
            raise failed(codes.FILE_NAME, "not called *.yaml", f"rename it to {place.stem}.yaml")
        if not real.is_relative_to(top.resolve()):
            hint = "keep the file itself in environments/"
            raise failed(codes.OUTSIDE, "the file lies outside the project", hint)
        if not stat.S_ISREG(kind):
            raise failed(codes.UNREADABLE, "not a regular file")
        with real.open("rb") as file:
            return name, file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        there = [found.stem for found in discover(root)]
        hint = f"there are {listed(there)}" if there else "there is none in environments/ yet"
        hint = f"{near} {hint}" if (near := closest(place.stem, there)) else hint
        raise failed(codes.MISSING_FILE, "there is no such environment", hint) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise failed(codes.UNREADABLE, f"cannot be read: {reason}") from error


def load_environments(
    root: Path, registry: Registry, names: Sequence[str]
) -> tuple[Environment, ...]:
    """Load the named environments, or all; in the order given, each once.

    Raises ``InputError`` with what is wrong in any of them.
    """
    from finbase.environment.load import discover, load

    paths = [root / "environments" / f"{name}.yaml" for name in dict.fromkeys(names)]
    loaded: list[Environment] = []
    problems: list[Diagnostic] = []
    for path in paths or discover(root):
        try:
            loaded.append(load(path, registry, root))
        except InputError as error:
            problems += error.diagnostics
    if problems:
        raise InputError(problems)
    if not loaded:
        raise FinbaseError(
            "environments/ holds no *.yaml, so there is nothing to do",
            "write one; the README shows a whole file",
        )
    return tuple(loaded)
