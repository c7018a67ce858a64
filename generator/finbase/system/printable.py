"""Text of other people, such as names of files and lines of YAML, made safe to print.

A terminal obeys control characters, a reader is misled by text that runs from right to left or has
no width, and a runner of CI obeys commands in what a job prints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_INVISIBLE = "\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_TAGS = "\U000e0000-\U000e0fff"
# Compiled when they are first used: most text is plain.
_UNSAFE = rf"[\x00-\x08\x0b-\x1f{_INVISIBLE}{_TAGS}]"
_UNSAFE_IN_NAME = rf"[\x00-\x1f{_INVISIBLE}{_TAGS}]"
# The colours of finbase itself: bold, dim, the eight colours, and their end.
_STYLE = re.compile(r"(\x1b\[(?:0|1|2|3[0-7])(?:;(?:1|2|3[0-7]))*m)")
_COMMAND = re.compile(r"##(?=\[|vso\[)|^(?=\s*::)(\s*:)", re.MULTILINE)


def printable(text: str) -> str:
    r"""Escape the characters that a terminal obeys or does not show; keep lines and colours.

    >>> printable("a\x1b]0;title\x07\u202eb\n\x1b[31mred\x1b[0m")
    'a\\u001b]0;title\\u0007\\u202eb\n\x1b[31mred\x1b[0m'
    """
    if text.isascii() and text.isprintable():
        return text
    parts = _STYLE.split(text)
    parts[::2] = [re.sub(_UNSAFE, _escape, part) for part in parts[::2]]
    return "".join(parts)


def printable_name(name: object) -> str:
    r"""Escape a name so that it stays on one line.

    >>> printable_name("main.tf\n::error::x")
    'main.tf\\u000a::error::x'
    """
    text = str(name)
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_UNSAFE_IN_NAME, _escape, text)


def is_ci(environ: Mapping[str, str]) -> bool:
    """Return whether a runner of CI reads what is printed."""
    return any(environ.get(name) for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"))


def without_commands(text: str, environ: Mapping[str, str]) -> str:
    """Separate the signs by which a runner of CI recognises a command; elsewhere return the text.

    >>> without_commands("::error::x ##[error]", {"CI": "true"})
    ': :error::x # #[error]'
    """
    if not is_ci(environ):
        return text
    return _COMMAND.sub(lambda match: f"{match[1]} " if match[1] else "# #", text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # As in JSON.
