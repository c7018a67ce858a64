"""Load and validate environment files, collecting all errors.

First the pinned versions are resolved. Then each module's section is checked against the contract
of its version, the modules against each other, and the rules against everything that is not
already known to be wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from finbase import codes
from finbase.aws.catalogue import AwsCatalogue
from finbase.contract.contract import Contract
from finbase.contract.registry import Registry
from finbase.environment.composition import Composition, in_order, pinned
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.names import GLOBAL, resource_names
from finbase.environment.rules.index import breaches
from finbase.environment.rules.storage import INSTEAD
from finbase.environment.schema import NAME, TOP, newer_versions, part_of
from finbase.errors import Diagnostic, FinbaseError, InputError
from finbase.source.document import MOST_PROBLEMS, Document, Where, parse
from finbase.source.scalars import listed, printable, with_closest
from finbase.source.syntax import MOST_BYTES, failure

_LINK_HINT = "replace the symbolic link with the file itself"


def discover(root: Path) -> tuple[Path, ...]:
    """Return the paths of all ``environments/*.yaml`` of a project, sorted."""
    return tuple(sorted((root / "environments").glob("*.yaml")))


def misnamed(root: Path) -> tuple[Path, ...]:
    """Return the files that would be environments if their names ended with ``.yaml``, sorted."""
    files = sorted((root / "environments").glob("[!.]*"))
    return tuple(f for f in files if f.suffix != ".yaml" and f.suffix.lower() in (".yml", ".yaml"))


def load_environments(
    root: Path, registry: Registry, names: Sequence[str]
) -> tuple[Environment, ...]:
    """Load the named environments, or all if ``names`` is empty; each once, in this order.

    Raises:
        InputError: with the errors of all environments.

    """
    paths = [root / "environments" / f"{name}.yaml" for name in dict.fromkeys(names)]
    environments: list[Environment] = []
    problems: list[Diagnostic] = []
    for path in paths or (*discover(root), *misnamed(root)):
        try:
            environments.append(load(path, registry, root))
        except InputError as error:
            problems += error.diagnostics
    problems += _same_names(environments)
    if problems:
        raise InputError(dict.fromkeys(problems))  # Each reads known.yaml: say its faults once.
    if not environments:
        raise FinbaseError(
            "environments/ contains no *.yaml file",
            "create one with `finbase new environment`; the README shows a complete file",
        )
    return tuple(environments)


def _same_names(environments: Sequence[Environment]) -> Iterator[Diagnostic]:
    """Yield the environments whose resources have the names of another one's, in its account."""
    first: dict[tuple[str, ...], Environment] = {}
    reported: set[tuple[str, str, Where]] = set()
    whole: Where = ("environment",)
    for environment in _nested(environments):
        for kind, name, _, where in resource_names(environment):
            region = "" if kind in GLOBAL else environment.region
            other = first.setdefault((environment.account_id, region, kind, name), environment)
            pair = environment.name, other.name
            if other is not environment and reported.isdisjoint({(*pair, where), (*pair, whole)}):
                reported.add((*pair, where))
                hint = f"choose another name{' or region' if region else ''}, or another account"
                yield environment.document.problem(
                    where,
                    codes.SAME_STACK,
                    f"the {kind} {name} is one of {other.name}, too",
                    f"{hint}; two stacks would share what has the name",
                    key=len(where) > 1,
                )


def _nested(environments: Sequence[Environment]) -> Iterator[Environment]:
    """Yield those whose stack's name starts another one's, or starts with it: no others can clash.

    Every name of a resource has the stack's behind a beginning that only the kind decides.
    """
    nested: set[str] = set()
    shorter: Environment | None = None
    for environment in sorted(environments, key=lambda each: each.stack_name):
        if shorter and environment.stack_name.startswith(shorter.stack_name):
            nested |= {shorter.stack_name, environment.stack_name}
        else:
            shorter = environment
    yield from (environment for environment in environments if environment.stack_name in nested)


def load(path: Path, registry: Registry, root: Path) -> Environment:
    """Read and validate one environment file of the project at ``root``.

    Remarks that are not errors are in the ``notes`` of the result.

    Raises:
        InputError: with all errors, in the order of the file.

    """
    return read(*_read_file(path, root), registry, root)


def read(name: str, data: bytes, registry: Registry, root: Path) -> Environment:
    """Validate ``data`` like ``load``, as the content of the file ``name``."""
    document = parse(name, data)
    findings = _Findings(document)
    findings.taint(TOP.check(document, (), document.value))
    readable = not findings.unusable & {(), ("modules",)}
    sections = _mapping(_mapping(document.value).get("modules")) if readable else {}
    contracts = _check_sections(document, registry, sections, findings)
    composition = Composition(document, registry, sections, contracts)
    if readable and ("modules",) in document.positions:
        findings.add(composition.missing())
    findings.add(composition.problems())
    environment = _assemble(
        document,
        findings.usable(document.value),
        [contracts[module] for module in in_order(contracts)[0]],
        AwsCatalogue(root),
    )
    notes = _check_environment(environment, findings)
    if findings.problems:
        raise InputError(_limited(findings.problems))
    return replace(environment, notes=tuple(notes))


class _Findings:
    """The problems found so far, and the paths of the values that later checks must not use."""

    def __init__(self, document: Document) -> None:
        self.problems = list(document.problems)
        self.unusable = set(document.spoiled)

    def add(self, problems: Iterable[Diagnostic]) -> None:
        """Add problems that leave all values usable."""
        self.problems += problems

    def taint(self, problems: Iterable[tuple[Where | None, Diagnostic]]) -> None:
        """Add problems, each with the path of the value that it makes unusable, if any."""
        for where, diagnostic in islice(problems, MOST_PROBLEMS + 1):
            self.problems.append(diagnostic)
            if where is not None:
                self.unusable.add(where)

    def usable(self, value: Any, where: Where = ()) -> Any:
        """Return the value with None in place of everything unusable."""
        if not self.unusable:
            return value
        if where in self.unusable:
            return None
        if isinstance(value, dict):
            return {key: self.usable(v, (*where, key)) for key, v in value.items()}
        if isinstance(value, list):
            return [self.usable(v, (*where, index)) for index, v in enumerate(value)]
        return value


def _check_sections(
    document: Document, registry: Registry, sections: Mapping[str, Any], findings: _Findings
) -> dict[str, Contract]:
    """Check each section against its contract; return the contracts by module."""
    contracts: dict[str, Contract] = {}
    for name, section in islice(sections.items(), MOST_PROBLEMS + 1):
        where = ("modules", name)
        if where in document.spoiled or (*where, "version") in document.spoiled:
            continue
        try:
            contracts[name] = pinned(document, registry, name, section)
        except InputError as error:
            findings.add(error.diagnostics)
        else:
            contract = contracts[name]
            newer = newer_versions(contract, registry)
            findings.taint(part_of(contract).check(document, where, section, newer))
    return contracts


def _check_environment(environment: Environment, findings: _Findings) -> list[Diagnostic]:
    """Check the name and the rules; return the notes."""
    stem = environment.path.stem
    if environment.name not in ("", stem):
        message = f"`environment` must be {stem}, the name of the file, not {environment.name}"
        hint = f"write {stem}, or rename the file to {environment.name}.yaml"
        where = ("environment",)
        findings.add([environment.document.problem(where, codes.OTHER_NAME, message, hint)])
    # A rule must not report a value that is already reported. The position of a missing key is
    # that of its mapping, whose other values the rules can still judge.
    found = list(breaches(environment))
    better = {(d.line, d.column, INSTEAD[d.code]) for d in found if d.code in INSTEAD}
    findings.problems = [d for d in findings.problems if (d.line, d.column, d.code) not in better]
    reported = {(d.line, d.column) for d in findings.problems if d.code != codes.MISSING_KEY}
    judged = [d for d in found if (d.line, d.column) not in reported]
    findings.add(d for d in judged if not d.note)
    return [d for d in judged if d.note]


def _assemble(
    document: Document, value: Any, contracts: Iterable[Contract], catalogue: AwsCatalogue
) -> Environment:
    """Build the environment, with empty fields for what is missing or unusable."""
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
        provider=_text(top.get("provider")),
    )


def _instances(contract: Contract, section: Mapping[str, Any]) -> tuple[Instance, ...]:
    many = contract.multiplicity == "many"
    own = {"version", "instances"} if many or contract.repeats else {"version"}
    named = _mapping(section.get("instances")).items() if "instances" in own else ()
    further = tuple(Instance(key, inputs) for key, inputs in named if isinstance(inputs, dict))
    if many:
        return further
    return (Instance("", {name: v for name, v in section.items() if name not in own}), *further)


def _limited(problems: list[Diagnostic]) -> list[Diagnostic]:
    """Return the first problems of the file, with a last one that says that there are more."""
    if len(problems) <= MOST_PROBLEMS:
        return problems
    first = sorted(problems, key=lambda d: (d.line, d.column))[:MOST_PROBLEMS]
    last = first[-1]
    message = f"only the first {MOST_PROBLEMS} problems are shown"
    hint = "fix these and run the command again"
    return [*first, Diagnostic(last.path, last.line, last.column, codes.TOO_MANY, message, hint)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read_file(path: Path, root: Path) -> tuple[str, bytes]:
    """Return the file's name for messages, and its content."""
    # abspath, unlike resolve, keeps the name of a symlink, which is the name that the user passed.
    file = Path(os.path.abspath(path))  # noqa: PTH100
    top = Path(os.path.abspath(root))  # noqa: PTH100
    real_top = top.resolve()
    name = file.relative_to(top).as_posix() if file.is_relative_to(top) else str(path)
    name = printable(name, most=4096)

    def failed(code: str, message: str, hint: str | None = None) -> InputError:
        return failure(name, (1, 1), code, message, hint)

    try:
        real = file.resolve(strict=True)
        if re.fullmatch(NAME, file.stem) is None or not 2 <= len(file.stem) <= 31:
            message = f"{printable(file.stem)} is not a valid environment name"
            hint = "rename the file: use 2 to 31 lowercase letters, digits and single hyphens"
            raise failed(codes.FILE_NAME, message, hint)
        if file.suffix != ".yaml":
            hint = f"rename it to {file.stem}.yaml"
            raise failed(codes.FILE_NAME, "the file name must end with .yaml", hint)
        if not real.is_relative_to(real_top):
            raise failed(codes.OUTSIDE, "the file is outside the project", _LINK_HINT)
        if real != real_top / file.relative_to(top):
            message = "the file is a symbolic link, so a review of it shows no change"
            raise failed(codes.UNREADABLE, message, _LINK_HINT)
        if not real.is_file():
            raise failed(codes.UNREADABLE, "not a regular file")
        with real.open("rb") as stream:
            return name, stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        existing = [environment.stem for environment in discover(root)]
        hint = (
            f"environments/ contains {listed(existing)}"
            if existing
            else ("environments/ contains no environment yet; see `finbase new environment --help`")
        )
        hint = with_closest(file.stem, existing, hint)
        for other in misnamed(root):
            if other.stem == file.stem:
                hint = f"rename environments/{printable(other.name)} to {file.name}"
        raise failed(codes.MISSING_FILE, "environment not found", hint) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise failed(codes.UNREADABLE, f"cannot read the file: {reason}") from error
