"""All rules that AWS's service models do not state, in the order in which they are checked."""

from __future__ import annotations

from finbase.sandbox.refusals import (
    awslambda,
    ec2,
    elasticache,
    gateways,
    kms,
    network,
    notices,
    other,
    policies,
    rds,
    rds_backups,
    rds_copies,
    rds_events,
    rds_groups,
    rds_parameters,
    rds_storage,
    rds_subnets,
    refused,
    tags,
)
from finbase.sandbox.refusals.rule import Rule

_MODULES = (
    *(rds, rds_events, rds_groups, rds_subnets, rds_parameters, rds_storage, rds_backups),
    *(rds_copies, tags, awslambda, elasticache, policies, kms, other, ec2, gateways, network),
    notices,
)

# A policy that is not valid is refused before its content is looked at.
RULES: tuple[Rule, ...] = (
    *policies.rules(),
    *refused.rules(),
    *tags.rules(),
    *(each for module in _MODULES for each in vars(module).values() if isinstance(each, Rule)),
)
