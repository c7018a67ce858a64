"""Find the lines of HCL and YAML behind the evidence of a scenario.

Evidence names resources by their addresses. The label in an address leads to the module version
that the environment pins, and so to a block in a file. Arguments that the evidence names lead to
lines of that block, and variables in these lines to lines of the environment file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeAlias

from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.judge.cucumber import example_row
from finbase.release.interface import Interface, Place, Resource, read_interface

Piece: TypeAlias = tuple[str, Place | None]
"""A part of a text, and the place of the resource that it names, or None."""

# The keys are bounded: evidence is of any length, and each unclosed bracket would be searched to
# its end.
_ADDRESS = re.compile(
    r"module\.(?P<label>[\w-]+)(?:\[[^\]\n]{0,200}\])?\.(?P<type>\w+)\.(?P<name>[\w-]+)"
    r'(?:\["[^"\n]{0,200}"\]|\[\d+\])?'
)
_WORD = re.compile(r"[a-z][a-z0-9_.]*[a-z0-9]")
_VARIABLE = re.compile(r"\bvar\.(\w+)")
_KEY = re.compile(r'\s*"?([\w.]+)"?\s*=')
_QUOTED = re.compile(r'"([\w.]*[._][\w.]*)"')
_LITERAL = re.compile(r'\s*(?!for_each|count)\w+\s*=\s*"([^"$\n]{4,})"\s*')
_SCENARIO = re.compile(r"Scenario(?: Outline)?:")
_STEP = re.compile(r"(Given|When|Then|And|But|\|) ?")
_FEW = 6
"""How many lines below a key of YAML are shown."""

_WHOLE = "whole block; the evidence names no line of it"
_PIN = "pins the version; no input is behind the evidence"


@dataclass(frozen=True)
class Line:
    """A line of a file; ``behind`` marks the lines that a finding is about."""

    number: int
    text: str
    behind: bool


@dataclass(frozen=True)
class Excerpt:
    """Some lines of a file, with gaps; ``place`` is the first line.

    ``note`` says what the lines are if none of them is marked, or is empty.
    """

    title: str
    place: Place
    lines: tuple[Line, ...]
    note: str = ""

    @property
    def line(self) -> int:
        """The first line that a finding is about, or the first line of the excerpt."""
        return next((line.number for line in self.lines if line.behind), self.place.line)


@dataclass(frozen=True)
class _Block:
    """A module block of the stack, and the files of the version that it calls."""

    use: ModuleUse
    instance: Instance
    tree: Mapping[PurePosixPath, bytes]

    @cached_property
    def interface(self) -> Interface:
        """The interface of that version. To read one is slow, and evidence names few modules."""
        return read_interface(self.tree)


class Sources:
    """The files behind one environment.

    ``files`` has the environment file and the ``*.tf`` files of every module version that the
    environment pins, by their paths in the project.
    """

    def __init__(self, environment: Environment, files: Mapping[PurePosixPath, bytes]) -> None:
        self._environment, self._files = environment, files
        self._lines: dict[PurePosixPath, list[str]] = {}

    @property
    def path(self) -> PurePosixPath:
        """The environment file."""
        return PurePosixPath("environments", self._environment.path.name)

    @property
    def environment(self) -> Environment:
        """The environment."""
        return self._environment

    def texts(self) -> dict[str, str]:
        """Return the content of every file, by its path."""
        return {str(path): data.decode(errors="replace") for path, data in self._files.items()}

    def pieces(self, text: str) -> list[Piece]:
        """Split a text into addresses of resources and the text between them."""
        pieces: list[Piece] = []
        end = 0
        for match in _ADDRESS.finditer(text):
            if resource := self._resource(match):
                pieces += [(text[end : match.start()], None), (match[0], resource.place)]
                end = match.end()
        return [piece for piece in [*pieces, (text[end:], None)] if piece[0]]

    def behind(self, evidence: Iterable[str]) -> tuple[list[Excerpt], list[Excerpt]]:
        """Return the lines of HCL and of YAML behind evidence, an excerpt per block.

        If no line of a block is behind it, but tags of the environment are, these are returned.
        """
        evidence = tuple(evidence)
        chosen: dict[str, dict[str, set[int]]] = {}
        for text in evidence:
            matches = [m for m in _ADDRESS.finditer(text) if self._resource(m)]
            names = set(_WORD.findall(_ADDRESS.sub(" ", text)))
            for match in matches:
                address = _address(match)
                others = {_address(other) for other in matches} - {address}
                lines = chosen.setdefault(match["label"], {}).setdefault(address, set())
                lines |= set(self._relevant(match, names, others, text))
        hcl: dict[Place, Excerpt] = {}
        yaml: dict[Place, Excerpt] = {}
        for name, blocks in chosen.items():
            block = self._blocks[name]
            excerpts = [self._excerpt(block, address, lines) for address, lines in blocks.items()]
            hcl |= {excerpt.place: excerpt for excerpt in excerpts}
            section = self._section(block, excerpts)
            yaml[section.place] = section
        exact = any(line.behind for each in hcl.values() for line in each.lines)
        if not exact and (tags := self._tags(" ".join(evidence))):
            return [], tags
        return list(hcl.values()), list(yaml.values())

    def _tags(self, evidence: str) -> list[Excerpt]:
        """Return the lines of the tags whose key and value the evidence has."""
        names = evidence.replace("_", "").lower()
        numbers = [
            self._environment.document.position(("tags", key), key=True)[0]
            for key, value in self._environment.tags.items()
            if value in evidence and re.search(rf"\b{key.replace('_', '')}\b", names)
        ]
        text = self._text(self.path)
        return [
            Excerpt("tags", Place(self.path, n), (Line(n, text[n - 1], behind=True),))
            for n in numbers
        ]

    @cached_property
    def _blocks(self) -> Mapping[str, _Block]:
        blocks: dict[str, _Block] = {}
        for use in self._environment.modules:
            folder = PurePosixPath("modules", use.name, str(use.version))
            tree = {path: text for path, text in self._files.items() if path.parent == folder}
            for instance in use.instances:
                blocks[use.label(instance)] = _Block(use, instance, tree)
        return blocks

    def _resource(self, match: re.Match[str]) -> Resource | None:
        block = self._blocks.get(match["label"])
        return block.interface.resources.get(_address(match)) if block else None

    def _relevant(
        self, match: re.Match[str], names: set[str], others: set[str], evidence: str
    ) -> Iterator[int]:
        """Yield the lines of a block that the evidence names: by an argument, address or value."""
        place = self._blocks[match["label"]].interface.resources[_address(match)].place
        text = self._text(place.path)
        for number in range(place.line + 1, block_end(text, place.line)):
            line = text[number - 1]
            key, literal = _KEY.match(line), _LITERAL.fullmatch(line)
            named = key is not None and key[1] in names
            named = named or (literal is not None and _has(evidence, literal[1]))
            if named or any(other in line for other in others):
                yield number
            elif any(word in names for word in _QUOTED.findall(line)):
                yield from (number, number + 1)  # A name; the line below has its value.

    def _excerpt(self, block: _Block, address: str, behind: set[int]) -> Excerpt:
        place = block.interface.resources[address].place
        text = self._text(place.path)
        end = block_end(text, place.line)
        numbers = range(place.line, end + 1)
        for_each = {n for n in numbers if text[n - 1].lstrip().startswith("for_each ")}
        visible = {place.line, *for_each, *behind, end} if behind else {place.line}
        lines = (Line(n, text[n - 1], n in behind) for n in sorted(visible))
        return Excerpt(address, place, tuple(lines), "" if behind else _WHOLE)

    def _section(self, block: _Block, excerpts: Sequence[Excerpt]) -> Excerpt:
        """Return the lines of the environment file for a module and the variables in excerpts."""
        text, document = self._text(self.path), self._environment.document
        where = block.use.where(block.instance)
        lines = (line for excerpt in excerpts for line in excerpt.lines)
        using = (line.text for line in lines if line.behind or "for_each" in line.text)
        names = {name for line in using for name in _VARIABLE.findall(line)}
        module = ("modules", block.use.name)
        visible = {
            document.position(path, key=True)[0]: False
            for path in (module, (*module, "version"), where)
        }
        for name in names & set(block.instance.inputs):
            first = document.position((*where, name), key=True)[0]
            visible |= dict.fromkeys(_nested(text, first), True)
        return Excerpt(
            ".".join(map(str, where)),
            Place(self.path, document.position(where, key=True)[0]),
            tuple(Line(n, text[n - 1], behind) for n, behind in sorted(visible.items())),
            "" if any(visible.values()) else _PIN,
        )

    def _text(self, path: PurePosixPath) -> list[str]:
        if path not in self._lines:
            self._lines[path] = self._files[path].decode(errors="replace").splitlines()
        return self._lines[path]


def block_end(lines: Sequence[str], first: int) -> int:
    """Return the line on which a block ends, in HCL that ``terraform fmt`` formatted."""
    after = range(first, len(lines))
    return next((n + 1 for n in after if lines[n].startswith("}")), first)


def scenario_steps(feature: str, line: int) -> tuple[str, ...]:
    """Return the steps of a scenario without ``Given the planned stack``, with their tables.

    ``feature`` is the text of a feature file. ``line`` is the line of a scenario, or of a row of
    an outline, whose values replace the placeholders.
    """
    lines = [text.strip() for text in feature.splitlines()]
    row = example_row(lines, line)
    start = line
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


def _has(text: str, value: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", text) is not None


def _nested(lines: Sequence[str], first: int) -> Iterator[int]:
    """Yield a line and up to six lines that are nested below it."""
    indent = len(lines[first - 1]) - len(lines[first - 1].lstrip())
    yield first
    for number in range(first + 1, min(first + _FEW, len(lines)) + 1):
        text = lines[number - 1]
        if not text.strip() or len(text) - len(text.lstrip()) <= indent:
            return
        yield number
