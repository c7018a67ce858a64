"""``finbase evidence``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click
from click.shell_completion import CompletionItem

from finbase.commands._account import allow_not_shown_option, left_to_account
from finbase.commands._judging import judge
from finbase.commands._project import gather, pass_root
from finbase.commands._rendered import require_released_controls
from finbase.commands._shown import Members, framework_option
from finbase.console import completion
from finbase.console.options import (
    FOUND,
    OutputFile,
    environment_argument,
    input_option,
    own_catalogue_option,
    plan_option,
)
from finbase.console.speech import echo, is_quiet

_ASK = "do not rely on it; get the bundle and the public key again from where they were made"


class _WithDefault(click.Group):
    """A group whose first argument may be an environment: then its default command runs."""

    default = "create"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default command."""
        own = {flag for parameter in self.get_params(ctx) for flag in parameter.opts}
        if args and args[0] not in {*self.commands, *own}:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete commands and environments."""
        command = self.commands[self.default]
        names = completion.environments(ctx, command.params[0], incomplete)
        return names + super().shell_complete(ctx, incomplete)


@click.group(cls=_WithDefault)
def evidence() -> None:
    """Bundle the evidence on an environment in one signed archive, and verify such archives.

    \b
    Examples:
      finbase evidence production --output bundle.zip --key key.pem
      finbase evidence verify bundle.zip --public-key key.pub.pem
    """


@evidence.command()
@environment_argument
@click.option(
    "--output",
    metavar="FILE",
    type=OutputFile(),
    required=True,
    help="Write the bundle to this file.",
)
@input_option("key", "Sign with this Ed25519 private key, in PEM.")
@click.option(
    "--unsigned", is_flag=True, help="Do not sign; let the CI system attest the bundle instead."
)
@input_option("previous", "Name the previous bundle, and show in the report what changed since.")
@plan_option("Judge this plan (from `terraform show -json`) instead of making one.")
@input_option("proof", "Include this proof matrix (from `finbase prove --json`).")
@input_option(
    "drift", "Include this comparison with the running stack (from `finbase drift --json`)."
)
@input_option("rehearsal", "Include this rehearsal (from `finbase rehearse --json`).")
@framework_option(
    "Show the requirements of this standard or law in the report, as `finbase check` does."
)
@allow_not_shown_option
@own_catalogue_option
@gather("inputs", Members)
@pass_root
def create(
    root: Path,
    environment: str,
    output: BinaryIO,
    inputs: Members,
    unsigned: bool,
    plan_file: Path | None,
    allow_not_shown: bool,
    own_catalogue: bool,
) -> None:
    """Check an environment, and write the verdict and what it is about as one archive.

    The archive holds the HTML report, the verdict and the facts of the plan as JSON, assessment
    results in OSCAL, a bill of materials in CycloneDX, the lock files, and a statement with the
    hash of each. The same plan and the same time make the same bytes. Exits with 1 if a control
    fails; the archive is written even then.

    \b
    Examples:
      finbase evidence create production --output bundle.zip --key key.pem
      finbase evidence create production --output bundle.zip --unsigned --previous last.zip
    """
    from finbase.commands._bundle import Bundler
    from finbase.report import terminal

    if (inputs.key_file is None) != unsigned:
        raise click.UsageError("choose either --key FILE or --unsigned")
    if allow_not_shown and plan_file:
        raise click.UsageError("--plan and --allow-not-shown are mutually exclusive")
    require_released_controls(root, own=own_catalogue)
    supplied = plan_file is not None
    bundler = Bundler.start(root, environment, output, inputs, supplied=supplied)
    remarks: list[str] = []
    (verdict,) = judge(root, plan_file, (environment,), bundler.evidence.keep, remarks)
    digest = bundler.write(verdict)
    to = sys.stderr if output.name == "<stdout>" else sys.stdout
    if not (verdict.passed and is_quiet()):
        echo(terminal.text(verdict, colour=False, width=100, remarks=remarks), file=to)
        echo(f"{output.name}: sha256 {digest}", file=to)
    left = left_to_account(root, [verdict], to, allowed=allow_not_shown)
    if not (verdict.passed or left):
        sys.exit(FOUND)


@evidence.command()
@click.argument("bundles", metavar="BUNDLE...", nargs=-1, required=True, type=click.File("rb"))
@click.option(
    "--public-key",
    "key_file",
    metavar="FILE",
    type=click.File("rb"),
    help="Require the signature of this Ed25519 key, in PEM.",
)
@click.option(
    "--unsigned", is_flag=True, help="Compare an unsigned bundle with its own statement only."
)
def verify(bundles: tuple[BinaryIO, ...], key_file: BinaryIO | None, unsigned: bool) -> None:
    """Verify every byte of bundles, without a network and without a project.

    Several bundles must be a chain, the oldest first: each names the one before it. Exits with 1 if
    a bundle was changed, if another key signed it, or if the chain is broken.

    \b
    Examples:
      finbase evidence verify bundle.zip --public-key key.pub.pem
      finbase evidence verify may.zip june.zip july.zip --public-key key.pub.pem
    """
    import hashlib

    from finbase.report.bundle.archive import AlteredError
    from finbase.report.bundle.statement import read_public_key
    from finbase.report.bundle.statement import verify as verify_bundle

    if (key_file is None) != unsigned:
        raise click.UsageError("choose either --public-key FILE or --unsigned")
    key = read_public_key(key_file.read(), key_file.name) if key_file else None
    lines: list[str] = []
    before = ""
    for number, file in enumerate(bundles):
        data = file.read()
        try:
            bundle = verify_bundle(data, key)
            if number and bundle.previous != before:
                raise AlteredError(
                    f"it does not name {bundles[number - 1].name} as the previous one"
                )
        except AlteredError as error:
            echo(f"{file.name}: not valid: {error}\n    hint: {_ASK}", file=sys.stderr)
            sys.exit(FOUND)
        before = hashlib.sha256(data).hexdigest()
        predicate = bundle.statement["predicate"]
        signed = f"signed by {bundle.key}" if key else "not signed"
        lines += [
            f"{file.name}: valid, {signed}",
            f"  {predicate['environment']}: {predicate['result']}, made {predicate['made']}",
            f"  sha256 {before}, previous {bundle.previous or 'none'}",
        ]
    if not is_quiet():
        echo("\n".join(lines))
