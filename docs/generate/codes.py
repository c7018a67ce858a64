"""Generate the list of all codes of errors and notes."""

from __future__ import annotations

from docs.generate.markdown import page as joined
from docs.generate.markdown import slug
from finbase import codes
from finbase.environment.rules.index import RULES, TITLES
from finbase.render.markdown import code, table

_INTRODUCTION = """# Codes

After this page, you can find out what the code of a message means.

Messages end with a code in brackets:

```text
environments/production.yaml:28:20: `database.port` must be from 1150 to 65535, not 1000 [FB135]
```

A code never changes its meaning. `finbase explain FB135` explains it in the terminal.
[The rules](rules.md) list every code with its reason, source and examples."""


_OF_A_CHANGE = frozenset(
    {
        codes.SMALLER_STORAGE,
        codes.OTHER_VERSION,
        codes.NO_IOPS,
        codes.REPLICAS_STAY_SMALL,
        codes.SEVERAL_SETTINGS,
        codes.NO_RESET,
    }
)
"""The codes of changes that AWS refuses."""


def page() -> str:
    """Return the page of all codes, ordered by number."""
    own = {rule.code: rule for rule in RULES}
    rows = []
    for number, title in sorted(TITLES.items()):
        if number not in own:
            # `finbase diff` finds what AWS refuses in a change; the file itself is valid.
            kind = "finding, exit code 1" if number in _OF_A_CHANGE else "error, exit code 2"
            anchor = "reading"
        else:
            kind = "note" if own[number].note else "error, exit code 2"
            anchor = slug(f"{number}: {title}")
        rows.append((f"[{code(number)}](rules.md#{anchor})", kind, title))
    return joined(_INTRODUCTION, table(("code", "kind", "meaning"), rows))
