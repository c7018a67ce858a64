"""The step of @ID@."""

from collections.abc import Iterator

from findings import Finding, check
from stack_graph import Stack


@check("@SENTENCE@", "aws_db_instance")
def tagged(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each instance. Without one, the step has checked nothing, and fails."""
    for instance in stack.all("aws_db_instance"):
        value = instance.planned("tags_all.@TAG@")
        fix = "" if value else "; set the tag @TAG@"
        yield Finding(bool(value), f"{instance.address}: @NOUN@ {value}{fix}")
