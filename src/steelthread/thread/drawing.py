"""The quality report as one picture (SVG): sizes of people and organisations, what each rule contributes, the weakest bridges, suspects. No personal value."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from steelthread import identity
from steelthread.identity import Party

_WIDTH, _LEFT, _BAR, _ROW = 860, 190, 520, 22
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.h{font-weight:600;font-size:15px}.d{fill:#57606a}"
    ".a{fill:#2f6f9f}.b{fill:#c9d1d9}.w{fill:#b35900}"
)
_SHOWN = 10


def quality_picture(told: dict[str, Any]) -> str:
    """Return the report as SVG. Bars of people and organisations are by number; the dark part of a rule's bar is what it alone joins."""
    lines = _Lines()
    firms, unsure = told["organisations"], told["organisationsInDoubt"]
    lines.head(f"{told['records']:,} records, {counted_in(told)}")
    lines.text(f"Consolidation {told['consolidationRate']:.1%}; {told['inDoubt']:,} pairs in doubt, "
               f"{doubted_in(told)}", "d")  # fmt: skip
    parties = _parties(told["individuals"] - firms, firms)
    lines.head(f"Records of one {' or '.join(parties)}")
    most = max((one["individuals"] for one in told["sizes"]), default=1)
    for one in told["sizes"][:_SHOWN]:
        lines.bar(str(one["records"]), [(one["individuals"], "a")], most, counted_in(one))
    rest = sum(one["individuals"] for one in told["sizes"][_SHOWN:])
    if rest:
        more = sum(one["organisations"] for one in told["sizes"][_SHOWN:])
        lines.bar("more", [(rest, "a")], most, counted_in({"individuals": rest, "organisations": more}))
    lines.head("Links by rule: joining alone, others")
    most = max((one["links"] for one in told["rules"]), default=1)
    for one in told["rules"][:_SHOWN]:
        parts = [(one["alone"], "a"), (max(one["links"] - one["alone"], 0), "b")]
        lines.bar(one["rule"], parts, most, f"{one['links']:,}, {one['refused']:,} refused, {one['alone']:,} alone")
    if told["weakestBridges"]:
        lines.head("Weakest bridges: how far the mean is above its threshold, in bits")
        spans = [max(one["mean"] - one["threshold"], 0.0) for one in told["weakestBridges"][:_SHOWN]]
        for one, span in zip(told["weakestBridges"], spans, strict=False):
            lines.bar(one["id"], [(span, "w")], max(*spans, 1.0), f"+{span:.2f}, {one['records']:,} records")
    if told["suspects"]:
        whose = identity.kinds_of_parties(_parties(told["clustersInDoubt"] - unsure, unsure)).capitalize()
        lines.head(f"{whose} who may be several: how much is in doubt")
        for one in told["suspects"][:_SHOWN]:
            said = f"{one['records']:,} records, {one['firstNames']:,} first names, {one['birthDates']:,} birth dates"
            held = f", held together by {one['bridge']['rule']} alone" if one["bridge"] else ""
            lines.bar(one["id"], [(one["uncertainty"], "w")], 1.0, said + held)
    if told["drift"]:
        drift = told["drift"]
        lines.head("Since the run before")
        lines.text(f"{drift['merged']:,} merged, {drift['split']:,} split, {drift['linksAdded']:,} links added, "
                   f"{drift['linksClosed']:,} closed", "d")  # fmt: skip
    return lines.svg(f"Quality of the {identity.kinds_of_parties(parties)}")


def doubted_in(told: dict[str, Any]) -> str:
    """Return how many people and organisations of a report are in doubt."""
    unsure = int(told["organisationsInDoubt"])
    if told["clustersInDoubt"]:
        return identity.counted(told["clustersInDoubt"] - unsure, unsure)
    firms = int(told["organisations"])
    return f"0 {identity.kinds_of_parties(_parties(told['individuals'] - firms, firms))}"


def counted_in(told: dict[str, Any]) -> str:
    """Return how many individuals and organisations there are, in a report or of a size."""
    firms = int(told["organisations"])
    return identity.counted(told["individuals"] - firms, firms, "individuals")


def _parties(people: int, organisations: int) -> list[Party]:
    """Return of which there are some; people, where there is nobody."""
    found: list[Party] = ["individual"] if people or not organisations else []
    return [*found, "organisation"] if organisations else found


class _Lines:
    """Lines of a picture from top to bottom."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._y = 10

    def head(self, text: str) -> None:
        """Add a heading."""
        self._y += 14
        self.text(text, "h")

    def text(self, text: str, look: str) -> None:
        """Add a line of text."""
        self._y += _ROW
        self._parts.append(f'<text x="16" y="{self._y}" class="{look}">{escape(text)}</text>')

    def bar(self, name: str, parts: Sequence[tuple[float, str]], most: float, told: str) -> None:
        """Add a bar of parts, with its name before and what it says behind."""
        self._y += _ROW
        self._parts.append(f'<text x="{_LEFT - 8}" y="{self._y}" text-anchor="end">{escape(name)}</text>')
        left = float(_LEFT)
        for size, look in parts:
            width = _BAR * size / max(most, 1e-9) * 0.62
            self._parts.append(
                f'<rect x="{left:.1f}" y="{self._y - 12}" width="{width:.1f}" height="14" class="{look}"/>'
            )
            left += width
        self._parts.append(f'<text x="{left + 8:.1f}" y="{self._y}" class="d">{escape(told)}</text>')

    def svg(self, title: str) -> str:
        """Return the picture."""
        height = self._y + 20
        return "\n".join(self._all(title, height)) + "\n"

    def _all(self, title: str, height: int) -> Iterable[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
            f'role="img" aria-label="{escape(title)}"><title>{escape(title)}</title><style>{_STYLE}</style>'
        )
        yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
        yield from self._parts
        yield "</svg>"
