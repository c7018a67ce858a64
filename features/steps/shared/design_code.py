"""Read the HCL of arguments, and find what changes a value on its way to one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from design_values import Argument
from forms import changed as way_changed
from sources import Block, Sources, words
from stack_graph import UNKNOWN, Resource, Stack


class Code:
    """The HCL of a stack, if it is available."""

    def __init__(self, stack: Stack, sources: Sources | None) -> None:
        self.stack, self.sources = stack, sources

    def written(self, argument: Argument) -> str | None:
        """Return the HCL of an argument; None if it is not available."""
        block = self.block(argument.resource)
        *blocks, last = [part for part in argument.path.split(".") if not part.isdecimal()]
        for name in blocks:
            block = next(block.of(name), None) if block else None
        return block.arguments.get(last) if block else None

    def block(self, resource: Resource) -> Block | None:
        """Return the HCL of a resource; None if it is not available."""
        return self.sources.resource(resource.calls, resource.identity) if self.sources else None

    def changed(self, argument: Argument, attributes: Iterable[str]) -> str:
        """Return what changes the value on its way, where the HCL is available."""
        written = self.written(argument)
        if not self.sources or written is None:
            return ""
        names = {*attributes}
        many = isinstance(argument.value, list | Mapping) or argument.value is UNKNOWN
        items = [word for word in words(written) if word.startswith("each.value")]
        of_item = "each.value" not in items  # The attribute follows: each.value.id.
        if items and (wrong := self._reordered(argument.resource, set() if of_item else names)):
            return wrong
        return self.changed_on_way(argument.resource, written, names, many=many)

    def _reordered(self, resource: Resource, attributes: set[str]) -> str:
        """Return what makes ``each.value`` another item than that of the key."""
        block = self.block(resource)
        collection = block.arguments.get("for_each", "") if block else ""
        return self.changed_on_way(resource, collection, attributes, many=True)

    def changed_on_way(
        self, resource: Resource, code: str, attributes: Collection[str], *, many: bool = False
    ) -> str:
        """Return what changes a value in an expression or in one that its references lead to."""
        for _, step in self.sources.steps(resource.calls, code) if self.sources else ():
            if step and (wrong := way_changed(words(step), attributes, many=many)):
                return f"is changed by {wrong} in {step}"
        return ""
