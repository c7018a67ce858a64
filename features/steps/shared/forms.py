"""Recognise the few forms of an expression that pass a value on unchanged.

A list of functions that change a value is never complete: operators, conditions in texts, heredocs
and loops change it as well. So everything fails that is not one of these forms::

    aws_x.y.id   aws_x.y[each.key].id   var.x   module.m.x   "${aws_x.y.id}"   (aws_x.y.id)
    aws_x.y[split("/", each.key)[0]].id

and for a list or a map also::

    [aws_x.y.id, …]   [for item in aws_x.y : item.id]   {for key, item in aws_x.y : key => item.id}
    aws_x.y[*].id   values(aws_x.y)[*].id   concat(…)   sort(…)   toset(…)   slice(…, 0, 3)
"""

from __future__ import annotations

import re
from collections.abc import Collection

_REFERENCE = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)+")
_IN_TEXT = re.compile(r'"\$\{ *([^{}"]+?) *\}"')
_KEY = re.compile(r'"(?:[^"\\$%]|\\.)*"|\d+|each\.key|count\.index')
_FIRST = ["split", "(", '"/"', "each.key", ")", "[", "0", "]"]
"""The tokens of the part of a key before a slash."""
_LISTS = ("concat", "sort", "toset", "tolist", "values", "distinct", "one", "compact", "flatten")
_NUMBERS = re.compile(r"\d+|min|max|length|,|[()]")


class _ChangedError(Exception):
    """An expression is none of the forms; the message is the part that changes the value."""


def changed(tokens: Collection[str], attributes: Collection[str], *, many: bool = False) -> str:
    """Return the part of an expression that changes a value on its way; empty if none does.

    ``tokens`` are those of ``sources.tokens``, ``attributes`` the names that may follow an item of
    a collection. ``many`` allows the forms of lists and maps.

    >>> changed(["aws_x.y", "[", "each.key", "]", ".", "id"], ["id"])
    ''
    >>> changed(["aws_x.y.id", "==", "null"], ["id"])
    '=='
    >>> changed(["aws_x.y", "[", *_FIRST, "]", ".", "id"], ["id"])
    ''
    >>> changed(["[", "for", "s", "in", "aws_x.y", ":", "s.arn", "]"], ["id"], many=True)
    '.arn'
    """
    reader = _Reader([*tokens], {*attributes}, many)
    try:
        reader.value()
        reader.end()
    except _ChangedError as error:
        return str(error)
    return ""


_JOINING = (
    *("jsonencode", "concat", "merge", "toset", "tolist", "tomap", "sort", "values", "keys"),
    *("flatten", "distinct", "compact", "one", "base64encode"),
)
_SIGNS = re.compile(r"[][{}().:=,*]|=>|\.\.\.")
_TEMPLATE = re.compile(
    r"(?<!\$)\$\{ *[A-Za-z_][\w-]*(?:\.[\w-]+|\[(?:\"[^\"]*\"|\d+|each\.key|count\.index)\])+ *\}"
)


def odd(tokens: Collection[str]) -> str:
    """Return the part of an expression that may hide a text: none if it only joins what it holds.

    >>> odd(["jsonencode", "(", "{", "a", "=", '"x-${var.b}"', "}", ")"])
    ''
    >>> odd(['"${substr(var.a, 0, 0)}x"']), odd(["var.a", "?", "1", ":", "2"])
    ('"${substr(var.a, 0, 0)}x"', '?')
    """
    words = [*tokens]
    for at, word in enumerate(words):
        called = words[at + 1 : at + 2] == ["("]
        if word.startswith(('"', "<<")):
            rest = _TEMPLATE.sub("", word).replace("$${", "").replace("%%{", "")
            if "${" in rest or "%{" in rest:
                return word
        elif called and re.match(r"[A-Za-z_]", word):
            if word not in _JOINING:
                return word
        elif word == "if" or not (_SIGNS.fullmatch(word) or re.match(r"[\w-]", word)):
            return word
    return ""


def literals(tokens: Collection[str]) -> list[str]:
    """Return the texts of an expression without the references in them.

    >>> literals(['"${aws_x.y.arn}/a"', "var.b"])
    ['/a']
    """
    return [_TEMPLATE.sub("", word).strip('"') for word in tokens if word.startswith(('"', "<<"))]


def pieces(tokens: Collection[str]) -> list[tuple[str, str]] | None:
    """Return the reference and the text after it of each text in a list; None for other forms.

    A text without a reference has an empty one.

    >>> pieces(["[", '"${aws_x.y.arn}:*"', "var.z", '"a"', "]"])
    [('aws_x.y.arn', ':*'), ('var.z', ''), ('', 'a')]
    >>> pieces(["[", "lower", "(", "var.z", ")", "]"]) is None
    True
    """
    inner = [*tokens]
    if inner[:1] == ["["] and inner[-1:] == ["]"]:
        inner = inner[1:-1]
    found = [_piece(word) for word in inner]
    return None if None in found else [piece for piece in found if piece]


