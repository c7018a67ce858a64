"""``finbase explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finbase.commands._project import pass_root
from finbase.console import completion
from finbase.console.speech import terminal_width

if TYPE_CHECKING:
    from finbase.report.explain import Catalogue


@click.command()
@click.argument("code", metavar="CODE|INPUT", shell_complete=completion.codes)
@pass_root
def explain(root: Path, code: str) -> None:
    """Explain a rule, a failure or an input: the requirement, the reason, sources and an example.

    CODE is the code of a message, such as FB207, or the id of a failure that `finbase check`
    printed, such as F01.

    \b
    Examples:
      finbase explain FB207
      finbase explain database.port
      finbase explain F01
    """
    from finbase.contract.registry import Registry
    from finbase.report import explain as report

    text = report.explain(code, Registry(root), load_catalogue(root), terminal_width())
    click.echo(text)


def load_catalogue(root: Path) -> Catalogue:
    """Load the failures of a project and the locations of their scenarios."""
    from finbase.judge.catalogue import load_failures
    from finbase.judge.features import read_feature
    from finbase.judge.frameworks import load_frameworks
    from finbase.judge.mutations import load_mutations
    from finbase.project.files import refuse_links
    from finbase.report.explain import Catalogue

    features = root / "features"
    refuse_links(features)
    if not (features / "failures.yaml").is_file():
        return Catalogue()
    scenarios: dict[str, list[str]] = {}
    for path in sorted(features.rglob("*.feature")):
        for scenario in read_feature(path).scenarios:
            for tag in scenario.tags:
                location = f"{path.relative_to(root)}:{scenario.line} {scenario.title}"
                scenarios.setdefault(tag, []).append(location)
    page = "docs/explanation/failures.md"
    return Catalogue(
        load_failures(features),
        scenarios,
        page if (root / page).is_file() else "",
        load_frameworks(features),
        lambda: load_mutations(features),
    )
