"""Mutations → changed projects → plans → outcomes, several at a time, in a scratch folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tempfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from finbase.errors import ComplianceError, FinbaseError, TerraformError, TreeError
from finbase.judge import compliance
from finbase.judge.applicable import Place, instances, lacking, without_instances
from finbase.judge.cache.inputs import tree_hash
from finbase.judge.catalogue import load_failures
from finbase.judge.mutations import Files, Mutation, Outcome, caught, load_mutations, mutate
from finbase.judge.ready import Ready
from finbase.judge.verdict import Verdict
from finbase.project.shipped import shipped
from finbase.project.terraform_files import is_read
from finbase.project.tree import lay_out
from finbase.source.bounds import MOST_BYTES, read_at_most
from finbase.source.scalars import with_closest
from finbase.system.progress import Watch, ignore
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace


def select(
    root: Path, names: Sequence[str], environment: str = "", *, own: bool = False
) -> tuple[Mutation, ...]:
    """Return the mutations whose id or failure is among ``names``, or all if it is empty.

    ``environment`` replaces the environment of each mutation. ``own`` leaves out those of finbase.
    Raises ``ComplianceError`` for invalid mutations, and ``FinbaseError`` with the names that match
    no mutation and no failure, or if a project without controls of its own is asked for them.
    """
    ids = _ids(root, own)
    mutations = [m for m in load_mutations(root / "features") if m.failure in ids]
    known = sorted({*ids, *(mutation.id for mutation in mutations)})
    if own and not ids:
        hint = "`finbase new control LEDGER-1` creates one"
        raise FinbaseError("the project has no controls of its own", hint)
    if unknown := [name for name in names if name not in known]:
        hint = "features/failures.yaml and features/mutations/*.yaml list them"
        raise FinbaseError(
            f"no such failure or mutation: {', '.join(unknown)}",
            with_closest(unknown[0], known, hint),
        )
    chosen = tuple(m for m in mutations if not names or m.id in names or m.failure in names)
    if environment:
        chosen = tuple(replace(m, environment=environment, project=None) for m in chosen)
    return chosen


def catalogue_hash(root: Path) -> str:
    """Return the SHA-256 of a project's features with the mutations that prove them."""
    digest = hashlib.sha256(tree_hash(root / "features").encode())
    if not (root / "features" / "mutations").is_dir():
        digest.update(tree_hash(shipped("features") / "mutations").encode())
    return digest.hexdigest()


def unproved(root: Path, names: Sequence[str], *, own: bool = False) -> tuple[str, ...]:
    """Return the failures, of ``names`` if there are any, that no mutation puts back."""
    proved = {mutation.failure for mutation in load_mutations(root / "features")}
    return tuple(i for i in _ids(root, own) if i not in proved and (not names or i in names))


def _ids(root: Path, own: bool) -> tuple[str, ...]:
    failures = load_failures(root / "features")
    return tuple(f.id for f in failures if not own or f.section == "project")


def rendered_files(root: Path) -> dict[PurePosixPath, bytes]:
    """Return the files of modules and stacks that a plan reads, without Terraform's own."""
    files: dict[PurePosixPath, bytes] = {}
    for folder in ("modules", "environments"):
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            hidden = any(part.startswith((".", "__")) for part in relative.parts)
            if hidden and not is_read(path.name):  # Terraform links to providers, for example.
                continue
            if path.is_symlink():
                raise TreeError(f"{relative} is a symbolic link", "replace it by the real file")
            if path.is_file() and len(relative.parts) > 2:
                files[PurePosixPath(relative)] = path.read_bytes()
    return files


def applied_state(root: Path, environment: str) -> bytes:
    """Return the state of the applied stack of an environment; raises ``ComplianceError``."""
    file = root / "features" / "applied" / f"{environment}.state.gz"
    try:
        with gzip.open(io.BytesIO(read_at_most(file))) as unpacked:
            state = unpacked.read(MOST_BYTES + 1)
        if len(state) > MOST_BYTES:
            raise OSError(f"its content is larger than {MOST_BYTES >> 20} MiB")
        return state
    except (OSError, EOFError, zlib.error) as error:
        raise ComplianceError(
            f"{file} cannot be read: {error}",
            f"write it: finbase rehearse {environment} --save-state {file}",
        ) from error


