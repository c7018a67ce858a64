"""Steps about keys, about policies that allow too much, and about logins to the cache."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import arns
from beside import (
    POLICIES,
    foreign_accounts,
    hosts_outside,
    is_sensitive,
    is_unlisted,
    open_doors,
    read_secrets,
)
from design_calls import is_of_design, sources_of
from design_profile import design
from existing import added_beside
from findings import Finding, check, rendered
from grants import Grant, NotShownError, grants
from kinds import listed, of_kind, source_of
from lent import SERVICES, hidden, is_own, not_allowed, not_lent, not_own
from metrics import silencing, writes_metrics
from rotation_parts import attachments, connection_rotations, inline_policies
from stack_graph import UNKNOWN, Resource, Stack, shown

_ADMINISTRATION = (
    "kms:putkeypolicy",
    "kms:schedulekeydeletion",
    "kms:disablekey",
    "kms:disablekeyrotation",
    "kms:updateprimaryregion",
    "kms:deleteimportedkeymaterial",
)
_WITH_KEY_POLICY = ("aws_kms_key", "aws_kms_external_key", "aws_kms_key_policy")
_ACCOUNT = re.compile(r"(?:arn:[\w-]+:(?:iam|sts)::)?(\d{12})(?::.*)?")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")
_READS = (
    "get",
    "list",
    "describe",
    "batchget",
    "query",
    "scan",
    "head",
    "lookup",
    "view",
    "search",
)
_DATA = (
    *("rds", "rds-db", "rds-data", "secretsmanager", "kms", "elasticache", "memorydb", "s3"),
    *("dynamodb", "backup", "logs", "cloudtrail", "sns", "sqs", "iam", "sts", "lambda", "ssm"),
)
"""Services that hold data, keys or permissions: their changes need a resource by name."""
_AS_ROLES = ("iam:passrole", "sts:assumerole")
_PASS_ON = ("terraform_data", "aws_ssm_parameter")
"""Types whose values can be of others."""
_NAMES = (
    *("name", "name_prefix", "identifier", "id", "arn", "key_id", "resource_id"),
    *("function_name", "bucket"),
)
_IDENTITY_POLICIES = (
    *("aws_iam_policy", "aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy"),
)
_OTHER_POLICIES = ("aws_ecr_lifecycle_policy",)
"""Types whose policies permit nothing."""
_SHARED = re.compile(r"principal|grantee|account|user_ids|shared")
"""Arguments by which a resource lets others in."""
_BROAD = re.compile(
    r".*(SecretsManagerReadWrite|FullAccess|AdministratorAccess|PowerUserAccess|Administrator|DataAdmin)"
)


@check("every key is enabled and rotates at least every {days:d} days", "key")
def keys_rotate(stack: Stack, days: int) -> Iterator[Finding]:
    """Require automatic rotation, which only symmetric keys with AWS's own material have."""
    for key in of_kind(stack, "key"):
        if key.type != "aws_kms_key":
            text = "AWS cannot rotate its material; use an aws_kms_key"
            yield Finding(False, f"{key.address}: {text}")
            continue
        rotates = key.planned("enable_key_rotation")
        enabled = key.planned("is_enabled") is not False
        period = key.planned("rotation_period_in_days")
        unset = period is None or (
            period is UNKNOWN and not stack.is_set(key, "rotation_period_in_days")
        )
        fits = unset or (isinstance(period, int | float) and period <= days)
        fine = rotates is True and enabled and fits
        text = f"{key.address}: enable_key_rotation = {shown(rotates)}"
        text += f", every {365 if unset else shown(period)} days{'' if enabled else ', disabled'}"
        fix = f"; enable the key and its rotation every {days} days or more often"
        yield Finding(fine, text if fine else text + fix)


