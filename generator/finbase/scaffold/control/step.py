"""The step of @ID@."""

from collections.abc import Iterator

from findings import Finding, check
from stack_graph import Stack


@check("every database has an owner, as @ID@ demands", "aws_db_instance")
def owned(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each instance. Without one, the step has checked nothing, and fails."""
    for instance in stack.all("aws_db_instance"):
        owner = instance.planned("tags_all.Owner")
        fix = "" if owner else "; set the tag Owner"
        yield Finding(bool(owner), f"{instance.address}: owner {owner}{fix}")