def prove(
    root: Path,
    mutations: Sequence[Mutation],
    *,
    jobs: int,
    progress: Watch,
    applied: bool = False,
) -> tuple[Outcome, ...]:
    """Return the outcome of each mutation, in order: apply it, plan the stack, judge the plan.

    ``applied`` plans each one as a change of the applied stack. ``progress`` receives the id of a
    mutation and the step that starts. Mutations with the same result are planned once. Raises
    ``ComplianceError`` before the first plan if a mutation does not fit, or if the state of an
    applied stack is missing. A mutation without a plan or verdict has an outcome with ``refused``,
    and one of what its stack lacks an outcome with ``inapplicable``.
    """
    stacks = {m: (m.project or root, m.environment) for m in mutations}
    states = {stack: applied_state(*stack) for stack in {*stacks.values()}} if applied else {}
    files = {project: rendered_files(project) for project, _ in {*stacks.values()}}
    failures = load_failures(root / "features")
    own = [failure.id for failure in failures if failure.section == "project"]
    # A control of the project may demand more than one of finbase, never the other way round.
    overlaps = {f.id: (*f.overlaps, *(own if f.id not in own else ())) for f in failures}
    absent = {m: reason for m in mutations if (reason := lacking(files[stacks[m][0]], m))}
    trees = {m: mutate(files[stacks[m][0]], m) for m in mutations if m not in absent}
    groups: dict[tuple[Path, str], list[Mutation]] = {}
    for mutation, tree in trees.items():
        key = (stacks[mutation][0], _fingerprint(tree, mutation.environment))
        groups.setdefault(key, []).append(mutation)

    terraform = find_terraform()
    outcomes = {m: _outside(m, reason) for m, reason in absent.items()}
    missed: dict[Mutation, frozenset[Place]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="finbase-") as scratch,
        ThreadPoolExecutor(max_workers=jobs) as pool,
        Workspace(terraform, Path(tempfile.mkdtemp(dir=scratch))) as workspace,
        Ready(workspace.processes) as ready,
    ):

        def judge(stack_of: tuple[Path, str], tree: Files, name: str, watch: Watch) -> _Judged:
            project = Path(tempfile.mkdtemp(dir=scratch))
            stack = project / "environments" / stack_of[1]
            watch(name, "plan")
            try:
                lay_out(tree, project)
                planned = workspace.plan(stack, project=project, state=states.get(stack_of))
                plan = compliance.read_on_one_line(planned)
                watch(name, "features")
                verdict = compliance.run(
                    plan,
                    stack_of[0] / "features",
                    environment=name,
                    stack=stack,
                    processes=ready,
                    whole=True,
                )
            finally:
                shutil.rmtree(project, ignore_errors=True)
            found = plan.content
            places = instances(found, stack_of[1])
            return _Judged(verdict, has_changes(found), falls_by_change(found), places)

        def judge_unchanged(stack: tuple[Path, str]) -> Future[_Judged]:
            return pool.submit(judge, stack, files[stack[0]], stack[1], ignore)

        of_own = {stacks[m]: 0 for m in mutations if m.failure in own}
        unchanged = {stack: judge_unchanged(stack) for stack in of_own}
        futures = {
            pool.submit(judge, stacks[first], trees[first], first.id, progress): [first, *others]
            for first, *others in groups.values()
        }
        try:
            for future in as_completed(futures):
                for mutation in futures[future]:
                    before = unchanged.get(stacks[mutation]) if mutation.failure in own else None
                    outcomes[mutation] = _outcome(future, mutation, overlaps, before)
                    if not outcomes[mutation].fell and not outcomes[mutation].refused:
                        missed[mutation] = future.result().planned
                    progress(mutation.id, "")
            for stack in {stacks[m]: 0 for m in missed}:
                if stack not in unchanged:
                    unchanged[stack] = judge_unchanged(stack)
            for mutation, planned in missed.items():
                own_files, at_first = files[stacks[mutation][0]], unchanged[stacks[mutation]]
                present = planned | at_first.result().planned
                if reason := without_instances(own_files, trees[mutation], present):
                    outcomes[mutation] = _outside(mutation, reason)
        finally:
            for future in (*unchanged.values(), *futures):
                future.cancel()
    return tuple(outcomes[mutation] for mutation in mutations)


def has_changes(plan: Mapping[str, Any]) -> bool:
    """Return whether a plan changes a resource or an output."""
    entries = [entry["change"] for entry in plan.get("resource_changes", ())]
    entries += plan.get("output_changes", {}).values()
    return any({"no-op", "read"}.isdisjoint(entry["actions"]) for entry in entries)


def falls_by_change(plan: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids that fall because a plan changes what the connection secret holds.

    It replaces the primary, or changes the host or another public field. The secret keeps the old
    values until the next generation of the password.
    """
    changes = {
        (entry["type"], entry["name"]): {*entry["change"]["actions"]}
        for entry in plan.get("resource_changes", ())
    }
    replaced = {"create", "delete"} <= changes.get(("aws_db_instance", "primary"), set())
    changed = "update" in changes.get(("terraform_data", "connection"), set())
    return frozenset({"F06b"} if replaced or changed else ())


@dataclass(frozen=True)
class _Judged:
    """The verdict on a mutated plan, whether it has changes, and which ids may fall by them.

    ``planned`` has the resources of which the plan has an instance.
    """

    verdict: Verdict
    changes: bool
    may_fall: frozenset[str]
    planned: frozenset[Place]


def _outside(mutation: Mutation, reason: str) -> Outcome:
    return Outcome(mutation, (), frozenset(), inapplicable=reason)


def _outcome(
    future: Future[_Judged],
    mutation: Mutation,
    overlaps: Mapping[str, Collection[str]],
    unchanged: Future[_Judged] | None,
) -> Outcome:
    """Return the outcome; ``unchanged`` is of the same stack without the mutation, if needed."""
    try:
        fell_before = caught(unchanged.result().verdict, mutation, {}).fell if unchanged else ()
        judged = future.result()
    except (ComplianceError, TerraformError) as error:
        return Outcome(mutation, (), frozenset(), refused=str(error))
    if mutation.failure in fell_before:
        refused = f"{mutation.failure} fails without the change, too: finbase check shows why"
        return Outcome(mutation, (), frozenset(), refused=refused)
    outcome = caught(judged.verdict, mutation, overlaps)
    return replace(
        outcome,
        unchanged=not outcome.fell and not judged.changes,
        may_fall=outcome.may_fall | judged.may_fall | {*fell_before},
    )


def _fingerprint(tree: Files, environment: str) -> str:
    digest = hashlib.sha256(environment.encode())
    for path, content in sorted(tree.items()):
        digest.update(f"\0{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