@check("no policy of a key, secret or topic allows everybody", "key, secret or topic")
def nobody_unknown(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Refuse wildcards, exclusions and foreign accounts, unless a condition limits the callers."""
    own = _own_account(stack)
    for row in table:
        for holder in stack.all(row["type"]):
            try:
                statements = grants(stack, holder, row["argument"])
            except NotShownError as error:
                yield Finding(False, f"{holder.address}: {error}")
                continue
            wrong = [reason for grant in statements if (reason := _too_open(grant, own))]
            for reason in wrong:
                yield Finding(False, f"{holder.address}: {reason}")
            if not wrong:
                callers = listed(dict.fromkeys(n for g in statements for _, n in g.principals))
                yield Finding(True, f"{holder.address}: allows {callers or 'the own account only'}")
    if rendered() and own:
        for resource in stack.resources:
            if resource.mode == "managed" and not is_of_design(stack, resource):
                yield from _beside_the_design(stack, resource, own)
        for text in (
            *foreign_accounts(stack, own),
            *hosts_outside(stack),
            *open_doors(stack),
        ):
            yield Finding(False, text)


def _beside_the_design(stack: Stack, resource: Resource, own: str) -> Iterator[Finding]:
    """Refuse every other account in a resource beside the design, of any type."""
    for name in sorted({*resource.values, *resource.unknown}):
        value = resource.planned(name)
        if name in POLICIES and resource.type not in (*_IDENTITY_POLICIES, *_OTHER_POLICIES):
            try:
                statements = grants(stack, resource, name)
            except NotShownError as error:
                yield Finding(False, f"{resource.address}: {error}")
                continue
            roles = {r.address for r in stack.all("aws_iam_role")}
            strangers = [text for grant in statements for text in _strangers(grant, own, roles)]
            judge = _services if name == "assume_role_policy" else partial(_of_anybody, own=own)
            strangers += [text for grant in statements for text in judge(grant)]
            for text in strangers:
                yield Finding(False, f"{resource.address}: {text}")
        elif (resource.type, name) == ("aws_lambda_permission", "principal"):
            if text := _caller(resource, own):
                yield Finding(False, f"{resource.address}: {text}")
        elif _SHARED.search(name):
            for member in value if isinstance(value, list) else [value]:
                text = str(member)
                account = _ACCOUNT.fullmatch(text)
                if text in ("*", "all") or (account and account[1] != own):
                    text = f"{name} = {text} is not of the account {own}; remove it"
                    yield Finding(False, f"{resource.address}: {text}")


def _caller(permission: Resource, own: str) -> str:
    """Return what is wrong with the principal of a permission for a function; empty if nothing."""
    name = str(permission.planned("principal"))
    if not _SERVICE.fullmatch(name):
        text = f"principal = {name} is not of the account {own}; name one of it, or a service"
        return "" if _is_of_account(name, own) else text
    sources = (permission.planned(n) for n in ("source_account", "source_arn"))
    if any(value is not None and _is_for(value, own) for value in sources):
        return ""
    return f"{name} may call for any account; set source_account to {own}"


def _too_open(grant: Grant, own: str) -> str:
    if exclusions := {"NotPrincipal", "not_principals"} & {*grant.excluding}:
        return f"{listed(exclusions)} allows everybody else; list the principals"
    for _, name in grant.principals:
        if "*" in name and not grant.limited:
            return f"the principal {name} is everybody; name accounts, roles or services"
        account = _ACCOUNT.fullmatch(name)
        if account and own and account[1] != own and not grant.limited:
            return f"{name} is another account than {own}; name principals of the own account"
    return ""


def _strangers(grant: Grant, own: str, roles: Collection[str]) -> Iterator[str]:
    """Yield each principal that is neither a service, nor certainly of the own account."""
    for kind, name in grant.principals:
        is_own = kind == "AWS" and (name in roles or _is_of_account(name, own))
        if not is_own and not (kind == "Service" and _SERVICE.fullmatch(name)):
            yield f"{name} is not of the account {own}; name principals of the own account"


def _is_of_account(name: str, own: str) -> bool:
    """Return whether a principal is the account, or one role, user or session of it.

    >>> names = "role/x", "role/*"
    >>> [_is_of_account(f"arn:aws:iam::111122223333:{n}", "111122223333") for n in names]
    [True, False]
    >>> _is_of_account("AIDACKCEVSQ6C2EXAMPLE", "111122223333")
    False
    """
    arn = rf"arn:aws[\w-]*:(iam|sts)::{own}:(root|[a-z-]+/[\w+=,.@/-]+)"
    return name == own or re.fullmatch(arn, name) is not None


def _of_anybody(grant: Grant, own: str) -> Iterator[str]:
    """Yield each service that would act for any account, for example for its distributions."""
    if any(all(_is_for(value, own) for value in values) for values in grant.owners):
        return
    for kind, name in grant.principals:
        if kind == "Service":
            text = f"{name} may act for any account"
            yield f"{text}; add a condition of aws:SourceAccount, which is {own}"


def _is_for(value: Any, own: str) -> bool:
    """Return whether a value is the account, or an ARN in it, which may be known after apply."""
    parts = str(value).split(":", 5)
    return value is UNKNOWN or value == own or (len(parts) == 6 and parts[4] == own)


def _services(grant: Grant) -> Iterator[str]:
    """Yield each service that must not assume a role beside the design."""
    for kind, name in grant.principals:
        service = re.sub(r"\.amazonaws\.com(\.cn)?$", "", name)
        if kind == "Service" and is_unlisted(service, design().attached["services"]):
            yield f"{name} is none of the services that may assume a role of a module"


@check("only the own account may administer a key", "key")
def administration(stack: Stack) -> Iterator[Finding]:
    """Refuse every pattern of actions that lets others change the policy or delete the key."""
    own = _own_account(stack)
    for type_ in _WITH_KEY_POLICY:
        for holder in stack.all(type_):
            if holder.planned("bypass_policy_lockout_safety_check") is True:
                text = "bypass_policy_lockout_safety_check = true; remove it"
                yield Finding(False, f"{holder.address}: {text}")
            try:
                statements = grants(stack, holder, "policy")
            except NotShownError:
                text = "this plan does not show its policy; write it of literals and references"
                yield Finding(False, f"{holder.address}: {text}")
                continue
            wrong = [
                name
                for grant in statements
                if any(fnmatchcase(a, p.lower()) for p in grant.actions for a in _ADMINISTRATION)
                or {"NotAction", "not_actions"} & {*grant.excluding}
                for _, name in grant.principals
                if not (own and re.fullmatch(rf"(arn:[\w-]+:iam::)?{own}(:root)?", name))
            ]
            text = f"{listed(wrong)} may administer the key; allow only the own account's root"
            if wrong and not own:
                text += ", by its number: no policy of a key shows which account that is"
            by = own or "the own account"
            yield Finding(not wrong, f"{holder.address}: {text if wrong else f'only by {by}'}")


def _own_account(stack: Stack) -> str:
    """Return the account that most key policies name, of the first ones; empty if none does."""
    accounts: Counter[str] = Counter()
    for key in (key for type_ in _WITH_KEY_POLICY for key in stack.all(type_)):
        try:
            names = [n for g in grants(stack, key, "policy") for _, n in g.principals]
        except NotShownError:
            continue
        # Each account once, in the order of the policy: the first one of a tie counts.
        accounts.update([*dict.fromkeys(m[1] for n in names if (m := _ACCOUNT.fullmatch(n)))])
    return accounts.most_common(1)[0][0] if accounts else ""


@check("no IAM policy has a wildcard on actions that change data", "IAM policy")
def narrow(stack: Stack) -> Iterator[Finding]:
    """Judge policies in every form; the rotation's own ones have a scenario of their own."""
    of_rotation = _of_rotation(stack)
    for holder, path in _policies(stack):
        if holder.address in of_rotation:
            yield Finding(True, f"{holder.address}: compared with its own list of actions")
            continue
        try:
            statements = grants(stack, holder, path)
        except NotShownError as error:
            yield Finding(False, f"{holder.address}: {error}")
            continue
        wrong = [reason for grant in statements if (reason := _too_wide(grant))]
        if rendered() and not is_of_design(stack, holder):
            names = _protected(stack)
            wrong += [r for grant in statements for r in _reads_the_stack(stack, grant, names)]
        for reason in wrong:
            yield Finding(False, f"{holder.address}: {reason}")
        if not wrong:
            actions = listed(dict.fromkeys(a for g in statements for a in g.actions))
            yield Finding(True, f"{holder.address}: allows {actions or 'no action'}")
    yield from _managed(stack)
    if rendered():
        for text in (
            *read_secrets(stack),
            *not_allowed(stack),
            *not_lent(stack),
            *not_own(stack),
            *hidden(stack),
            *silencing(stack),
        ):
            yield Finding(False, text)


def _protected(stack: Stack) -> set[tuple[str, str]]:
    """Return the service and each name, id and ARN of the design's resources and of the state."""
    names = {
        (service, value)
        for resource in stack.resources
        if resource.mode == "managed" and is_of_design(stack, resource)
        # What belongs to no service of AWS, such as terraform_data, is in no policy.
        for service in [s for s, types in SERVICES.items() if fnmatchcase(resource.type, types)][:1]
        for name in _NAMES
        if isinstance(value := resource.planned(name), str) and value
    }
    sources = sources_of(stack)
    for settings in sources.module(()).of("terraform") if sources else ():
        for backend in settings.of("backend"):
            if bucket := backend.arguments.get("bucket", "").strip('"'):
                names.add(("s3", bucket))
    return names


def _reads_the_stack(stack: Stack, grant: Grant, names: set[tuple[str, str]]) -> Iterator[str]:
    """Yield each action that a module may not allow, and each on a resource of the design."""
    groups = {name: text for name, text in design().actions.items() if name != "never"}
    keys = (key for key in stack.all("aws_kms_key") if is_of_design(stack, key))
    # The ARN of a key holds an id, which a first plan does not show.
    hides_key = any(key.planned("key_id") is UNKNOWN for key in keys)
    for action in grant.actions:
        if is_unlisted(action, *groups.values()) or not is_unlisted(
            action, design().actions["never"]
        ):
            text = f"{action} is none of the actions that a module of the project may allow"
            yield f"{text}; grant it outside of the stack"
            continue
        yield from writes_metrics(stack, grant, action)
        if not is_sensitive(action):
            continue
        for resource in grant.resources:
            owners = [r for r in stack.resources if r.address == resource]
            if action.lower() in _AS_ROLES and {r.type for r in owners} != {"aws_iam_role"}:
                text = f"{action} on {resource} may be a role of others"
                yield f"{text}; refer to a role of the module directly"
                continue
            reached = (
                any(
                    is_of_design(stack, o) or o.mode != "managed" or o.type in _PASS_ON
                    for o in owners
                )
                if owners
                else _reaches(resource, names)
                or (hides_key and arns.of_kind(resource, "kms", "key/"))
            )
            if reached:
                text = f"{action} on {resource} reaches what the design holds"
                yield f"{text}; only the roles of the design may"


def _reaches(pattern: str, names: set[tuple[str, str]]) -> bool:
    """Return whether the pattern of an ARN may match a resource with one of the names.

    >>> arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret"
    >>> [_reaches(f"{arn}:{x}-*", {("secretsmanager", "a/b")}) for x in ("a/b", "partner")]
    [True, False]
    >>> [_reaches(f"arn:aws:iam::1:role/{x}", {("iam", "a-b")}) for x in ("a-b-c", "a-b", "a-*")]
    [False, True, True]
    >>> _reaches("arn:aws:iam::1:role/${aws:PrincipalTag/x}-b", {("iam", "a-b")})
    True
    """
    parts = pattern.split(":", 5)
    # The id of an instance, which rds-db names, is known only after its creation.
    if len(parts) < 6 or parts[2] == "rds-db":
        return True
    # The roles of pipelines have such names: `finbase new roles`.
    if arns.of_kind(pattern, "iam", "role/finbase-"):
        return True
    return any(
        # A snapshot has the name of its database in its own.
        arns.of_name(pattern, service, name) or (service == "rds" == parts[2] and name in pattern)
        for service, name in names
    )


def _of_rotation(stack: Stack) -> set[str]:
    """Return the policies of the rotation's role, which the scenarios of F06d judge."""
    addresses = set[str]()
    for _, _, function in connection_rotations(stack):
        if role := stack.one(function, "role", "aws_iam_role"):
            addresses.update(policy.address for policy in inline_policies(stack, role))
            for attachment in attachments(stack, role):
                if policy := stack.one(attachment, "policy_arn", "aws_iam_policy"):
                    addresses.add(policy.address)
    return addresses


def _policies(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for type_ in _IDENTITY_POLICIES:
        yield from ((policy, "policy") for policy in stack.all(type_))
    for role in stack.all("aws_iam_role"):
        inline = role.planned("inline_policy")
        numbers = added_beside(stack, role, "inline_policy")
        if role.holds("inline_policy"):
            numbers = [*range(len(inline) if isinstance(inline, list) else 1)]
        for n in numbers:
            yield role, f"inline_policy.{n}.policy"


def _too_wide(grant: Grant) -> str:
    if exclusions := [n for n in grant.excluding if "rincipal" not in n]:
        return f"{exclusions[0]} allows all others; list what is needed"
    for action in grant.actions:
        service, _, verb = action.lower().partition(":")
        reads = verb.startswith(_READS)
        if "*" in service or "?" in service or (("*" in verb or "?" in verb) and not reads):
            return f"{action} is a wildcard; list the actions"
        changes = service in _DATA and not reads
        reads_secret = service == "secretsmanager" and verb.startswith(("get", "batchget"))
        if changes or reads_secret or (service == "kms"):
            for resource in grant.resources:
                if _any_resource(resource):
                    return f"{action} on {resource} is a wildcard; name the resources"
    return ""


def _any_resource(resource: str) -> bool:
    """Return whether a resource is any of its kind.

    >>> _any_resource("*"), _any_resource("arn:aws:rds:*:*:db:*")
    (True, True)
    >>> _any_resource("arn:aws:logs:eu-west-1:111122223333:log-group:/aws/vpc/x:*")
    False
    """
    if "*" not in resource and "?" not in resource:
        return False
    parts = resource.split(":", 5)
    # The id of an instance, which rds-db names, is known only after its creation.
    if len(parts) < 6 or parts[2] == "rds-db":
        return True
    name = re.split(r"[:/]", parts[5], maxsplit=1)[-1] if parts[2] != "s3" else parts[5]
    return not name.strip("*?:/")


def _managed(stack: Stack) -> Iterator[Finding]:
    """Refuse AWS's own broad policies, by their names."""
    kinds = {
        "aws_iam_role_policy_attachment": "policy_arn",
        "aws_iam_user_policy_attachment": "policy_arn",
        "aws_iam_group_policy_attachment": "policy_arn",
        "aws_iam_policy_attachment": "policy_arn",
        "aws_iam_role": "managed_policy_arns",
        "aws_iam_role_policy_attachments_exclusive": "policy_arns",
    }
    for type_, argument in kinds.items():
        for holder in stack.all(type_):
            planned = holder.planned(argument)
            for arn in planned if isinstance(planned, list) else [planned]:
                if isinstance(arn, str) and ":iam::aws:policy/" in arn:
                    beside = rendered() and not is_of_design(stack, holder)
                    name = arn.rpartition("/")[2]
                    wide = bool(_BROAD.fullmatch(arn)) or (
                        beside and is_unlisted(name, design().attached["policies"])
                    )
                    fix = "; attach a policy that lists its actions" if wide else ""
                    yield Finding(not wide, f"{holder.address}: {arn}{fix}")
                elif arn is UNKNOWN and _is_computed(stack, holder, argument):
                    text = f"{argument} may be a policy of AWS; refer to a policy of the module"
                    yield Finding(False, f"{holder.address}: {text} directly")
                elif _hides(stack, holder, arn):
                    text = f"{arn} is not in this plan; write its statements as a policy"
                    yield Finding(False, f"{holder.address}: {text}")


def _is_computed(stack: Stack, holder: Resource, argument: str) -> bool:
    """Return whether a policy beside the design is not just the ARN of one of the module."""
    if not rendered() or is_of_design(stack, holder) or not holder.writes(argument):
        return False
    return not is_own(stack, holder, argument, "aws_iam_policy")


def _hides(stack: Stack, holder: Resource, arn: Any) -> bool:
    """Return whether a policy that the plan does not contain is attached beside the design."""
    if not isinstance(arn, str) or not rendered() or is_of_design(stack, holder):
        return False
    return arn not in {policy.planned("arn") for policy in stack.all("aws_iam_policy")}


@check("every cache requires TLS and authenticates its users", "cache")
def cache_login(stack: Stack) -> Iterator[Finding]:
    """Require TLS where it can be off, and a user group or a token."""
    for cache in stack.all("aws_elasticache_serverless_cache"):
        yield _login(stack, cache, ("user_group_id",))
    for group in stack.all("aws_elasticache_replication_group"):
        tls = group.planned("transit_encryption_enabled") is True
        mode = group.planned("transit_encryption_mode")
        fine = tls and mode != "preferred"
        text = f"{group.address}: transit_encryption_enabled = {str(tls).lower()}"
        if mode == "preferred":
            text += ", transit_encryption_mode = preferred, which lets clients in without TLS"
        yield Finding(fine, text if fine else f"{text}; set it to true, in the mode required")
        yield _login(stack, group, ("user_group_ids", "auth_token"))
    for cluster in stack.all("aws_elasticache_cluster"):
        if not stack.is_set(cluster, "replication_group_id"):
            text = "a single node has no login; use a replication group or a serverless cache"
            yield Finding(False, f"{cluster.address}: {text}")


def _login(stack: Stack, cache: Resource, arguments: tuple[str, ...]) -> Finding:
    for name in arguments:
        if stack.is_set(cache, name) and cache.planned(name) not in (None, "", []):
            return Finding(True, f"{cache.address}: {source_of(stack, cache, name)}")
    text = f"{cache.address}: {listed(arguments)} not set, so everybody who reaches it may use it"
    return Finding(False, f"{text}; set {arguments[0]} to an aws_elasticache_user_group")


@check("every user of a cache needs IAM or a password", "cache")
def cache_users(stack: Stack) -> Iterator[Finding]:
    """Refuse users without a password, and an access string that switches a login off."""
    users = stack.all("aws_elasticache_user")
    for user in users:
        mode = user.planned("authentication_mode.0.type")
        passwords = stack.is_set(user, "passwords") or stack.is_set(
            user, "authentication_mode.0.passwords"
        )
        none = user.planned("no_password_required") is True or mode == "no-password-required"
        rules = str(user.planned("access_string") or "").split()
        off = "off" in rules
        fine = off or (not none and (mode == "iam" or passwords) and "nopass" not in rules)
        now = mode or ("password" if passwords else "no authentication")
        if none or "nopass" in rules:
            now = "no password required"
        elif mode is UNKNOWN and passwords:
            now = "password"
        text = f"{user.address}: {shown(now)}"
        fix = '; set authentication_mode { type = "iam" }'
        yield Finding(fine, text if fine else text + fix)
    if not users:
        for cache in stack.all("aws_elasticache_serverless_cache"):
            text = "its users are not in this plan"
            yield Finding(True, f"{cache.address}: {text}")
