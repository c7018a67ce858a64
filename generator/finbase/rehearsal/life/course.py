"""The course of a life: apply each edit, and check the promises after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finbase.contract.registry import Registry
from finbase.environment.load import read
from finbase.environment.model import Environment
from finbase.plan.summary import Summary, summarise
from finbase.project.files import Tree
from finbase.project.tree import lay_out, read_folder
from finbase.rehearsal.inventory import Resource
from finbase.rehearsal.life.owner import Owner
from finbase.rehearsal.life.promises import Promises
from finbase.rehearsal.life.steps import STEPS, Edit, Expect, LifeStep
from finbase.rehearsal.lifecycle import Lifecycle
from finbase.rehearsal.orphans import IMPORTS
from finbase.rehearsal.record import StepLog
from finbase.rehearsal.run import Run, kept_logs
from finbase.rehearsal.usual import remove
from finbase.render.stack import render_stacks
from finbase.sandbox import server


@dataclass
class Life:
    """The life of an environment, whose file each step edits; ``root`` is its project.

    After the steps, the stack is destroyed ``destroys`` times, and created again in between.
    """

    environment: Environment
    registry: Registry
    root: Path
    steps: Sequence[LifeStep] = STEPS
    destroys: int = 2
    project: Path = Path()

    def lay_out(self, project: Path) -> Path:
        """Write the rendered stack and its modules to a scratch project, and return that."""
        self.project = project
        lay_out(self._tree(self.environment), project)
        return project

    def live(self, run: Run, lifecycle: Lifecycle) -> None:
        """Run all steps; raises ``EndError`` if a failure makes the rest pointless."""
        before = run.list_account()
        owner = Owner(run, self.environment.stack_name)
        promises = Promises(run, owner)
        for step in self.steps:
            with run.record.step(step.name) as log:
                if missing := step.missing(self.environment):
                    log.notes.append(f"skipped: the environment has no {', '.join(missing)}")
                    continue
                for number, edit in enumerate(step.edits, 1):
                    name = f"{step.name} {number}".replace(" ", "-").replace(",", "")
                    self._apply(run, owner, promises, log, edit, name)
        # The logs of a removed replica are in the account, and in no state.
        outlived = promises.logs - kept_logs(run.stack.state())
        for number in range(self.destroys):
            if number:
                before |= {resource for resource in run.inventory() if str(resource) in outlived}
                outlived = frozenset()
                self._create_again(run, lifecycle, owner, before)
            remove(run, lifecycle, (), before, outlived)

    def _apply(
        self, run: Run, owner: Owner, promises: Promises, log: StepLog, edit: Edit, name: str
    ) -> None:
        self._edit(run, edit)
        for act in edit.by_hand:
            act(owner)
        changed, plan = run.plan(log, name)
        summary = summarise(plan)
        log.problems += _surprises(edit, summary, changed)
        if edit.expect is not Expect.LOST_RESET:
            applied = run.stack.apply(name)
            if edit.expect is Expect.REFUSED:
                log.resources += len(applied.finished)
                log.notes.append(f"refused: {'; '.join(applied.errors)}")
                if applied.code == 0:
                    log.problems.append("AWS must refuse this apply, and did not")
            else:
                log.add(applied)
            if waited := server.maintain(run.sandbox):
                log.notes.append(f"in the maintenance window: {', '.join(waited)}")
        for act in edit.after:
            act(owner)
        # Where nothing was to change, the plan was empty itself, but for what the owner did since.
        if edit.expect is Expect.APPLIED or (edit.expect is Expect.NOTHING and edit.after):
            run.plan_again(log, f"after {name}")
        promises.check(log)

    def _create_again(
        self, run: Run, lifecycle: Lifecycle, owner: Owner, before: frozenset[Resource]
    ) -> None:
        """Create the stack again under the same name, with the logs that outlived it."""
        with run.record.step("create again") as step:
            owner.delete_secrets()
            lifecycle.import_lost(step, before)
            run.plan(step, "again")
            step.resources = 0
            step.add(run.stack.apply("again"))
            (run.stack.folder / IMPORTS).unlink(missing_ok=True)
            owner.write_data()
            run.plan_again(step, "after the second start")
            Promises(run, owner).check(step)

    def _edit(self, run: Run, edit: Edit) -> None:
        """Render the edited file into the scratch project and into Terraform's copy of it."""
        values = edit.change(self.environment)
        name = self.environment.document.path
        self.environment = read(name, json.dumps(values).encode(), self.registry, self.root)
        tree = self._tree(self.environment)
        lay_out(tree, self.project)
        lay_out(tree, run.stack.folder.parents[1])
        run.stack.get()

    def _tree(self, environment: Environment) -> Tree:
        tree = dict(render_stacks([environment], self.root))
        for use in environment.modules:
            tree |= read_folder(self.root, PurePosixPath("modules", use.name, str(use.version)))
        return tree


def _surprises(edit: Edit, summary: Summary, changed: bool) -> list[str]:
    """Return how a plan differs from what the edit must lead to."""
    found = []
    if (edit.expect is Expect.NOTHING) == changed:
        found.append(f"the plan has {len(summary.steps)} changes; expected: {edit.expect.value}")
    kinds = sorted({refusal.kind for refusal in summary.refused})
    if ("LOST RESET" in kinds) != (edit.expect is Expect.LOST_RESET):
        found.append(f"refused by `finbase apply`: {', '.join(kinds) or 'nothing'}")
    for loss in summary.losses:
        if not any(f".{type_}." in f".{loss.address}" for type_ in edit.loses):
            found.append(f"the plan would {loss.action} {loss.address}: {loss.loses}")
    return found
