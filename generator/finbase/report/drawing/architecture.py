"""Draw the whole stack: zones, subnets, gateways, security groups with their members, and flows.

A security group is a box across the zones of its tier, with a box for each member. Lines at the
right are the allowed flows; their numbers lead to the list below.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from finbase.plan.addresses import name_of, title_of
from finbase.plan.flows import is_allowed, is_endpoint
from finbase.plan.network import peered
from finbase.report.drawing.canvas import Canvas
from finbase.report.drawing.network import CHIP, COLLECTOR, GATEWAY, draw_internet

if TYPE_CHECKING:
    from finbase.plan.flows import Flow
    from finbase.plan.network import Group, Network, Subnet

_PAD, _GUTTER, _ZONE, _NARROWEST = 16.0, 84.0, 172.0, 464.0
_INTERNET, _ZONES, _TOP = 22.0, 122.0, 132.0
_GATEWAY, _COLLECTOR = _INTERNET + GATEWAY, _INTERNET + COLLECTOR
_CELL, _MEMBER, _HEAD, _SPACE = 28.0, 42.0, 26.0, 10.0
_LANE, _LINE, _PER_ROW = 13.0, 18.0, 2
_CLIENTS = ("your applications", "not part of this plan")
_LEGEND = "Lines to gateways are routes. Numbered lines are traffic that security groups allow:"


def draw(network: Network, name: str) -> Canvas:
    """Draw a stack; ``name`` starts every id in the picture."""
    canvas = Canvas(name, "The stack: zones, subnets, groups and flows", _description(network))
    _Layout(canvas, network).draw()
    return canvas


class _Layout:
    """The positions of boxes, which are set while the tiers are drawn from top to bottom."""

    def __init__(self, canvas: Canvas, network: Network) -> None:
        self.canvas, self.network = canvas, network
        zones = network.zones
        across = max(_ZONE * len(zones), _NARROWEST)
        step = across / max(len(zones), 1)
        self.left, self.right = _PAD + _GUTTER, _PAD + _GUTTER + across
        self.columns = {zone: self.left + index * step for index, zone in enumerate(zones)}
        self.width = step - _SPACE
        self.lanes = self.right + _LANE * (len(network.flows) + 1)
        self.boxes: dict[str, tuple[float, float]] = {}
        self.tier_of: dict[str, str] = {}
        self.chips: dict[str, tuple[float, float]] = {}

    def draw(self) -> None:
        """Draw everything."""
        canvas, network = self.canvas, self.network
        y = _TOP
        for tier in network.tiers or ("",):
            y = self.tier(tier, y) + 14
        for endpoint in network.endpoints:
            tables = ", ".join(dict.fromkeys(map(name_of, endpoint.tables)))
            text = f"Gateway endpoint {endpoint.service}, in the route tables {tables or 'unknown'}"
            canvas.box(self.left, y, self.right - self.left - _SPACE, _CELL, "chip")
            canvas.text(self.left + 12, y + 18, text, "small", self.right - self.left - 34)
            self.boxes[endpoint.address] = (y, _CELL)
            y += _CELL + _SPACE
        bottom = y
        canvas.box(0, _GATEWAY + 14, self.lanes + 6, bottom - _GATEWAY - 14, "frame")
        canvas.text(_PAD, _COLLECTOR - 8, f"VPC {', '.join(network.cidrs)}", "mono", 200)
        for zone, left in self.columns.items():
            canvas.text(left, _ZONES, zone, "small muted", self.width)
        self.internet()
        ends = self.outside(bottom + 16)
        for number, flow in enumerate(network.flows, 1):
            self.flow(number, flow)
        y = ends + 22
        canvas.text(self.left, y, _LEGEND, "small muted", self.lanes - self.left)
        y += _LINE + 4
        for number, flow in enumerate(network.flows, 1):
            self.legend(number, flow, y)
            y += _LINE
        canvas.size(self.lanes + 6, y)

    def tier(self, tier: str, top: float) -> float:
        """Draw the subnets and the groups of a tier; return the position of their lower end."""
        canvas, network = self.canvas, self.network
        canvas.text(_PAD, top + 18, tier, "strong", _GUTTER - 8)
        lower = top
        for zone, left in self.columns.items():
            y = top
            for subnet in (s for s in network.subnets if (s.tier, s.zone) == (tier, zone)):
                y = self.subnet(subnet, left, y) + _SPACE
            lower = max(lower, y)
        # Where the routes of the tier start: traffic to the internet leaves its groups here.
        self.boxes[f"tier {tier}"] = (top, max(lower - top - _SPACE, 0.0))
        for group in self.groups(tier):
            self.tier_of[group.address] = tier
            lower = self.group(group, lower) + _SPACE
        return lower

    def subnet(self, subnet: Subnet, x: float, y: float) -> float:
        """Draw a subnet with its NAT gateways, and the lines of its routes."""
        canvas = self.canvas
        gateways = [g for g in self.network.gateways if g.subnet == subnet.address]
        height = _CELL + len(gateways) * (CHIP + 8)
        canvas.box(x, y, self.width, height, "cell")
        canvas.text(x + 10, y + 18, subnet.cidr, "mono", self.width - 20)
        middle = x + self.width / 2
        for number, gateway in enumerate(gateways):
            chip = y + _CELL + number * (CHIP + 8)
            canvas.box(x + 10, chip, self.width - 20, CHIP, "chip")
            canvas.text(middle, chip + 18, "NAT gateway", "small", anchor="middle")
            self.chips[gateway.address] = (middle, chip + CHIP)
        for route in subnet.routes:
            if route.kind == "internet":
                canvas.line("path", (middle, y), (middle, _COLLECTOR))
            elif route.target in self.chips:
                to_x, to_y = self.chips[route.target]
                bend = y - 8
                canvas.line("path", (middle, y), (middle, bend), (to_x, bend), (to_x, to_y + 6))
                canvas.arrow(to_x, to_y + 1, "up")
        return y + height

    def groups(self, tier: str) -> list[Group]:
        """Return the groups with members in a tier; those without are where NAT is used."""
        tiers = {subnet.address: subnet.tier for subnet in self.network.subnets}
        homes = {
            member.address: {tiers[subnet] for subnet in member.subnets if subnet in tiers}
            for member in self.network.members
        }
        used = {end for flow in self.network.flows for end in (flow.source, flow.target)}
        private = self._private()
        found = []
        for group in self.network.groups:
            places = set().union(*(homes.get(member, set()) for member in group.members))
            home = min(places) if places else private
            if home == tier and (group.members or group.address in used):
                found.append(group)
        return found

    def _private(self) -> str:
        tiers = self.network.tiers
        nat = {s.tier for s in self.network.subnets if any(r.kind == "nat" for r in s.routes)}
        return next((tier for tier in tiers if tier in nat), tiers[-1] if tiers else "")

    def group(self, group: Group, y: float) -> float:
        """Draw a security group with its members."""
        canvas = self.canvas
        members = [
            (m.title, m.kind) for m in self.network.members if m.address in group.members
        ] or [_CLIENTS]
        rows = -(-len(members) // _PER_ROW)
        width = self.right - self.left - _SPACE
        height = _HEAD + rows * (_MEMBER + 8) + 4
        height = max(height, 18.0 * (self._touching(group.address) + 1))
        canvas.box(self.left, y, width, height, "group")
        canvas.text(self.left + 12, y + 18, title_of(group.address), "strong", 130)
        canvas.text(self.left + 150, y + 18, group.description, "small muted", width - 162)
        step = (width - 12) / min(len(members), _PER_ROW)
        for number, (title, kind) in enumerate(members):
            x = self.left + 12 + number % _PER_ROW * step
            top = y + _HEAD + 4 + number // _PER_ROW * (_MEMBER + 8)
            canvas.box(x, top, step - 12, _MEMBER, "chip")
            canvas.text(x + 10, top + 17, title, "small", step - 32)
            canvas.text(x + 10, top + 32, kind, "small muted", step - 32)
        self.boxes[group.address] = (y, height)
        return y + height

    def _touching(self, end: str) -> int:
        return sum(end in (flow.source, flow.target) for flow in self.network.flows)

    def internet(self) -> None:
        """Draw the internet, its gateway, and the line that public subnets share."""
        x = (self.left + self.right - _SPACE) / 2
        climbs = [
            self.columns[subnet.zone] + self.width / 2
            for subnet in self.network.subnets
            if any(route.kind == "internet" for route in subnet.routes)
        ]
        across = self.left, self.lanes
        draw_internet(self.canvas, self.network, across, _INTERNET, x, climbs)

    def outside(self, y: float) -> float:
        """Draw the ends of flows that are not groups, below the VPC; return their lower end."""
        peers = peered(self.network)
        ends = dict.fromkeys(
            end for flow in self.network.flows for end in (flow.source, flow.target)
        )
        for end in ends | dict.fromkeys(peers):
            if end in self.boxes or end == "0.0.0.0/0":
                continue
            self.canvas.box(self.left, y, self.right - self.left - _SPACE, _CELL, "cell")
            text = f"Addresses outside of these groups: {end}"
            if is_endpoint(end):
                text = f"Gateway endpoint {title_of(end)}"
            if end in peers:
                text = f"Peered network {end}, {peers[end]}"
            self.canvas.text(self.left + 12, y + 18, text, "small", self.right - self.left - 40)
            self.boxes[end] = (y, _CELL)
            y += _CELL + _SPACE
        return y

    def flow(self, number: int, flow: Flow) -> None:
        """Draw a flow as a line with two bends at most, and its number at the target."""
        look = "path" if is_allowed(flow) else "broken"
        edge, lane = self.right - _SPACE, self.right + _LANE * (number - 0.5)
        start, target = self._row(flow.source, flow), self._target(flow)
        if target in self.boxes:
            end = self._row(target, flow)
            self.canvas.line(look, (edge, start), (lane, start), (lane, end), (edge + 6, end))
            self.canvas.arrow(edge + 1, end, "left")
        else:
            self.canvas.line(look, (edge, start), (lane, start), (lane, _INTERNET + 6))
            self.canvas.arrow(lane, _INTERNET + 1, "up")
        self.mark(number, lane, start)

    def _target(self, flow: Flow) -> str:
        """Return the box where a flow ends: of one to the internet, the subnets of its source."""
        leaves = flow.target == "0.0.0.0/0" and flow.source in self.tier_of
        return f"tier {self.tier_of[flow.source]}" if leaves else flow.target

    def _row(self, end: str, flow: Flow) -> float:
        """Return where a flow meets the edge of a box: each flow has a place of its own."""
        if end not in self.boxes:
            return _INTERNET
        top, height = self.boxes[end]
        touching = [f for f in self.network.flows if end in (f.source, self._target(f))]
        return top + height * (touching.index(flow) + 1) / (len(touching) + 1)

    def mark(self, number: int, x: float, y: float) -> None:
        """Draw the number of a flow."""
        self.canvas.box(x - 7, y - 7, 14, 14, "mark")
        self.canvas.text(x, y + 4, str(number), "small", anchor="middle")

    def legend(self, number: int, flow: Flow, y: float) -> None:
        """Write what a number stands for."""
        self.mark(number, self.left + 7, y - 4)
        what = f"{flow.protocol} {flow.ports}".strip()
        ends = f"{title_of(flow.source)} → {title_of(flow.target)}"
        text = f"{ends}, {what}: {flow.description or 'no description'}"
        if tier := self.tier_of.get(flow.source, "") if flow.target == "0.0.0.0/0" else "":
            text += f", by the routes of the {tier} subnets"
        if not is_allowed(flow):
            text += " (allowed at one end only, so no traffic)"
        self.canvas.text(self.left + 24, y, text, "small", self.lanes - self.left - 30)


def _description(network: Network) -> str:
    groups: Iterable[str] = (
        f"{title_of(group.address)} with {len(group.members)} members" for group in network.groups
    )
    flows = (f"{title_of(f.source)} to {title_of(f.target)}, {f.protocol}" for f in network.flows)
    return (
        f"VPC {', '.join(network.cidrs)} in {len(network.zones)} zones, with the tiers "
        f"{', '.join(network.tiers)}. Groups: {'; '.join(groups)}. Flows: {'; '.join(flows)}."
    )
