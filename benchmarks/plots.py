"""Line charts as SVG, readable on light and on dark pages: they have no background, and follow the reader's scheme."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 500, 44, 320
LIGHT = ("#57606a", "#0969da", "#1a7f37", "#c2410c", "#a5478a")
DARK = ("#9aa4ae", "#58a6ff", "#3fd16a", "#ff9450", "#f09ad4")


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: Its name in the legend.
        points: What it goes through.
        colour: Which of the colours it has.
        is_square: Whether its marks are squares in place of circles.
        is_floor: Whether it is dashed, as a limit.
    """

    name: str
    points: list[tuple[float, float]]
    colour: int
    is_square: bool = False
    is_floor: bool = False


def style() -> str:
    """Return the colours, of both schemes."""
    rules = [
        "text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600; font-size: 15px }",
        ".axis { stroke: #8b949e; fill: none } .grid { stroke: #8b949e; stroke-opacity: .25 }",
        ".line { fill: none; stroke-width: 2 } .floor { stroke-dasharray: 5 4 }",
    ]
    for colours, begin, end in ((LIGHT, "", ""), (DARK, "@media (prefers-color-scheme: dark) { ", " }")):
        text = "" if colours is LIGHT else "text { fill: #e6edf3 } "
        own = [f".c{n} {{ stroke: {one} }} .d{n} {{ fill: {one} }}" for n, one in enumerate(colours)]
        rules.append(begin + text + " ".join(own) + end)
    return "\n".join(rules)


def ticks(low: float, high: float) -> list[float]:
    """Return the powers of ten from `low` to `high`."""
    return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def label(value: float) -> str:
    """Write a number."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def mark(line: Line, x: float, y: float) -> str:
    """Mark a point of a line."""
    if line.is_square:
        return f'<rect class="d{line.colour}" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'
    return f'<circle class="d{line.colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def chart(title: str, x_title: str, y_title: str, lines: list[Line], names: dict[float, str] | None = None) -> str:
    """Draw a chart with logarithmic axes.

    Args:
        title: What it shows.
        x_title: What the horizontal axis is, with its unit.
        y_title: What the vertical axis is, with its unit.
        lines: Its lines, with positive numbers alone.
        names: What the horizontal axis says, and where; by default the powers of ten.
    """
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x_low, x_high = math.log10(min(xs)), math.log10(max(xs))
    y_ticks = ticks(min(ys), max(ys))
    y_low, y_high = math.log10(y_ticks[0]), math.log10(y_ticks[-1])

    def across(x: float) -> float:
        return LEFT + (RIGHT - LEFT) * (math.log10(x) - x_low) / (x_high - x_low or 1)

    def down(y: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (math.log10(y) - y_low) / (y_high - y_low or 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>\n{style()}\n</style>",
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        f'<path class="axis" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>',
        f'<text x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 46}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text transform="translate(16 {(TOP + BOTTOM) / 2:g}) rotate(-90)" text-anchor="middle">',
        f"{escape(y_title)}</text>",
    ]
    for y in y_ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {down(y):.1f}H{RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{down(y) + 4:.1f}" text-anchor="end">{label(y)}</text>')
    for x, name in (names or {x: label(x) for x in ticks(min(xs), max(xs))}).items():
        if not min(xs) <= x <= max(xs):
            continue
        parts.append(f'<text x="{across(x):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{escape(name)}</text>')
    # The legend in the order in which the lines end.
    lines = sorted(lines, key=lambda line: -line.points[-1][1])
    for number, line in enumerate(lines):
        kind = f"line{' floor' if line.is_floor else ''} c{line.colour}"
        path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in line.points)
        parts.append(f'<path class="{kind}" d="M{path}"/>')
        every = 1 + len(line.points) // 8
        parts += [mark(line, across(x), down(y)) for x, y in line.points[::-every]]
        at = TOP + 8 + 22 * number
        parts += [f'<path class="{kind}" d="M{RIGHT + 16} {at - 4}h24"/>', mark(line, RIGHT + 28, at - 4)]
        parts.append(f'<text x="{RIGHT + 46}" y="{at}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
