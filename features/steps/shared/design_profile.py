"""Read the design profile, ``features/design.yaml``, and the profiles of a project's own modules.

A profile is YAML with two levels of names and one line for each rule. This file reads this subset
itself, because terraform-compliance does not install a YAML library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_FEATURES = Path(__file__).resolve().parents[2]
_REPEATED = {"replica"}
"""Modules that a stack may call more than once."""
_LINE = re.compile(r"( *)([^\s:#][^:]*):(?: +(.+))?")
_RULE = re.compile(r"([BDF]\d\d[a-z]?) (.+)")
_SINCE = re.compile(r"(.+) since (\d+\.\d+\.\d+)")
EVERYWHERE = "every module"
_NOT_MODULES = {
    "provider",
    "backend",
    "ephemeral",
    "allowed",
    "reads",
    "lent",
    "extends",
    "actions",
    "attached",
    "types",
    "crossed",
    "wires",
    "policies",
    "parameters",
    "hours",
    "arns",
    "computed",
    EVERYWHERE,
}
ELSEWHERE = "D01"
"""The control of everything that no other control owns."""


class InvalidProfileError(ValueError):
    """A line of a profile is not in the subset of YAML that this file reads."""


class Rule(NamedTuple):
    """What an argument must be, and the control that fails if it is not."""

    control: str
    text: str


class Entry(NamedTuple):
    """The rules of one resource, by argument, and the number of its instances."""

    instances: Rule
    arguments: Mapping[str, Rule]


class Profile:
    """The rules for the resources of every module, and the controls of all other types."""

    def __init__(self, sections: Mapping[str, Any]) -> None:
        self._sections = dict(sections)
        self.modules = frozenset(sections) - _NOT_MODULES
        """The names of the modules that the profile describes."""
        self.policies: Mapping[str, Mapping[str, str]] = sections.get("policies", {})
        self.controls: Mapping[str, str] = sections.get("types", {})
        self.parameters: Mapping[str, str] = sections.get("parameters", {})
        self.arns: Mapping[str, str] = sections.get("arns", {})
        blocks = sections.get("computed", {}).get("blocks", "")
        self.computed = frozenset(blocks.split(", "))
        self.ephemeral = frozenset(sections.get("ephemeral", {}).get("types", "").split(", "))
        self.provider: Mapping[str, str] = sections.get("provider", {})
        self.backend: Mapping[str, str] = sections.get("backend", {})
        self.allowed: Mapping[str, str] = sections.get("allowed", {})
        self.reads: Mapping[str, str] = sections.get("reads", {})
        self.wires: Mapping[str, Mapping[str, str]] = sections.get("wires", {})
        self.lent: Mapping[str, str] = sections.get("lent", {})
        self.extends: Mapping[str, str] = sections.get("extends", {})
        self.actions: Mapping[str, str] = sections.get("actions", {})
        self.attached: Mapping[str, str] = sections.get("attached", {})
        self.added: dict[str, Path] = {}
        """The profiles of a project's own modules that this one includes, by module."""
        self.problems: list[str] = []
        self.entry = cache(self._entry)  # Each instance of a resource, and each read of it.

    @property
    def once(self) -> frozenset[str]:
        """The names of the modules that a stack may call only once."""
        return self.modules - _REPEATED

    def identities(self, module: str) -> Iterator[str]:
        """Yield every resource that a module must or may hold, as ``type.name``."""
        for identity in self._sections.get(module, {}):
            if "*" not in identity and identity != "code":
                yield identity

    def code(self, module: str) -> Mapping[str, Rule]:
        """Return the rules for the HCL of locals and outputs of a module."""
        rules = self._sections.get(module, {}).get("code", {})
        return {name: _rule(text) for name, text in rules.items()}

    def _entry(self, module: str, identity: str, version: str) -> Entry | None:
        """Return the rules of a resource, or None if this version of the module has none for it."""
        if identity not in self._sections.get(module, {}):
            return None
        texts: dict[str, str] = {}
        own = module in self.added
        # A module of the project itself cannot change a rule that every module has.
        for section in (module, EVERYWHERE) if own else (EVERYWHERE, module):
            for pattern, rules in self._sections.get(section, {}).items():
                if fnmatchcase(identity, pattern):
                    texts |= of_version(rules, version)
        rules = {name: _rule(text) for name, text in texts.items()}
        instances = rules.pop("instances", Rule(self.control(identity), "one"))
        return None if instances.text == "none" else Entry(instances, rules)

    def crossed(self, module: str, name: str) -> str:
        """Return the control of an input that must come from the same database."""
        places = self._sections.get("crossed", {}).items()
        found = (control for place, control in places if fnmatchcase(f"{module}.{name}", place))
        return next(found, ELSEWHERE)

    def control(self, identity: str) -> str:
        """Return the control that a resource outside of the design falls under."""
        type_ = identity.removeprefix("data ").partition(".")[0]
        for pattern, control in self.controls.items():
            if fnmatchcase(type_, pattern):
                return control
        return ELSEWHERE


