"""Draw the network: a column per zone, a band per tier, and the routes to the internet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from finbase.plan.addresses import name_of
from finbase.plan.network import other_zone, outlet, outlets, peered
from finbase.report.drawing.canvas import WIDTH, Canvas

if TYPE_CHECKING:
    from finbase.plan.network import Gateway, Member, Network, Subnet

_GUTTER, _NARROWEST, _PAD = 76.0, 204.0, 16.0
GATEWAY, COLLECTOR = 26.0, 74.0
"""How far the internet gateway, and the line that public subnets share, are below the internet."""
_INTERNET, _ZONES = 26.0, 126.0
_GATEWAY, _COLLECTOR = _INTERNET + GATEWAY, _INTERNET + COLLECTOR
_FIRST, _CELL, _LINE, _BAND = 138.0, 62.0, 18.0, 30.0
CHIP = 28.0
"""The height of a gateway."""
_KINDS = {
    "aws_db_instance": "Databases",
    "aws_elasticache_serverless_cache": "Cache",
    "aws_lambda_function": "Functions",
    "aws_vpc_endpoint": "Endpoints",
}


def _members(network: Network, tier: str) -> list[tuple[str, str]]:
    """Return the resources of a tier: each kind with its names."""
    subnets = {subnet.address: subnet for subnet in network.subnets if subnet.tier == tier}
    zones = {subnet.zone for subnet in subnets.values()}
    kinds: dict[str, list[str]] = {}
    for member in network.members:
        occupied = {subnets[address].zone for address in member.subnets if address in subnets}
        if occupied:
            suffix = "" if occupied == zones else f" ({', '.join(sorted(occupied))})"
            kinds.setdefault(_kind(member), []).append(member.title + suffix)
    return [(kind, ", ".join(names)) for kind, names in kinds.items()]


def draw(network: Network, name: str) -> Canvas:
    """Draw a network; ``name`` starts every id in the picture."""
    zones, tiers = network.zones, network.tiers
    canvas = Canvas(name, "Zones, subnets, gateways and routes", _description(network))
    step = max(_NARROWEST, (WIDTH - _GUTTER - 2 * _PAD) / max(len(zones), 1))
    lefts = {zone: _PAD + _GUTTER + index * step for index, zone in enumerate(zones)}
    right = _PAD + _GUTTER + max(len(zones), 1) * step
    layout = _Layout(canvas, network, lefts, step - _PAD, right)
    bottom = layout.tiers(tiers)
    for text in _below(network):
        canvas.text(_PAD, bottom + 6, text, "small muted", right - 2 * _PAD)
        bottom += _LINE
    canvas.box(
        0.5,
        _GATEWAY + 14.5,
        right + _PAD / 2 - 1,
        bottom - _INTERNET - GATEWAY - 14,
        "frame",
    )
    left = min(lefts.values(), default=_PAD)
    middle = (left + right - _PAD) / 2
    draw_internet(canvas, network, (left, right - _PAD), _INTERNET, middle, layout.climbs)
    for end, ways in peered(network).items():
        canvas.box(_PAD, bottom + 12, right - 2 * _PAD, CHIP, "cell")
        canvas.text(_PAD + 10, bottom + 30, f"Peered network {end}, {ways}", "small", right - 60)
        bottom += CHIP + 8
    canvas.text(_PAD, _COLLECTOR - 8, f"VPC {', '.join(network.cidrs)}", "mono", 220)
    for zone, left in lefts.items():
        canvas.text(left, _ZONES, zone, "small muted")
    canvas.size(right + _PAD / 2, bottom + 2)
    return canvas


class _Layout:
    """The positions of subnets and gateways; drawing the tiers from top to bottom sets them."""

    def __init__(
        self,
        canvas: Canvas,
        network: Network,
        lefts: dict[str, float],
        width: float,
        right: float,
    ) -> None:
        self.canvas, self.network, self.lefts = canvas, network, lefts
        self.width, self.right = width, right
        self.chips: dict[str, tuple[float, float]] = {}
        self.climbs: list[float] = []
        self.head = _CELL

    def tiers(self, tiers: Sequence[str]) -> float:
        """Draw all tiers, and return the position of their lower end."""
        top = _FIRST
        for tier in tiers:
            cells = {
                zone: [s for s in self.network.subnets if (s.tier, s.zone) == (tier, zone)]
                for zone in self.lefts
            }
            subnets = [subnet for cell in cells.values() for subnet in cell]
            ways = max((len(outlets(self.network, subnet)) for subnet in subnets), default=1)
            chips = max((len(self.gateways(subnet)) for subnet in subnets), default=0)
            self.head = _CELL + _LINE * (ways - 1)
            height = self.head + chips * (CHIP + 8)
            rows = max(map(len, cells.values()))
            self.canvas.text(_PAD, top + 18, tier, "strong", _GUTTER - 8)
            for zone, cell in cells.items():
                for row, subnet in enumerate(cell):
                    self.subnet(subnet, self.lefts[zone], top + row * (height + 6), height)
            top += rows * (height + 6) + 4
            for kind, names in _members(self.network, tier):
                left = min(self.lefts.values())
                self.canvas.text(left, top + 10, kind, "small muted")
                self.canvas.text(left + 70, top + 10, names, "small", self.right - left - 80)
                top += _LINE
            top += _BAND
        return top - _BAND + 14

    def subnet(self, subnet: Subnet, x: float, y: float, height: float) -> None:
        """Draw a subnet with its gateways and the lines of its routes."""
        self.canvas.box(x, y, self.width, height, "cell")
        room = self.width - 20
        wrong = any(other_zone(self.network, subnet, route) for route in subnet.routes)
        look = "small bad" if wrong or not subnet.table else "small muted"
        self.canvas.text(x + 10, y + 18, subnet.cidr, "mono", room)
        table = f"route table {name_of(subnet.table)}" if subnet.table else "no route table"
        self.canvas.text(x + 10, y + 35, table, look, room)
        for number, way in enumerate(outlets(self.network, subnet)):
            self.canvas.text(x + 10, y + 51 + number * _LINE, way, look, room)
        for number, gateway in enumerate(self.gateways(subnet)):
            self.chip(gateway, x + 10, y + self.head + number * (CHIP + 8))
        for route in subnet.routes:
            if route.kind == "internet":
                middle = x + self.width / 2
                self.canvas.line("path", (middle, y), (middle, _COLLECTOR))
                self.climbs.append(middle)
            elif route.target in self.chips:
                self.climb(route.target, x, y, "other-zone" if wrong else "path")

    def gateways(self, subnet: Subnet) -> list[Gateway]:
        """Return the gateways in a subnet."""
        return [each for each in self.network.gateways if each.subnet == subnet.address]

    def chip(self, gateway: Gateway, x: float, y: float) -> None:
        """Draw a NAT gateway."""
        width = self.width - 20
        self.canvas.box(x, y, width, CHIP, "chip")
        self.canvas.text(x + 8, y + 18, "NAT gateway", "small", width)
        ip = "elastic IP" if gateway.ip else "elastic IP unknown"
        look = "small muted" if gateway.ip else "small bad"
        self.canvas.text(x + width - 8, y + 18, ip, look, width - 84, anchor="end")
        self.chips[gateway.address] = (x + width / 2, y + CHIP)

    def climb(self, gateway: str, x: float, y: float, look: str) -> None:
        """Draw the line from a subnet up to its NAT gateway, straight or across zones."""
        to_x, to_y = self.chips[gateway]
        inside = x <= to_x <= x + self.width
        start = to_x if inside else x + self.width - 16
        bend = y - 10
        self.canvas.line(look, (start, y), (start, bend), (to_x, bend), (to_x, to_y + 6))
        self.canvas.arrow(to_x, to_y + 1, "up")


def draw_internet(
    canvas: Canvas,
    network: Network,
    across: tuple[float, float],
    y: float,
    x: float,
    climbs: Sequence[float],
) -> None:
    """Draw the internet as a line at ``y``, and its gateway at ``x`` below it.

    ``climbs`` are where routes to it reach the line that public subnets share.
    """
    left, right = across
    gateway, collector = y + GATEWAY, y + COLLECTOR
    canvas.line("faint", (left, y), (right, y))
    canvas.text(left, y - 8, "Internet", "small muted")
    if not any(each.kind == "internet" for each in network.gateways):
        return
    canvas.line("path", (x, gateway), (x, y + 6))
    canvas.arrow(x, y + 1, "up")
    canvas.box(x - 70, gateway, 140, CHIP, "chip")
    canvas.text(x, gateway + 18, "Internet gateway", "small", anchor="middle")
    if climbs:
        ends = [x, *climbs]
        canvas.line("path", (min(ends), collector), (max(ends), collector))
        canvas.line("path", (x, collector), (x, gateway + CHIP))


def _below(network: Network) -> list[str]:
    """Return lines about what the columns cannot show."""
    known = {subnet.address for subnet in network.subnets}
    lines = [
        f"Gateway endpoint {endpoint.service}, from the route tables {tables or 'unknown'}"
        for endpoint in network.endpoints
        for tables in [", ".join(dict.fromkeys(map(name_of, endpoint.tables)))]
    ]
    elsewhere = [m.title for m in network.members if not known & set(m.subnets)]
    if elsewhere:
        lines.append(f"In subnets that are unknown in the plan: {', '.join(elsewhere)}")
    return lines


def _kind(member: Member) -> str:
    return next((kind for type_, kind in _KINDS.items() if f"{type_}." in member.address), "Others")


def _description(network: Network) -> str:
    subnets = "; ".join(
        f"{subnet.tier} {subnet.cidr} in {subnet.zone}: {outlet(network, subnet)}"
        for subnet in network.subnets
    )
    return f"VPC {', '.join(network.cidrs)} in {len(network.zones)} zones. {subnets}."
