"""The text of the issue about drift. The pipelines contain what follows this comment."""

import re
from bisect import bisect_right
from itertools import accumulate


def section(name: str, text: str, most: int, where: str) -> str:
    """Return a report in at most ``most`` bytes: its first findings, and its summary.

    Whole lines are left off, and whole findings if one fits at all.
    """
    lines = text.splitlines()
    ends = [at for at, line in enumerate(lines) if line.startswith(f"{name}: ")]
    end = ends[-1] if ends else len(lines)
    starts = [at for at, line in enumerate(lines[:end]) if re.match(r"FAIL\b|  \S", line)]
    sizes = [0, *accumulate(len(line.encode()) + 5 for line in lines)]
    room = most - (sizes[-1] - sizes[end]) - len(where) - 200
    kept, note = end, ""
    if sizes[end] > room:
        fits = max(bisect_right(sizes, room) - 1, 0)
        kept = max((at for at in starts if 0 < at <= fits), default=fits)
        in_part = kept not in starts and any(at < kept for at in starts)
        left = sum(at >= kept for at in starts) + in_part
        note = f"**{left} more, in whole or in part**: {where} has the whole report.\n\n"
    shown, summary = (
        "".join(f"    {line}\n" for line in part) + "\n" * bool(part)
        for part in (lines[:kept], lines[end:])
    )
    if note:
        return f"## {name}\n\n{shown}{note}{summary}"
    return f"## {name}\n\n{shown.removesuffix(chr(10))}{summary}"


def body(reports: list[tuple[str, str | None]], most: int, run: str, where: str) -> str:
    """Return the reports of all environments in at most ``most`` bytes; None stands for none."""
    share = max((most - 500) // max(len(reports), 1), 3000)
    written = ""
    for number, (name, text) in enumerate(reports):
        if text is None:
            part = f"## {name}\n\nNot compared, because its job failed: {run}\n\n"
        else:
            part = section(name, text, share, where.replace("NAME", name))
        if len((written + part).encode()) > most - 500:
            return f"{written}**{len(reports) - number} more environments**: {run}\n"
        written += part
    return written
