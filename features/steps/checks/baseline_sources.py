"""Steps about the providers of a stack, and about programs that run during an apply."""

from __future__ import annotations

from collections.abc import Iterator

from findings import Finding, check, rendered
from kinds import listed
from stack_graph import Stack

_BUILT_IN = "terraform.io/builtin/terraform"


@check("the only provider of the stack is {source:PROPERTY}", "other provider")
def one_provider(stack: Stack, source: str) -> Iterator[Finding]:
    """Look at every configured provider, and at the provider of every resource and data source.

    Of a stack that finbase did not render, only another provider is a finding: otherwise the plan
    of any stack would have something that passes.
    """
    names = {name for name, _ in stack.providers()} | {*stack.used_providers()}
    for name in sorted(names - {_BUILT_IN}):
        fine = name.split("/", 1)[-1] == source
        if not fine:
            yield Finding(False, f"{name}: not {source}; remove what needs it")
        elif rendered():
            yield Finding(True, name)


@check("no resource has a provisioner", "provisioner")
def no_provisioner(stack: Stack) -> Iterator[Finding]:
    """Look at every resource that is written, planned or not."""
    wrong = False
    count = 0
    for address, block in stack.written():
        count += 1
        if kinds := [part.get("type", "provisioner") for part in block.get("provisioners", ())]:
            wrong = True
            text = f"provisioner {listed(kinds)} runs a program during an apply; remove it"
            yield Finding(False, f"{address}: {text}")
    if count and not wrong and rendered():
        yield Finding(True, f"no provisioner in {count} resources and data sources")
