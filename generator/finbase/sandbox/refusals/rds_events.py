"""Rules about subscriptions to the events of RDS."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from moto.rds.models import rds_backends
from moto.sns.models import sns_backends

from finbase.sandbox.refusals.rule import API, Request, rule

_CATEGORIES: Mapping[str, Collection[str]] = {
    "db-instance": (
        "availability",
        "backtrack",
        "backup",
        "configuration change",
        "creation",
        "deletion",
        "failover",
        "failure",
        "low storage",
        "maintenance",
        "notification",
        "read replica",
        "recovery",
        "restoration",
        "security",
        "security patching",
    ),
    "db-parameter-group": ("configuration change",),
    "db-security-group": ("configuration change", "failure"),
}
"""The categories of the sources that a stack has."""


@rule(
    "rds CreateEventSubscription ModifyEventSubscription",
    "SubscriptionCategoryNotFound",
    "hashicorp/terraform-provider-aws/issues/9463",
)
def unknown_category(request: Request) -> str | None:
    """A category is one of its type of source."""
    kind = request.params.get("SourceType")
    known = _CATEGORIES.get(kind or "")
    for category in request.params.get("EventCategories") or ():
        if known is not None and category not in known:
            return f"Event category {category} of source type {kind} was not found."
    return None


@rule(
    "rds CreateEventSubscription ModifyEventSubscription",
    "SNSTopicArnNotFound",
    f"{API}CreateEventSubscription.html",
)
def unknown_topic(request: Request) -> str | None:
    """The topic of a subscription exists."""
    topic = request.params.get("SnsTopicArn")
    backend = request.of(sns_backends)
    if not topic or topic in backend.topics:
        return None
    return f"SNS topic ARN does not exist: {topic}"


@rule(
    "rds CreateEventSubscription ModifyEventSubscription AddSourceIdentifierToSubscription",
    "SourceNotFound",
    "app-sre/qontract-reconcile/pull/4207",
)
def unknown_source(request: Request) -> str | None:
    """The sources of a subscription exist."""
    backend = request.of(rds_backends)
    existing = {
        "db-instance": backend.databases,
        "db-parameter-group": backend.db_parameter_groups,
    }.get(request.params.get("SourceType") or "")
    names = request.params.get("SourceIds") or [request.params.get("SourceIdentifier")]
    for name in filter(None, names):
        if existing is not None and name not in existing:
            return f"Could not find source :{name}"
    return None
