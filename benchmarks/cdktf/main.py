# mypy: ignore-errors
"""The stack of ``environments/development`` for CDK for Terraform: ``python main.py FOLDER``.

With its imports renamed it is also one for CDK Terrain, the successor. It is the yardstick of
``make benchmark-cdktf`` and is never applied. It has the resources of the rendered stack, type by
type and one by one; ``docs/evidence/speed.md`` says what differs.
"""

from __future__ import annotations

import sys

from cdktf import App, S3Backend, TerraformOutput, TerraformStack
from cdktf_cdktf_provider_aws.provider import AwsProvider
from data import cache, database, secret
from monitoring import access, monitoring
from network import group, keys, network
from settings import ACCOUNT, NAME, REGION, TAGS


def main(folder):
    """Synthesise the stack below a folder."""
    # CDK Terrain refuses write-only arguments unless all versions that a project targets have them.
    targets = {"terraform": ">=1.11.0", "opentofu": ">=1.11.0"}
    app = App(outdir=folder, context={"targetVersions": targets})
    stack = TerraformStack(app, "development")
    stack.add_override("terraform.required_version", ">= 1.11.0")
    AwsProvider(
        stack, "aws", region=REGION, allowed_account_ids=[ACCOUNT], default_tags=[{"tags": TAGS}]
    )
    S3Backend(
        stack,
        bucket="ledger-development-terraform-state",
        key="ledger/development/terraform.tfstate",
        region=REGION,
        encrypt=True,
        kms_key_id="alias/terraform-state",
    )
    stack.add_override("terraform.backend.s3.use_lockfile", True)
    made = keys(stack)
    net = network(stack, made["logs"])
    store = cache(stack, net, made)
    base = database(stack, net, made)
    rotated = secret(stack, net, made, base)
    application = group(stack, "application", "Clients of the database and the cache", net.vpc.id)
    access(stack, net, base, rotated.group, store, application)
    monitoring(stack, made, base, net)
    for name, value in {
        "network_vpc_id": net.vpc.id,
        "network_private_subnet_ids": net.private,
        "database_identifier": base.instance.identifier,
        "database_address": base.instance.address,
        "database_port": base.instance.port,
        "access_application_security_group_id": application.id,
    }.items():
        TerraformOutput(stack, name, value=value, description=f"{name} of {NAME}")
    app.synth()


if __name__ == "__main__":
    main(sys.argv[1])
