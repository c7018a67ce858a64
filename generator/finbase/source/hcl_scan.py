"""Read the blocks and attributes of HCL text without evaluating it.

Strings, templates, heredocs and comments are skipped as wholes, so a brace or a keyword in them
is not taken for one of the configuration. Invalid HCL is read as far as it makes sense: Terraform
reports the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    # Possessive: what a comment contains is never read as code.
    r"(?:(?:[^\S\n]|\ufeff)++|(?:\#|//)[^\n]*+|/\*(?s:.*?)(?:\*/|\Z))*+"
    r"(?:(?P<newline>\n)"
    r"|(?P<heredoc><<-?(?P<tag>(?:[\w-]|[^\x00-\x7f\s])+)[^\S\n]*\n)"
    r"|(?P<word>(?:[\w-]|[^\x00-\x7f\s])+)"
    r'|(?P<string>")'
    r"|(?P<mark>[^\s]))"
)
# The next attribute, with nothing in its value that needs a second look, as most are.
_PLAIN_LINE = re.compile(
    r"\s*+([\w-]+)[^\S\n]*=[^\S\n]*"
    r'("[^"\\$%\n]*"|[\w.-]+|\[\s*(?:"[^"\\$%\n]*",?\s*)*+\])[^\S\n]*(?=\n)',
    re.ASCII,
)
_ESCAPED = re.compile(r"(?<!\\)\\(?:u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))")
_PLAIN_IN_STRING = re.compile(r'[^"\\$%\n]+')
_PLAIN_IN_HEREDOC = re.compile(r"[^$%\n]+")
_PART_END = "\n}\n"
_PLAIN_STRING = re.compile(r'"((?:[^"\\$%\n]|[$%](?!\{))*)"')


@dataclass
class Block:
    """A block, or a whole file, which has neither type nor labels.

    ``attributes`` has the text of each expression, ``spans`` where each attribute starts and ends.
    ``start`` and ``end`` are the offsets of the whole block, ``body`` that of the text in braces.
    """

    type: str = ""
    labels: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    text: str = ""
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    start: int = 0
    body: int = 0
    end: int = 0

    def walk(self, type_: str) -> Iterator[Block]:
        """Yield the blocks of a type, at any depth."""
        for block in self.blocks:
            if block.type == type_:
                yield block
            yield from block.walk(type_)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


@lru_cache(maxsize=8192)  # Each command reads the stacks twice; of a thousand, few parts differ.
def scan(text: str) -> Block:
    """Return the blocks and attributes of a file, which all callers share: do not change them.

    >>> file = scan('module "a" {\\n  source = "./a" # }\\n}\\n')
    >>> [(block.type, block.labels, block.attributes) for block in file.blocks]
    [('module', ('a',), {'source': '"./a"'})]
    """
    file = Block(text=text, end=len(text))
    open_blocks, header, position = [file], list[_Token](), 0
    while True:
        block = open_blocks[-1]
        if not header and (line := _PLAIN_LINE.match(text, position)):
            block.attributes[line[1]] = line[2]
            block.spans[line[1]] = (line.start(1), line.end(2))
            position = line.end()
            continue
        if (token := _token(text, position)) is None:
            break
        position = token.end
        if token.text == "}":
            _close(open_blocks, text, token.start, token.end)
            header = []
        elif token.text == "{" and header:
            labels = tuple(_label(part.text) for part in header[1:])
            inner = Block(header[0].text, labels, start=header[0].start, body=token.end)
            block.blocks.append(inner)
            open_blocks.append(inner)
            header = []
        elif token.text == "=" and len(header) == 1:
            end, last = _expression_end(text, token.end)
            block.attributes[header[0].text] = text[token.end : end].strip()
            block.spans[header[0].text] = (header[0].start, end)
            header = []
            position = last.end if last else len(text)
            if last and last.text == "}":
                _close(open_blocks, text, end, last.end)
        elif token.kind == "word" or (token.kind == "string" and header):
            header.append(token)
        else:
            header = []
    while len(open_blocks) > 1:
        _close(open_blocks, text, len(text), len(text))
    return file


def scan_parts(text: str) -> tuple[Block, ...]:
    """Return the scans of the parts of a file, which end behind a block: stacks share most parts.

    Their blocks are those of the file, with offsets in the part. What follows a line with a brace
    that ends no block of the file, as in a heredoc, is one part.

    >>> [file.text for file in scan_parts("a {\\n}\\nb {\\n}\\n/*\\n}\\nc {\\n}\\n*/")]
    ['a {\\n}\\n', 'b {\\n}\\n', '/*\\n}\\nc {\\n}\\n*/']
    """
    start = text.find("\n") + 1 if text.startswith("#") else 0  # It names the environment.
    first = (scan(text[:start]),) if start else ()
    return (*first, *_parts(text[start:]))


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[Block, ...]:
    start, parts = 0, list[Block]()
    while (brace := text.find(_PART_END, start)) >= 0:
        part = scan(text[start : brace + len(_PART_END)])
        if not part.blocks or part.blocks[-1].end != len(part.text) - 1:
            break
        parts.append(part)
        start = brace + len(_PART_END)
    if start < len(text):
        parts.append(scan(text[start:]))
    return tuple(parts)


@lru_cache(maxsize=1024)
def code_of(text: str, *, texts: bool = False) -> str:
    """Return the tokens of a text, without comments; without ``texts``, plain texts are empty.

    >>> code_of('a = file("x") + "${b}" # file("y")')
    'a = file ( "" ) + "${b}"'
    """
    tokens = (token for token in _tokens(text, 0) if token.kind != "newline")
    return " ".join('""' if _is_plain(token) and not texts else token.text for token in tokens)


def _is_plain(token: _Token) -> bool:
    return token.kind in ("string", "heredoc") and "${" not in token.text and "%{" not in token.text


def string_value(expression: str) -> str | None:
    """Return the value of a string without templates and escapes, else None.

    >>> string_value('"../network"'), string_value('"${path.module}/x"'), string_value("local.x")
    ('../network', None, None)
    """
    match = _PLAIN_STRING.fullmatch(expression)
    return match[1] if match else None


def quoted(value: object) -> str:
    """Return the literal of a string, without templates.

    >>> print(quoted('a"${b}'))
    "a\\"$${b}"
    """
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("${", "$${").replace("%{", "%%{")}"'


def _label(text: str) -> str:
    r"""Return the text of a label, which may have characters by their numbers.

    >>> _label('"\u0061ws"'), _label("aws")
    ('aws', 'aws')
    """
    text = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
    return string_value(text) or text


def _close(open_blocks: list[Block], text: str, body_end: int, end: int) -> None:
    """Close the innermost block; the file itself stays open."""
    if len(open_blocks) > 1:
        block = open_blocks.pop()
        block.text, block.end = text[block.body : body_end], end


def _expression_end(text: str, start: int) -> tuple[int, _Token | None]:
    """Return where an expression ends, and the line break or brace behind it, if any."""
    depth, end = 0, start
    for token in _tokens(text, start):
        if depth == 0 and (token.kind == "newline" or token.text == "}"):
            return end, token
        if token.kind == "mark":
            depth += (token.text in "([{") - (token.text in ")]}")
        if token.kind != "newline":
            end = token.end
    return end, None


def _tokens(text: str, start: int) -> Iterator[_Token]:
    """Yield all tokens but spaces and comments."""
    while token := _token(text, start):
        yield token
        start = token.end


def _token(text: str, start: int) -> _Token | None:
    """Return the first token at or behind an offset, or None at the end of the text."""
    match = _TOKEN.match(text, start)
    if match is None:
        return None
    kind, end = match.lastgroup or "", match.end()
    if kind == "heredoc":
        end = _heredoc_end(text, end, match["tag"])
    elif kind == "string":
        end = _string_end(text, end)
    first = match.start(kind)
    return _Token(kind, text[first:end], first, end)


def _string_end(text: str, start: int) -> int:
    while start < len(text) and text[start] not in '"\n':
        plain = _PLAIN_IN_STRING.match(text, start)
        start = plain.end() if plain else _character_end(text, start, escapes=True)
    return min(start + (text[start : start + 1] == '"'), len(text))


def _heredoc_end(text: str, start: int, tag: str) -> int:
    """Return the end of the line before which a heredoc that starts at ``start`` ends."""
    while start < len(text):
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        if text[start:line_end].strip() == tag:
            return line_end
        while start < len(text) and text[start] != "\n":
            plain = _PLAIN_IN_HEREDOC.match(text, start)
            start = plain.end() if plain else _character_end(text, start, escapes=False)
        start += 1
    return len(text)


def _character_end(text: str, start: int, *, escapes: bool) -> int:
    """Return the end of a character, an escape or a template that starts at ``start``."""
    if text.startswith(("$${", "%%{"), start):
        return start + 3
    if text.startswith(("${", "%{"), start):
        depth = 1
        for token in _tokens(text, start + 2):
            if token.kind == "mark":
                depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                return token.end
        return len(text)
    return start + (2 if escapes and text[start] == "\\" else 1)
