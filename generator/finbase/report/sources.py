"""From what a scenario saw back to the lines that people wrote: HCL of the pinned modules, YAML.

Evidence names resources by their addresses. The label of the module leads to the version that
the environment pins, and so to a block in a file; the arguments that the evidence speaks of, to
lines in it; the variables in those, to lines of the environment file where it gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.judge.cucumber import example_row
from finbase.release.interface import Interface, Place, Resource, read_interface
from finbase.render.stack import label

__all__ = ["Excerpt", "Line", "Piece", "Sources", "scenario_steps"]

Piece: TypeAlias = tuple[str, Place | None]
"""A part of a text, and where the resource is written that it names; most name none."""

_ADDRESS = re.compile(
    r'module\.(?P<label>[\w-]+)(?:\[[^\]]*\])?\.(?P<type>\w+)\.(?P<name>[\w-]+)(?:\["[^"]*"\]|\[\d+\])?'
)
_WORD = re.compile(r"[a-z][a-z0-9_.]*[a-z0-9]")
_VARIABLE = re.compile(r"\bvar\.(\w+)")
_KEY = re.compile(r'\s*"?([\w.]+)"?\s*=')
_QUOTED = re.compile(r'"([\w.]*[._][\w.]*)"')
_SCENARIO = re.compile(r"Scenario(?: Outline)?:")
_STEP = re.compile(r"(Given|When|Then|And|But|\|) ?")
_FEW = 6
"""How many lines of a block are shown where nothing tells which of them matter."""


@dataclass(frozen=True)
class Line:
    """A line of a file; ``behind`` where it is what a finding speaks of."""

    number: int
    text: str
    behind: bool


@dataclass(frozen=True)
class Excerpt:
    """Lines of a file, of which some between them may be left out. ``place`` is the first."""

    title: str
    place: Place
    lines: tuple[Line, ...]

    @property
    def line(self) -> int:
        """The first line that a finding is about, or the first line of the excerpt."""
        return next((line.number for line in self.lines if line.behind), self.place.line)


@dataclass(frozen=True)
class _Home:
    """A module block of the stack: what it uses, and what that says."""

    use: ModuleUse
    instance: Instance
    interface: Interface


class Sources:
    """The files behind one environment; ``root`` is the project's folder."""

    def __init__(self, root: Path, environment: Environment) -> None:
        self._root, self._environment = root, environment
        self._files: dict[PurePosixPath, list[str]] = {}

    def pieces(self, text: str) -> list[Piece]:
        """Cut a text into addresses of resources and what is between them."""
        found: list[Piece] = []
        end = 0
        for match in _ADDRESS.finditer(text):
            if resource := self._resource(match):
                found += [(text[end : match.start()], None), (match[0], resource.place)]
                end = match.end()
        return [piece for piece in [*found, (text[end:], None)] if piece[0]]

    def behind(self, evidence: Iterable[str]) -> tuple[list[Excerpt], list[Excerpt]]:
        """Return the lines of HCL and of YAML behind what was seen; one excerpt for each block."""
        chosen: dict[str, dict[str, set[int]]] = {}
        for text in evidence:
            matches = [m for m in _ADDRESS.finditer(text) if self._resource(m)]
            words = set(_WORD.findall(_ADDRESS.sub(" ", text)))
            for match in matches:
                address = _address(match)
                others = {_address(other) for other in matches} - {address}
                lines = chosen.setdefault(match["label"], {}).setdefault(address, set())
                lines |= set(self._matter(match, words, others))
        hcl: dict[Place, Excerpt] = {}
        yaml: dict[Place, Excerpt] = {}
        for name, blocks in chosen.items():
            home = self._homes[name]
            mine = [self._block(home, address, lines) for address, lines in blocks.items()]
            hcl |= {excerpt.place: excerpt for excerpt in mine}
            section = self._section(home, mine)
            yaml[section.place] = section
        return list(hcl.values()), list(yaml.values())

    @cached_property
    def _homes(self) -> Mapping[str, _Home]:
        homes: dict[str, _Home] = {}
        for use in self._environment.modules:
            folder = PurePosixPath("modules", use.name, str(use.version))
            tree = {
                folder / path.name: path.read_bytes()
                for path in sorted((self._root / folder).glob("*.tf"))
            }
            interface = read_interface(tree)
            for instance in use.instances:
                homes[label(use, instance)] = _Home(use, instance, interface)
        return homes

    def _resource(self, match: re.Match[str]) -> Resource | None:
        home = self._homes.get(match["label"])
        return home.interface.resources.get(_address(match)) if home else None

    def _matter(self, match: re.Match[str], words: set[str], others: set[str]) -> Iterator[int]:
        """Yield the lines of a block that the words or the other addresses are about."""
        place = self._homes[match["label"]].interface.resources[_address(match)].place
        text = self._text(place.path)
        for number in range(place.line + 1, self._end(place)):
            line = text[number - 1]
            key = _KEY.match(line)
            if (key and key[1] in words) or any(other in line for other in others):
                yield number
            elif any(word in words for word in _QUOTED.findall(line)):
                yield from (number, number + 1)  # A name, and below it the value.

    def _block(self, home: _Home, address: str, behind: set[int]) -> Excerpt:
        place = home.interface.resources[address].place
        text, end = self._text(place.path), self._end(place)
        block = range(place.line, end + 1)
        every = {n for n in block if text[n - 1].lstrip().startswith("for_each ")}
        shown = {place.line, *every, *behind, end} if behind else set(block[:_FEW])
        lines = (Line(n, text[n - 1], n in behind) for n in sorted(shown))
        return Excerpt(address, place, tuple(lines))

    def _section(self, home: _Home, excerpts: Sequence[Excerpt]) -> Excerpt:
        """Return what the environment file says of a module and of what the excerpts use of it."""
        path = PurePosixPath("environments", self._environment.path.name)
        text, document = self._text(path), self._environment.document
        where = home.use.where(home.instance)
        lines = (line for excerpt in excerpts for line in excerpt.lines)
        using = (line.text for line in lines if line.behind or "for_each" in line.text)
        names = {name for each in using for name in _VARIABLE.findall(each)}
        module = ("modules", home.use.name)
        shown = {
            document.position(way, key=True)[0]: False
            for way in (module, (*module, "version"), where)
        }
        for name in names & set(home.instance.inputs):
            first = document.position((*where, name), key=True)[0]
            shown |= dict.fromkeys(_nested(text, first), True)
        return Excerpt(
            ".".join(map(str, where)),
            Place(path, document.position(where, key=True)[0]),
            tuple(Line(n, text[n - 1], behind) for n, behind in sorted(shown.items())),
        )

    def _text(self, path: PurePosixPath) -> list[str]:
        if path not in self._files:
            text = (self._root / path).read_text(encoding="utf-8", errors="replace")
            self._files[path] = text.splitlines()
        return self._files[path]

    def _end(self, place: Place) -> int:
        """Find the line on which a block ends, in HCL as ``terraform fmt`` leaves it."""
        lines = self._text(place.path)
        after = range(place.line, len(lines))
        return next((n + 1 for n in after if lines[n].startswith("}")), place.line)


