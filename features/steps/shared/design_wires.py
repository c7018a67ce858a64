"""Compare what the modules of a stack take from each other, and its outputs, with the design."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from databases import OF_ONE, SHARED, owners
from design_calls import Call
from design_profile import ELSEWHERE, Profile
from design_values import Deviation
from sources import Block, Sources
from stack_graph import EXISTING_NETWORK, Stack, tokens

_CALLED = re.compile(r"\bmodule\.([\w-]+)")
_INSTEAD = {"network": ("network", "existing_network")}
"""The modules that can have the outputs of another one."""
_OUTPUT = r"module\.[\w-]+\.[\w-]+"
_OUTPUTS = re.compile(rf"{_OUTPUT}|\{{(?:[ ,]*(?:[\w-]+|\"[\w-]+\") = {_OUTPUT})*[ ,]*\}}")
"""An output, or a map of outputs."""
_PLAIN_LOCALS = ("name", "project", "environment", "region", "account_id")
"""The locals of a rendered stack, which no plan shows."""


class Wires:
    """The inputs that outputs of modules fill, and the outputs of the stack."""

    def __init__(
        self, stack: Stack, profile: Profile, calls: list[Call], sources: Sources | None
    ) -> None:
        self.stack, self.profile = stack, profile
        self.calls, self.sources = calls, sources

    def deviations(self) -> Iterator[Deviation]:
        """Yield each input and output that takes something else than the design says."""
        yield from self._crossed()
        yield from self._unwired()

    def _crossed(self) -> Iterator[Deviation]:
        """Refuse what the module of one database takes from a module of another one.

        A module of the project itself could pass it on, and no rendered input comes from one.
        """
        of = owners(self.stack)
        others = {call.path[0]: call.module for call in self.calls if len(call.path) == 1}
        own = {n for n, m in others.items() if n not in of and m not in (*SHARED, EXISTING_NETWORK)}
        for call in self.calls:
            label = ".".join(call.path)
            for name, expression in call.call.get("expressions", {}).items() if label in of else ():
                carriers = own if call.module in OF_ONE else frozenset()
                if wrong := self._of_others(expression, of, of[label], carriers):
                    control = self.profile.crossed(call.module, name)
                    yield Deviation(control, f"module.{label}: {name} {wrong}")

    def _of_others(
        self,
        expression: Mapping[str, Any],
        of: Mapping[str, str],
        database: str,
        carriers: Collection[str],
    ) -> str:
        """Return what of an expression is not of a database; empty if all of it may be.

        ``carriers`` are modules that can pass on a value of any database.
        """
        for reference in expression.get("references", ()):
            kind, name = (*map(str, tokens(reference)[:2]), "")[:2]
            labels = [name] if kind == "module" else []
            if kind == "local" and self.sources:
                steps = self.sources.steps((), f"local.{name}")
                labels = [
                    each for place, code in steps if not place for each in _CALLED.findall(code)
                ]
            elif kind == "local" and name not in _PLAIN_LOCALS:
                return f"comes from local.{name}, which this plan does not show; write it out"
            for label in labels:
                if label in carriers:
                    return f"comes from module.{label}, which can be of another database"
                if of.get(label, database) != database:
                    text_ = f"comes from module.{label}, which is of another database"
                    return f"{text_}; render the stack again"
        return ""

    def _unwired(self) -> Iterator[Deviation]:
        """Refuse anything else in an input or an output that has the output of a module."""
        for call in self.calls:
            label = ".".join(call.path)
            for name, source in self.profile.wires.get(call.module, {}).items():
                expression = call.call.get("expressions", {}).get(name)
                block = next(self._written("module", label), None)
                text_ = block.arguments.get(name) if block else None
                if expression is not None and not self._is_wired(expression, source, text_):
                    text_ = f"must be the output {source} and nothing else; render the stack again"
                    yield Deviation(ELSEWHERE, f"module.{label}: {name} {text_}")
        for name, output in self.stack.configuration.get("outputs", {}).items():
            block = next(self._written("output", name), None)
            text_ = block.arguments.get("value") if block else None
            shown_ = output.get("expression", {})
            exported = [*self._exported(name)]
            if exported and not any(_is_only(shown_, wanted, text_) for wanted in exported):
                wrong = f"must be {max(exported[0])} and nothing else; render the stack again"
                yield Deviation(ELSEWHERE, f"output {name}: {wrong}")

    def _written(self, *labels: str) -> Iterator[Block]:
        return self.sources.module(()).of(*labels) if self.sources else iter(())

    def _is_wired(self, expression: Mapping[str, Any], source: str, text_: str | None) -> bool:
        """Return whether an input is an output, or a map of one output of several modules."""
        module, _, output = source.partition(".")
        of = [c.path[0] for c in self.calls if c.module in _INSTEAD.get(module, (module,))]
        if not of:  # A part that the stack lacks.
            return "references" not in expression
        wanted = {reference for one in of for reference in _references(one, output)}
        return _is_only(expression, wanted, text_)

    def _exported(self, name: str) -> Iterator[set[str]]:
        """Yield the references that an output of the stack can have, by its name.

        It is named after the module block, or after the module of which there are many blocks.
        """
        calls = [call for call in self.calls if len(call.path) == 1]
        labels = {call.path[0] for call in calls}
        many: dict[str, set[str]] = {}
        for call in calls:
            for output in call.configuration.get("outputs", ()):
                references = _references(call.path[0], output)
                if name == f"{call.path[0]}_{output}":
                    yield references
                elif name == f"{call.module}_{output}" and call.module not in labels:
                    many.setdefault(call.module, set()).update(references)
        yield from many.values()


def _references(label: str, output: str) -> set[str]:
    """Return the references that a plan shows for an output of a module block."""
    return {f"module.{label}.{output}", f"module.{label}"}


def _is_only(expression: Mapping[str, Any], wanted: set[str], written: str | None) -> bool:
    """Return whether an expression has some of these references, and nothing beside them.

    A plan shows the references alone; ``written`` is the HCL, where it is available.
    """
    references = {*expression.get("references", ())}
    if not references or not references <= wanted:
        return False
    return written is None or _OUTPUTS.fullmatch(written) is not None