def _piece(word: str) -> tuple[str, str] | None:
    if _REFERENCE.fullmatch(word):
        return word, ""
    text = re.fullmatch(r'"(?:\$\{ *([\w.-]+) *\})?((?:[^"$%\\]|\\.)*)"', word)
    reference = text[1] or "" if text else ""
    if not text or (reference and not _REFERENCE.fullmatch(reference)):
        return None
    return reference, text[2]


def _with_keys(tokens: list[str]) -> list[str]:
    """Return tokens with the first part of a key as the key itself."""
    for at in range(len(tokens) - len(_FIRST), -1, -1):
        if tokens[at : at + len(_FIRST)] == _FIRST:
            tokens = [*tokens[:at], "each.key", *tokens[at + len(_FIRST) :]]
    return tokens


class _Reader:
    def __init__(self, tokens: list[str], attributes: set[str], many: bool) -> None:
        self._tokens, self._attributes, self._many = _with_keys(tokens), attributes, many
        self._at = 0

    def value(self) -> None:
        """Read one form."""
        word = self._take()
        if word == "(":
            self.value()
            self._expect(")")
        elif text := _IN_TEXT.fullmatch(word):
            self._inner(text[1])
        elif word in ("[", "{") and self._peek() == "for" and self._many:
            self._loop(word)
        elif word == "{" and self._many:
            self._fields()
        elif word == "[" and self._many:
            while self._peek() != "]":
                self.value()
            self._expect("]")
            self._selection(of_list=True)
        elif word in _LISTS and self._peek() == "(" and self._many:
            self._take()
            while self._peek() != ")":
                self.value()
            self._expect(")")
            self._selection(of_list=True)
        elif word == "slice" and self._peek() == "(" and self._many:
            self._slice()
        elif _REFERENCE.fullmatch(word) and self._peek() != "(":
            self._selection()
        else:
            raise _ChangedError(word)

    def end(self) -> None:
        """Require that nothing follows."""
        if self._at < len(self._tokens):
            raise _ChangedError(self._tokens[self._at])

    def _inner(self, text: str) -> None:
        words = re.findall(r'"(?:\\.|[^"\\])*"|[\w-]+(?:\.[\w-]+)*|\S', text)
        if wrong := changed(words, self._attributes):
            raise _ChangedError(wrong)

    def _selection(self, *, of_list: bool = False) -> None:
        """Read keys and attributes after a value: ``[each.key].id``, ``[*].id``.

        Commas are gone, so in a list a key must be followed by an attribute: otherwise it is the
        next item, ``concat(aws_x.y, ["a"])``.
        """
        while self._peek() in ("[", "."):
            if self._peek() == ".":
                self._take()
                self._take()
                continue
            key, closed, after = (self._ahead(n) for n in (1, 2, 3))
            splat = key == "*" and self._many
            plain = _KEY.fullmatch(key) and not of_list and (after == "." or not self._many)
            if closed != "]" or not (splat or plain):
                if self._many:
                    return
                raise _ChangedError(f"[{key}]")
            self._at += 3
            if splat and self._peek() == ".":
                self._take()
                self._attribute(self._take())

    def _loop(self, opened: str) -> None:
        """Read the rest of a loop whose body is the wanted attribute of each item, and no other."""
        self._expect("for")
        names = []
        while self._peek() not in ("in", ""):
            names.append(self._take())
        self._expect("in")
        self.value()
        self._expect(":")
        if opened == "{":
            if self._take() != names[0]:
                raise _ChangedError("for")
            self._expect("=>")
        item, _, attribute = self._take().partition(".")
        if item != names[-1]:
            raise _ChangedError(item)
        if attribute:
            self._attribute(attribute)
        self._expect("]" if opened == "[" else "}")
        self._selection(of_list=True)

    def _fields(self) -> None:
        """Read the rest of an object whose fields are such values."""
        while self._peek() != "}":
            self._take()
            self._expect("=")
            self.value()
        self._expect("}")
        self._selection(of_list=True)

    def _attribute(self, name: str) -> None:
        if name not in self._attributes:
            raise _ChangedError(f".{name}")

    def _slice(self) -> None:
        """Read ``slice(list, 0, n)``: a part of a list is unchanged where a part is allowed."""
        self._expect("(")
        self.value()
        depth = 1
        while depth:
            word = self._take()
            if not _NUMBERS.fullmatch(word) and not _REFERENCE.fullmatch(word):
                raise _ChangedError(word)
            depth += (word == "(") - (word == ")")

    def _peek(self) -> str:
        return self._ahead(0)

    def _ahead(self, count: int) -> str:
        at = self._at + count
        return self._tokens[at] if at < len(self._tokens) else ""

    def _take(self) -> str:
        word = self._peek()
        if not word:
            raise _ChangedError("…")
        self._at += 1
        return word

    def _expect(self, word: str) -> None:
        if self._take() != word:
            raise _ChangedError(self._tokens[self._at - 1])