def scenario_steps(root: Path, location: str) -> tuple[str, ...]:
    """Return what a scenario demands: its steps without the setting, and the rows below them.

    ``location`` is that of a scenario, or of a row of an outline, whose values are filled in.
    """
    path, _, line = location.rpartition(":")
    lines = [each.strip() for each in (root / path).read_text(encoding="utf-8").splitlines()]
    row = example_row(lines, int(line))
    start = int(line)
    while start > 1 and not _SCENARIO.match(lines[start - 1]):
        start -= 1
    steps: list[str] = []
    for text in lines[start:]:
        if not _STEP.match(text):
            break
        for name, value in row.items():
            text = text.replace(f"<{name}>", value)
        steps.append(text)
    return tuple(step for step in steps if step != "Given the planned stack")


def _address(match: re.Match[str]) -> str:
    return f"{match['type']}.{match['name']}"


def _nested(lines: Sequence[str], first: int) -> Iterator[int]:
    """Yield a line and those that are written below it, a few at most."""
    indent = len(lines[first - 1]) - len(lines[first - 1].lstrip())
    yield first
    for number in range(first + 1, min(first + _FEW, len(lines)) + 1):
        text = lines[number - 1]
        if not text.strip() or len(text) - len(text.lstrip()) <= indent:
            return
        yield number
