"""The fuzz campaigns: ``python -m tests.fuzz plans --seconds 1200 --seed 1``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "generator"))

TRACED = [
    "finbase.plan.consistency",
    "finbase.plan.document",
    "finbase.plan.parse",
    "findings",
    "kinds",
    "policies",
    "rotation_parts",
    "stack_graph",
]


def main() -> int:
    """Run one campaign, and print what it counted."""
    parser = ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("campaign", choices=["yaml", "literals", "plans", "plans-led"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.campaign == "yaml":
        from tests.fuzz import fuzz_yaml

        return fuzz_yaml.main(given.seconds, given.seed)
    if given.campaign == "literals":
        from tests.fuzz import fuzz_literals

        return fuzz_literals.main(given.seconds, given.seed)
    led = given.campaign == "plans-led"
    if led:
        import atheris

        with atheris.instrument_imports(include=TRACED):
            from tests.fuzz import fast_judge, fuzz_plans

            fast_judge.Judge()
    from tests.fuzz import fuzz_plans

    return fuzz_plans.main(given.seconds, given.seed, led=led)


if __name__ == "__main__":
    sys.exit(main())
