"""Decide which files Terraform and OpenTofu read.

A name that merely contains ``.tfstate`` says nothing: ``terraform.tfstate.tf`` is configuration.
"""

from __future__ import annotations

REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
"""Of Terraform, and of OpenTofu. Both serve the same builds of the provider."""

PROVIDER = "hashicorp/aws"
"""Source of the AWS provider, in either registry."""

LOCK_FILE = ".terraform.lock.hcl"
"""Name of the file with the checksums of a stack's providers."""

STATE_FILE = "terraform.tfstate"
"""Name of the state of a stack whose backend is its own folder."""

_CODE = (".tf", ".tofu", ".tf.json", ".tofu.json")
_VALUES = (".tfvars", ".tfvars.json")
# Read by `test` and `query`, and by the configurations of HCP Terraform stacks.
_OTHERS = tuple(
    f".{kind}.{syntax}"
    for kind in (
        "tftest",
        "tofutest",
        "tfmock",
        "tofumock",
        "tfquery",
        "tfcomponent",
        "tfdeploy",
        "tfstack",
    )
    for syntax in ("hcl", "json")
)
_STATE = ".tfstate"
_PLAN = ".tfplan"


def is_code(name: str) -> bool:
    """Return whether a file has configuration of the module in its folder.

    Both programs skip hidden files. A copy that an editor keeps, such as ``main.tf~`` or
    ``#main.tf#``, has another ending.

    >>> is_code("terraform.tfstate.tf"), is_code("#main.tf"), is_code(".main.tf")
    (True, True, False)
    """
    return name.endswith(_CODE) and not name.startswith(".")


def is_read(name: str) -> bool:
    """Return whether any command of Terraform or OpenTofu reads a file because of its name.

    Values are read from hidden files, too. Names that differ in case count, because some file
    systems do not distinguish it.

    >>> is_read("main_override.tf.json"), is_read(".auto.tfvars"), is_read("README.md")
    (True, True, False)
    """
    lower = name.casefold()
    if lower.endswith(_VALUES) or lower == LOCK_FILE:
        return True
    return lower.endswith((*_CODE, *_OTHERS)) and not lower.startswith(".")


def is_left_behind(name: str) -> bool:
    """Return whether a file is a state, a backup of one, the lock of one, or a saved plan.

    >>> is_left_behind("terraform.tfstate.1700000000.backup"), is_left_behind("x.tfstate.tf")
    (True, False)
    """
    lower = name.casefold()
    state = lower.endswith((_STATE, _PLAN)) or f"{_STATE}." in lower
    return state and not is_read(name)
