"""Whether a rule of EventBridge reports that somebody reads the connection secret."""

from __future__ import annotations

from typing import Any

SECRET = "ledger-development/database/connection"


def read_by(role: str, *, secret: str = SECRET, error: str = "") -> dict[str, Any]:
    """Return the event of CloudTrail for a read by a session of a role."""
    identity = {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": role}}}
    event = read(identity, secret=secret)
    event["detail"] |= {"errorCode": error} if error else {}
    return event


def read(identity: dict[str, Any], *, secret: str = SECRET) -> dict[str, Any]:
    """Return the event of CloudTrail for a read by anybody."""
    return {
        "source": "aws.secretsmanager",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventName": "GetSecretValue",
            "requestParameters": {"secretId": secret},
            "userIdentity": identity,
        },
    }


def reports(pattern: str, event: dict[str, Any]) -> bool:
    """Return whether the pattern of a rule matches an event, as the local AWS has it."""
    from moto.events.models import EventPattern  # It takes a fifth of a second.

    return bool(EventPattern.load(pattern).matches_event(event))  # type: ignore[arg-type]
