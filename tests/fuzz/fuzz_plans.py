"""Plan JSON → verdict: no plan that fails a scenario passes it once a part of it is spoilt.

First, in an order that the seed draws, one place of one plan is spoilt in one way after the
other. Then atheris spoils several places or the text, led by what code that reaches.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from finbase.errors import ComplianceError
from finbase.judge import compliance
from finbase.plan.document import demand_whole, read_plan
from tests.fuzz.fast_judge import FEATURES, ROOT, Judge, StepCrashError
from tests.fuzz.mutilation import BYTES, WAYS, Place, mutilated, places, spoil
from tests.fuzz.real_plans import GOOD, make_plans

SAMPLE = 1000  # of so many, the real terraform-compliance judges one as well


class WrongError(Exception):
    """What must not be: a pass too many, or an exception that nobody explains."""


class Campaign:
    """Judges spoilt plans, and counts how they went."""

    def __init__(self, plans: dict[str, bytes]) -> None:
        self.judge = Judge()
        self.plans: dict[str, Any] = {name: json.loads(data) for name, data in plans.items()}
        self.texts = {name: json.dumps(plan).encode() for name, plan in self.plans.items()}
        self.failed = {name: self.judge.failed(plan) for name, plan in self.plans.items()}
        self.places = {name: list(places(plan)) for name, plan in self.plans.items()}
        self.once = {name: [*filter(_is_said_once, found)] for name, found in self.places.items()}
        self.counts: Counter[str] = Counter()
        for name in self.plans:
            if bool(self.failed[name]) is (name in GOOD):
                raise WrongError(f"{name}: fails {self.failed[name]} to begin with")

    def spoilt(self, name: str, place: Place, way: str) -> str:
        """Spoil one place, and say how the verdict was: refused, failed or passed."""
        plan, before = self.plans[name], self.failed[name]
        with mutilated(plan, place, way):
            try:
                demand_whole(plan, "the plan")
            except ComplianceError:
                return "refused"
            after = self.judge.failed(plan, tuple(before))
        if fewer := before - after:
            raise WrongError(f"{name} without {place} ({way}) passes {sorted(fewer)}")
        return "failed" if after else "passed"

    def text(self, name: str, data: bytes) -> str:
        """Judge the spoilt text of a plan."""
        try:
            plan = read_plan(data, "the plan")
        except ComplianceError:
            return "refused"
        before = self.failed[name]
        if fewer := before - self.judge.failed(plan, tuple(before)):
            raise WrongError(f"the text of {name} passes {sorted(fewer)}")
        return "failed" if before else "passed"

    def several(self, name: str, spoils: Sequence[tuple[int, int]]) -> str:
        """Spoil several places: only what can be read at all is asked, and that nothing crashes."""
        plan = json.loads(self.texts[name])
        for which, how in spoils:
            at = self.places[name][which % len(self.places[name])]
            with suppress(LookupError, TypeError):  # An earlier one may have taken the place away.
                spoil(plan, at, [*WAYS][how % len(WAYS)])
        try:
            demand_whole(plan, "the plan")
        except ComplianceError:
            return "refused"
        return "failed" if self.judge.failed(plan) else "passed"

    def sample(self, name: str, place: Place, way: str) -> None:
        """Have terraform-compliance judge a spoilt plan too, and compare."""
        plan = self.plans[name]
        with mutilated(plan, place, way):
            data, refused = json.dumps(plan).encode(), False
            try:
                demand_whole(plan, "the plan")
            except ComplianceError:
                refused = True
            ours = set() if refused else self.judge.failed(plan)
        try:
            verdict = compliance.run(data, FEATURES)
        except ComplianceError:
            self.counts["no verdict, in full"] += 1
            return  # It is stricter than the fast path: never a pass.
        theirs = {scenario.location for scenario in verdict.failed}
        if refused or ours != theirs:
            raise WrongError(
                f"{name} without {place} ({way}): {sorted(ours)}, in full {sorted(theirs)}"
            )
        self.counts["judged in full"] += 1


def _is_said_once(place: Place) -> bool:
    """Whether no other part of a plan says the same, so that its loss must not go unseen."""
    if place[0] == "resource_changes":
        return "after_unknown" in place
    return place[:2] != ("planned_values", "root_module")


def one_by_one(campaign: Campaign, seconds: float, seed: int, corpus: Path) -> Iterator[str]:
    """Spoil single places until the time is up; what is wrong is kept and told."""
    drawn = random.Random(seed)
    names = sorted(campaign.plans)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        name, way = drawn.choice(names), drawn.choice([*WAYS])
        place = drawn.choice(drawn.choice([campaign.places, campaign.once])[name])
        try:
            campaign.counts[campaign.spoilt(name, place, way)] += 1
            if drawn.randrange(SAMPLE) == 0:
                campaign.sample(name, place, way)
        except (WrongError, StepCrashError, RecursionError) as error:
            campaign.counts["wrong"] += 1
            with corpus.open("a") as file:
                file.write(json.dumps([name, place, way, str(error)]) + "\n")
            yield str(error)


def led_by_coverage(campaign: Campaign, arguments: list[str]) -> None:
    """Let atheris choose; it ends the process."""
    import atheris

    names, kinds = sorted(campaign.plans), [*BYTES]

    def one(data: bytes) -> None:
        given = atheris.FuzzedDataProvider(data)
        name = names[given.ConsumeIntInRange(0, len(names) - 1)]
        count = given.ConsumeIntInRange(1, 6)
        if given.ConsumeBool():
            campaign.several(
                name, [(given.ConsumeUInt(3), given.ConsumeUInt(1)) for _ in range(count)]
            )
            return
        text = campaign.texts[name]
        for _ in range(count):
            kind = kinds[given.ConsumeIntInRange(0, len(kinds) - 1)]
            at = given.ConsumeUInt(3) % max(1, len(text))
            text = BYTES[kind](text, at, given.ConsumeUInt(2)) or b"{}"
        campaign.text(name, text)

    atheris.Setup(["plans", *arguments], one)
    atheris.Fuzz()


def main(seconds: float, seed: int, *, led: bool) -> int:
    """Run the campaign; 1 where something is wrong. One that is led ends the process."""
    folder = ROOT / "build" / "fuzz"
    campaign = Campaign(make_plans(folder / "plans"))
    if led:
        corpus = folder / "plans-led"
        corpus.mkdir(exist_ok=True)
        (corpus / "seed").write_bytes(random.Random(seed).randbytes(64))
        options = [f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-timeout=60"]
        options += [
            "-max_len=64",
            "-len_control=0",
            "-print_final_stats=1",
            f"-artifact_prefix={folder}/plans-",
            str(corpus),
        ]
        led_by_coverage(campaign, options)
    wrong = list(one_by_one(campaign, seconds, seed, folder / "plans.jsonl"))
    print(dict(campaign.counts))
    print(*sorted(set(wrong)), sep="\n")
    return 1 if wrong else 0
