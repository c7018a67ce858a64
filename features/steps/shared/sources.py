"""Read the HCL of a stack, if it is available beside the plan.

A plan contains neither locals nor ``lifecycle``, and no functions around references. If the folder
of the plan file holds the stack's ``.tf`` files, this file reads them and those of the modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\ufeff]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<line>\n)
    |(?P<heredoc><<-?(?P<mark>(?:[\w-]|[^\x00-\x7f\s])+)[ \t\r]*\n)
    |(?P<word>(?:[\w-]|[^\x00-\x7f\s])+(?:\.(?:[\w*-]|[^\x00-\x7f\s])+)*|[=!<>]=|=>|&&|\|\||\.\.\.|.)""",
    re.DOTALL | re.VERBOSE,
)
_PLAIN = re.compile(r'[^"\\$%]+')
_OPEN, _CLOSED = "([{", ")]}"
_REFERENCE = re.compile(
    r"\b(var|local)\.([\w-]+)|\bmodule\.([\w-]+)(?: ?\[[^\]]*\] ?)?\. ?([\w-]+)"
)
_ESCAPED = re.compile(r"(?<!\\)\\(?:u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))")
_BARE = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_OVERRIDE = re.compile(r"(^|_)override\.tf$")
Path_ = tuple[str, ...]


class Block(NamedTuple):
    """One block: its labels, its arguments as normalised text, and the blocks inside it."""

    labels: tuple[str, ...]
    arguments: dict[str, str]
    blocks: list[Block]

    def of(self, *labels: str) -> Iterator[Block]:
        """Yield the blocks inside it that start with these labels."""
        for block in self.blocks:
            if block.labels[: len(labels)] == labels:
                yield block


class Sources:
    """The files of a stack and its modules, by the path of module calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[Path_, Block] = {}

    @property
    def available(self) -> bool:
        """Whether the folder holds the HCL of a stack."""
        return any(_visible(self._folder, "*.tf"))

    def resource(self, path: Path_, identity: str) -> Block | None:
        """Return the block of a resource in the module at a path of calls."""
        kind = "data" if identity.startswith("data ") else "resource"
        type_, _, name = identity.removeprefix("data ").partition(".")
        return next(self.module(path).of(kind, type_, name), None)

    def lifecycle(self, path: Path_, identity: str, name: str) -> list[str]:
        """Return what an argument of a resource's ``lifecycle`` lists, such as ignore_changes."""
        block = self.resource(path, identity)
        texts = [b.arguments.get(name, "") for b in (block.of("lifecycle") if block else ())]
        return [word for text in texts for word in re.findall(r"[a-z_]+[\w.]*", text)]

    def expression(self, path: Path_, what: str) -> str | None:
        """Return the text of ``local.name``, ``output.name`` or ``var.name`` in a module.

        ``ephemeral.type.name.argument`` is the text of an argument of an ephemeral block.
        """
        kind, _, name = what.partition(".")
        module = self.module(path)
        if kind == "ephemeral":
            labels, _, argument = name.rpartition(".")
            inner = next(module.of("ephemeral", *labels.split(".")), None)
            return inner.arguments.get(argument) if inner else None
        if kind == "local":
            return next(
                (b.arguments[name] for b in module.of("locals") if name in b.arguments), None
            )
        block = next(module.of("output" if kind == "output" else "variable", name), None)
        return block.arguments.get("value" if kind == "output" else "default") if block else None

    def way(self, path: Path_, text: str) -> Iterator[str]:
        """Yield an expression, and all expressions that its references lead to."""
        yield from (part for _, part in self.steps(path, text))

    def end(self, path: Path_, text: str) -> tuple[Path_, str]:
        """Return the last place and expression to which bare references lead, one after another.

        An expression that is more than a reference is the end.
        """
        last = path, text
        for step in self.steps(path, text):
            last = step
            if not _BARE.fullmatch(step[1]):
                break
        return last

    def steps(self, path: Path_, text: str) -> Iterator[tuple[Path_, str]]:
        """Yield an expression and all that its references lead to, each with its module."""
        seen: set[tuple[Path_, str]] = set()
        open_ = [(path, text)]
        while open_:
            item = open_.pop()
            if item not in seen:
                seen.add(item)
                yield item
                open_ += self._followed(*item)

    def _followed(self, path: Path_, text: str) -> Iterator[tuple[Path_, str]]:
        for kind, name, module, output in _REFERENCE.findall(text):
            if kind == "var" and path:
                call = next(self.module(path[:-1]).of("module", path[-1]), None)
                if call and name in call.arguments:
                    yield path[:-1], call.arguments[name]
                elif default := self.expression(path, f"var.{name}"):
                    yield path, default
            elif kind == "local":
                yield path, self.expression(path, f"local.{name}") or ""
            elif module:
                inside = (*path, module)
                yield inside, self.expression(inside, f"output.{output}") or ""

    def module(self, path: Path_) -> Block:
        """Return the blocks of all files of the module at a path of calls."""
        if path not in self._modules:
            folder = self.folder(path)
            files = _visible(folder, "*.tf") if folder else []
            overrides = [file for file in files if _OVERRIDE.search(file.name)]
            blocks = [b for f in files if f not in overrides for b in _read(f)]
            for block in (block for file in overrides for block in _read(file)):
                blocks = [_overridden(b, block) for b in blocks]
            self._modules[path] = Block((), {}, blocks)
        return self._modules[path]

    def unread(self, path: Path_) -> list[str]:
        """Return the files of a module that this class does not read: JSON, and OpenTofu's own."""
        folder = self.folder(path)
        patterns = ("*.tf.json", "*.tofu", "*.tofu.json")
        return [file.name for p in patterns for file in (_visible(folder, p) if folder else ())]

    def folder(self, path: Path_) -> Path | None:
        """Return the folder of the module at a path of calls; None if it is not local."""
        if not path:
            return self._folder
        parent = self.folder(path[:-1])
        call = next(self.module(path[:-1]).of("module", path[-1]), None)
        source = call.arguments.get("source", "").strip('"') if call else ""
        return parent / source if parent and source.startswith(".") else None


