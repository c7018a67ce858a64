"""Rehearse the life of a stack on a local AWS.

Everything happens in a scratch folder, with real Terraform, the real provider, the stack's own
function and a real PostgreSQL. Only AWS is a local one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from finbase.rehearsal.judged import Judge
from finbase.rehearsal.life.course import Life
from finbase.rehearsal.lifecycle import Lifecycle
from finbase.rehearsal.model import Rehearsal, Step
from finbase.rehearsal.record import EndError, Record
from finbase.rehearsal.run import Observe, Run
from finbase.rehearsal.terraform import copied
from finbase.rehearsal.usual import UNCUT, Cuts, live
from finbase.sandbox import server
from finbase.sandbox.postgres.find import find_postgres, require_pgaudit
from finbase.system.progress import Watch, ignore
from finbase.terraform.offline import used_folders
from finbase.terraform.program import Terraform


def rehearse(
    root: Path,
    environment: str,
    *,
    account_id: str,
    region: str,
    scratch: Path,
    terraform: Terraform,
    progress: Watch,
    judge: Judge,
    ended: Callable[[Step], None] = ignore,
    cuts: Cuts = UNCUT,
    life: Life | None = None,
    observe: Observe | None = None,
    state_file: Path | None = None,
) -> Rehearsal:
    """Rehearse the rendered stack of one environment, or a whole ``life`` of it.

    ``scratch`` is an empty folder from ``scratch_folder``. ``judge`` judges each plan; ``ended`` is
    called with each step that ended. ``state_file`` receives the state of the applied
    stack, compressed. Problems of the stack are in the result; raises ``FinbaseError`` if the
    rehearsal cannot start.
    """
    find_postgres()
    rendered = (root / "environments" / environment).resolve()
    if any(used.parent.name == "roles" for used in used_folders(rendered, root.resolve())):
        require_pgaudit()
    aws = scratch / "aws"
    aws.mkdir()
    project = life.lay_out(scratch / "project") if life else root
    folder = project / "environments" / environment
    report_step = partial(progress, environment)
    report_step("initialise")
    start = time.monotonic()
    with (
        server.running(aws, account_id=account_id, region=region, project=project) as sandbox,
        copied(
            folder, project, terraform=terraform, scratch=scratch / "work", endpoint=sandbox
        ) as stack,
    ):
        record = Record(sandbox.log, report_step, ended)
        record.add(Step("initialise", time.monotonic() - start, 0))
        run = Run(sandbox, region, stack, judge, folder, record, observe)
        lifecycle = Lifecycle(run, report_step)
        with suppress(EndError):
            if life:
                life.live(run, lifecycle)
            else:
                live(run, lifecycle, cuts, state_file)
        with suppress(EndError):
            run.search_for_passwords(scratch)
    return Rehearsal(
        environment, tuple(record.steps), tuple(run.drifts), tuple(run.retained), run.searched
    )
