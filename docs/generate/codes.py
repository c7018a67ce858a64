"""Every code that an error or a note may carry, and where more is said of it."""

from __future__ import annotations

from docs.generate.markdown import code, slug, table
from docs.generate.markdown import page as joined
from finbase.codes import TITLES
from finbase.environment import rules

__all__ = ["page"]

_INTRODUCTION = """# Codes

A code stands in brackets at the end of a message, as in

```text
environments/production.yaml:28:20: `database.port` must be from 1150 to 65535, not 1000 [FB135]
```

A code never changes its meaning. `finbase explain FB135` tells of one on the terminal;
[the rules](../rules.md) have all of them with reason, source and examples."""


def page() -> str:
    """All codes in Markdown, by number."""
    own = {rule.code: rule for rule in rules.RULES}
    rows = []
    for number, title in sorted(rules.TITLES.items()):
        if number in TITLES:
            kind, anchor = "error, exit code 2", "reading"
        else:
            kind = "note" if own[number].note else "error, exit code 2"
            anchor = slug(f"{number}: {title}")
        rows.append((f"[{code(number)}](../rules.md#{anchor})", kind, title))
    return joined(_INTRODUCTION, table(("code", "kind", "what"), rows))