def _visible(folder: Path, pattern: str) -> list[Path]:
    """Return the files that Terraform reads: it skips hidden ones."""
    return sorted(file for file in folder.glob(pattern) if not file.name.startswith("."))


def _read(file: Path) -> list[Block]:
    return read(file.read_bytes().decode("utf-8"))


def _overridden(block: Block, other: Block) -> Block:
    """Return a block with what an override file changes in it, as Terraform merges them."""
    if block.labels != other.labels:
        return block
    if block.labels == ("locals",):
        return block._replace(
            arguments={name: other.arguments.get(name, v) for name, v in block.arguments.items()}
        )
    kept = []
    for inner in block.blocks:
        same = [o for o in other.blocks if o.labels[:1] == inner.labels[:1]]
        if inner.labels == ("lifecycle",):
            kept += [inner._replace(arguments=inner.arguments | o.arguments) for o in same[:1]]
        if not same:
            kept.append(inner)
    new = [o for o in other.blocks if o.labels != ("lifecycle",) or not any(block.of("lifecycle"))]
    return Block(block.labels, block.arguments | other.arguments, kept + new)


@lru_cache(maxsize=256)
def read(text: str) -> list[Block]:
    """Return the blocks of an HCL file.

    >>> read('resource "a" "b" {\\n  c = 1 # d\\n}')
    [Block(labels=('resource', 'a', 'b'), arguments={'c': '1'}, blocks=[])]
    """
    return _body(list(_tokens(text)), 0)[0].blocks


def normalised(text: str) -> str:
    """Return an expression with one space between its parts, and without commas.

    >>> normalised("merge(a.b,\\n  { c = d })")
    'merge ( a.b { c = d } )'
    """
    return " ".join(words(text))


def words(text: str) -> list[str]:
    """Return the parts of an expression, without commas and line breaks; a text is one part.

    >>> words('concat([a.b], "c d")')
    ['concat', '(', '[', 'a.b', ']', '"c d"', ')']
    """
    return [token for token in _tokens(text) if token not in ("\n", ",")]


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        if text[position] == '"':
            end = _end_of_string(text, position + 1)
            yield text[position:end]
            position = end
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            return
        if match["heredoc"]:
            end = _end_of_heredoc(text, match.end(), match["mark"])
            yield text[position:end]
            position = end
            continue
        if match["line"] or match["word"]:
            yield match[0]
        position = match.end()


def _end_of_string(text: str, position: int) -> int:
    """Return the position after a string, which may contain ``${...}`` with strings inside."""
    while position < len(text) and text[position] != '"':
        plain = _PLAIN.match(text, position)
        position = plain.end() if plain else _end_of_part(text, position, escapes=True)
    return position + 1


def _end_of_heredoc(text: str, position: int, mark: str) -> int:
    """Return the end of the line before which a heredoc ends; a template hides its marks."""
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if text[position:end].strip() == mark:
            return end
        while position < len(text) and text[position] != "\n":
            position = _end_of_part(text, position, escapes=False)
        position += 1
    return len(text)


def _end_of_part(text: str, position: int, *, escapes: bool) -> int:
    """Return the position after a character, an escape or a template."""
    if text.startswith(("$${", "%%{"), position):
        return position + 3
    if text.startswith(("${", "%{"), position):
        return _end_of_template(text, position + 2)
    return position + (2 if escapes and text[position] == "\\" else 1)


def _end_of_template(text: str, position: int) -> int:
    depth = 1
    while position < len(text) and depth:
        if text[position] == '"':
            position = _end_of_string(text, position + 1)
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            return len(text)
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        position = match.end()
        if match["heredoc"]:
            position = _end_of_heredoc(text, position, match["mark"])
    return position


def _character(match: re.Match[str]) -> str:
    """Return the character of an escape: a label may have characters by their numbers."""
    return chr(int(match[1] or match[2], 16))


def _body(tokens: list[str], at: int) -> tuple[Block, int]:
    """Read arguments and blocks until the closing brace."""
    arguments: dict[str, str] = {}
    blocks: list[Block] = []
    while at < len(tokens) and tokens[at] != "}":
        if tokens[at] == "\n":
            at += 1
            continue
        labels = []
        while at < len(tokens) and tokens[at] not in ("=", "{", "\n", "}"):
            labels.append(_ESCAPED.sub(_character, tokens[at].strip('"')))
            at += 1
        if at < len(tokens) and tokens[at] == "=":
            text, at = _expression(tokens, at + 1)
            arguments[labels[0] if labels else ""] = text
        elif at < len(tokens) and tokens[at] == "{":
            inner, at = _body(tokens, at + 1)
            blocks.append(inner._replace(labels=tuple(labels)))
            at += 1
    return Block((), arguments, blocks), at


def _expression(tokens: list[str], at: int) -> tuple[str, int]:
    parts: list[str] = []
    depth = 0
    while at < len(tokens):
        token = tokens[at]
        if not depth and token in ("\n", "}"):
            break
        depth += (token in _OPEN) - (token in _CLOSED)
        if token not in ("\n", ","):
            parts.append(token)
        at += 1
    return " ".join(parts), at