@cache
def design() -> Profile:
    """Return the profile of the design."""
    return Profile(_read(_FEATURES / "design.yaml"))


@cache
def with_additions(paths: tuple[tuple[str, Path], ...]) -> Profile:
    """Return the design with the profiles of a project's own modules, by module name.

    Such a profile has rules for its own module, and policies of new names. A profile that has
    other sections is not used: it could loosen the design.
    """
    sections = _read(_FEATURES / "design.yaml")
    added: dict[str, Path] = {}
    problems = []
    for module, path in paths:
        try:
            own = _read(path)
        except InvalidProfileError as error:
            problems.append(str(error))
            continue
        if module in _NOT_MODULES:
            problems.append(f"{path}: {module} is a section of the design; rename the module")
            continue
        policies = own.pop("policies", {})
        others = [name for name in own if name != module]
        if others or policies.keys() & sections["policies"].keys():
            problems.append(f"{path}: may only have the section {module}, and new policies")
            continue
        sections |= own
        sections["policies"] |= policies
        added[module] = path
    profile = Profile(sections)
    profile.added, profile.problems = added, problems
    return profile


def project_profile(module: str, version: str) -> Path:
    """Return the path of a module's own profile in the project that holds the features."""
    return _FEATURES.parent / "modules" / module / version / "design.yaml"


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidProfileError(f"{path}: invalid profile: it is not UTF-8; {error}") from error
    return read(text, str(path))


def read(text: str, name: str = "design.yaml") -> dict[str, Any]:
    """Read a profile; ``name`` is that of its file, for messages.

    >>> read("cache:\\n  aws_x.main:\\n    engine: F07a is valkey")
    {'cache': {'aws_x.main': {'engine': 'F07a is valkey'}}}
    """
    top: dict[str, Any] = {}
    open_: list[dict[str, Any]] = [top]
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.rstrip())
        depth = len(match[1]) // 2 if match else -1
        if not match or len(match[1]) % 2 or depth >= len(open_):
            text = f"{line.strip()!r} is not `name: rule`; fix this line"
            raise InvalidProfileError(f"{name}:{number}: invalid profile: {text}")
        del open_[depth + 1 :]
        if match[3]:
            open_[depth][match[2]] = match[3]
        else:
            open_.append({})
            open_[depth][match[2]] = open_[-1]
    return top


def of_version(rules: Mapping[str, str], version: str) -> dict[str, str]:
    """Return the rules of one version of a module, without the versions in their names.

    >>> of_version({"x": "F09 is a", "x since 1.10.0": "F09 is b"}, "1.9.0")
    {'x': 'F09 is a'}
    >>> of_version({"x since 1.10.0": "F09 is b", "x": "F09 is a"}, "1.10.1")
    {'x': 'F09 is b'}
    """
    chosen: dict[str, tuple[tuple[int, ...], str]] = {}
    for name, text in rules.items():
        match = _SINCE.fullmatch(name)
        first = _numbers(match[2]) if match else ()
        name = match[1] if match else name
        if first <= _numbers(version) and first >= chosen.get(name, ((), ""))[0]:
            chosen[name] = first, text
    return {name: text for name, (_, text) in chosen.items()}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _rule(text: str) -> Rule:
    match = _RULE.fullmatch(text)
    if not match:
        raise ValueError(f"the rule {text!r} does not start with the id of a control")
    return Rule(match[1], match[2])
