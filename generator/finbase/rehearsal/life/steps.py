"""The steps of a life, as data: edits of the YAML file, and what each must lead to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from finbase.environment.model import Environment
from finbase.rehearsal.life import edits
from finbase.rehearsal.life.edits import Change
from finbase.rehearsal.life.owner import ByHand, Owner


class Expect(Enum):
    """What must happen after an edit."""

    APPLIED = "the apply succeeds, and the next plan is empty"
    UNFINISHED = "the apply succeeds, and the next edit completes it"
    NOTHING = "the plan is empty"
    REFUSED = "AWS refuses the apply"
    LOST_RESET = "the plan is one that `finbase apply` refuses, and nobody applies it"


@dataclass(frozen=True)
class Edit:
    """One edit of the file.

    The owner acts ``by_hand`` before the plan, or ``after`` the apply. ``loses`` are the types of
    the resources whose data the plan may lose; any other loss is a problem.
    """

    change: Change
    expect: Expect = Expect.APPLIED
    by_hand: tuple[ByHand, ...] = ()
    after: tuple[ByHand, ...] = ()
    loses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LifeStep:
    """A step of the life: its edits, in order.

    The step needs the inputs ``needs``, which an environment or older releases of its modules may
    lack. ``short`` steps are part of the short form.
    """

    name: str
    edits: tuple[Edit, ...]
    needs: tuple[str, ...] = ()
    short: bool = False

    def missing(self, environment: Environment) -> tuple[str, ...]:
        """Return the inputs that the environment lacks."""
        known = {f"{use.name}.{i.name}" for use in environment.modules for i in use.contract.inputs}
        return tuple(name for name in self.needs if name not in known)


_SECRET = frozenset({"aws_secretsmanager_secret_version"})
_GROUP = frozenset({"aws_db_parameter_group"})
_REPLICAS = frozenset({"aws_db_instance"})
_UPGRADE = ("database.previous_engine_version", "database.allow_major_version_upgrade")
_RESTORE = ("database.restore_from",)
_REPLICA = ("replica.instance_class",)

STEPS = (
    LifeStep(
        "apply",
        (Edit(edits.older_version, after=(Owner.write_data,)),),
        short=True,
    ),
    LifeStep("apply again", (Edit(edits.unchanged, Expect.NOTHING),)),
    LifeStep(
        "upgrade the state",
        (
            Edit(
                edits.unchanged,
                Expect.NOTHING,
                by_hand=(Owner.take_older_state,),
                after=(Owner.find_newer_state,),
            ),
        ),
    ),
    LifeStep("change class, storage and parameters", (Edit(edits.larger),)),
    LifeStep("add a zone", (Edit(edits.another_zone),)),
    LifeStep("add a replica", (Edit(edits.another_replica),), needs=_REPLICA),
    LifeStep(
        "upgrade PostgreSQL",
        (
            Edit(edits.upgrade, Expect.UNFINISHED),
            # No instance uses the parameter group of the old version any more.
            Edit(edits.after_the_upgrade, loses=_GROUP),
        ),
        needs=_UPGRADE,
    ),
    LifeStep(
        "remove the replica",
        (
            Edit(
                edits.fewer_replicas,
                by_hand=(Owner.unprotect_replica,),
                loses=frozenset({"aws_db_instance", "aws_cloudwatch_log_group"}),
            ),
        ),
        needs=_REPLICA,
    ),
    LifeStep("reset the password", (Edit(edits.reset, loses=_SECRET),)),
    LifeStep(
        "reset the password, refused half-way",
        (
            Edit(edits.reset_and_upgrade, Expect.REFUSED, loses=_SECRET | _GROUP),
            Edit(edits.older_version, Expect.LOST_RESET, loses=_SECRET | _GROUP),
            Edit(edits.reset, loses=_SECRET | _GROUP),
        ),
        short=True,
    ),
    LifeStep(
        "restore a snapshot",
        (
            Edit(
                edits.restore,
                by_hand=(
                    Owner.rotate,
                    Owner.take_snapshot,
                    Owner.lose_data,
                    Owner.set_primary_aside,
                    Owner.replace_replicas,
                ),
                after=(Owner.delete_old_primary,),
                loses=_SECRET | _REPLICAS,
            ),
            Edit(edits.after_the_restore, Expect.NOTHING),
        ),
        needs=_RESTORE,
        short=True,
    ),
    LifeStep(
        "restore to a point in time",
        (
            Edit(
                edits.restore_in_time,
                # The provider turns Performance Insights on in the next apply only.
                Expect.UNFINISHED,
                by_hand=(Owner.set_primary_aside, Owner.replace_replicas),
                after=(Owner.delete_old_primary,),
                loses=_SECRET | _REPLICAS,
            ),
            Edit(edits.after_the_restore),
        ),
        needs=_RESTORE,
    ),
)
"""The whole life, between the first apply and the destroy."""

SHORT = tuple(step for step in STEPS if step.short)
"""The short form, for a test."""
