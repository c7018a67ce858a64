"""PCI DSS v4.0.1: short descriptions of requirements, and what no plan can show.

The descriptions are finbase's own summaries. Only the text of the standard is binding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Subject:
    """A requirement: a summary, and what remains to be shown apart from the plan."""

    summary: str
    remains: str


@dataclass(frozen=True)
class Beyond:
    """Requirements that no plan can support, and what they require of people."""

    numbers: str
    what: str


SUBJECTS: Final[dict[str, Subject]] = {
    "1.2.1": Subject(
        "Standards for network controls are defined, applied and maintained",
        "The standard as a document",
    ),
    "1.2.5": Subject(
        "Allowed services, protocols and ports are identified, approved and needed",
        "The approval and the business need of each flow",
    ),
    "1.2.7": Subject(
        "Rules of network controls are reviewed every six months",
        "The review itself, by somebody who can judge the need",
    ),
    "1.3.1": Subject(
        "Inbound traffic to the cardholder data environment is restricted to what is needed",
        "The business need of each source",
    ),
    "1.3.2": Subject(
        "Outbound traffic of the cardholder data environment is restricted to what is needed",
        "Which hosts applications call: a security group has addresses and ports, not names",
    ),
    "1.4.4": Subject(
        "Systems that store cardholder data cannot be reached from untrusted networks",
        "Paths outside of this stack: peering, VPN and other accounts",
    ),
    "1.4.5": Subject(
        "Internal addresses and routing are disclosed to nobody without authorisation",
        "What documents and logs contain, and what partners receive",
    ),
    "2.2.1": Subject(
        "Components are configured by a standard that is kept up to date",
        "The standard as a document, and components outside of this stack",
    ),
    "2.2.4": Subject(
        "Only necessary services, functions and components are present",
        "What runs in the applications and in other stacks of the account",
    ),
    "2.2.7": Subject(
        "Administrative access over a network is encrypted strongly",
        "That clients verify the certificate (sslmode=verify-full), and how people get there",
    ),
    "3.2.1": Subject(
        "Stored account data is kept to a minimum and deleted on time",
        "What the tables hold, and the deletion of rows",
    ),
    "3.5.1": Subject(
        "PAN is unreadable wherever it is stored",
        "By 3.5.1.2, encryption of disks is not enough for that: card columns need encryption by "
        "the application, or tokens",
    ),
    "3.6.1": Subject(
        "Keys that protect stored account data are guarded against disclosure and misuse",
        "Key custodians, their duties and acknowledgements",
    ),
    "3.7.1": Subject(
        "Strong keys are generated, stored and protected",
        "Who administers the keys, and how they are audited",
    ),
    "3.7.4": Subject(
        "Keys are changed at the end of their cryptoperiod",
        "The cryptoperiod as a document",
    ),
    "4.2.1": Subject(
        "Account data is encrypted strongly while it crosses open networks",
        "That clients verify certificates, and paths outside of this stack",
    ),
    "6.3.2": Subject(
        "An inventory of own and third-party software is kept",
        "The inventory of the applications",
    ),
    "6.3.3": Subject(
        "Security patches are installed in time, critical ones within a month",
        "That a version really runs, and patches that need a new major version",
    ),
    "6.5.1": Subject(
        "Changes follow a procedure: documented, approved, tested, reversible",
        "Approval, a test of the running system, and a rollback plan, for each change",
    ),
    "7.2.2": Subject(
        "Access is assigned by job and with the least privileges",
        "Who may assume which role, and the approval",
    ),
    "7.2.5": Subject(
        "Accounts of applications and systems have the least privileges that they need",
        "Roles and grants within the database, and their periodic review (7.2.5.1)",
    ),
    "8.3.1": Subject(
        "Every login is authenticated by at least one factor",
        "The logins of people, and of applications in other stacks",
    ),
    "8.3.2": Subject(
        "Authentication factors are unreadable in transit and at rest",
        "What clients do with the password once they have it",
    ),
    "8.6.2": Subject(
        "Passwords of application accounts are not in scripts, files or source",
        "The applications: that they read the secret and copy it nowhere",
    ),
    "8.6.3": Subject(
        "Passwords of application accounts are strong and changed periodically",
        "The targeted risk analysis that sets the period (12.3.1)",
    ),
    "10.2.1": Subject(
        "Audit logs are on for all components",
        "CREATE EXTENSION pgaudit in the database, which Terraform cannot run; until then the "
        "records of pgaudit lack the type and the name of objects",
    ),
    "10.5.1": Subject(
        "Audit logs are kept for 12 months, the last three of them at hand",
        "That somebody can find an entry, and logs outside of this stack",
    ),
    "12.5.1": Subject(
        "An inventory of components in scope, with what each is for, is kept current",
        "The inventory itself; tags and descriptions only feed it",
    ),
    "12.10.1": Subject(
        "A plan for incidents exists and can be carried out at once",
        "The plan itself, and a restore that was tried",
    ),
}
"""Every requirement that a control or a scenario names."""

BEYOND: Final = (
    Beyond(
        "3.5.1.2",
        "Encrypted storage protects lost disks. Users who query the database read clear text: "
        "PAN needs protection by the application.",
    ),
    Beyond(
        "4.2.1, 4.2.1.1", "Clients verify certificates; trusted keys and authorities are listed."
    ),
    Beyond("7.2.4, 7.2.5.1", "Access of people and systems is reviewed periodically."),
    Beyond("8.4, 8.5", "Administrators of the AWS account use multi-factor authentication."),
    Beyond("10.3.1 to 10.3.4", "Who may read and delete log groups is decided in the account."),
    Beyond("10.4.1, 10.4.1.1", "Somebody, or something, reviews the logs daily."),
    Beyond(
        "10.5.1",
        "Twelve months of logs, three at hand. The modules set a retention, but no scenario of the "
        "catalogue judges it.",
    ),
    Beyond("11.3, 11.4", "Vulnerability scans and penetration tests run against running systems."),
    Beyond(
        "11.5.2, 1.2.2",
        "A plan shows what will be built, not later changes by hand. Detect drift in the account.",
    ),
    Beyond("12.3.1, 12.10", "Risk analyses and an incident plan exist and are exercised."),
)


def order(number: str) -> tuple[int, ...]:
    """Return the sort key of a requirement: ``10.2.1`` comes after ``2.2.7``."""
    return tuple(int(part) for part in number.split("."))
