"""Why two references are one person or organisation, or two: in words, and as a picture (SVG) that needs no script and no other file.

It draws what `Reader.explain` tells, masked or not: the way from one to the other from top to bottom; each weight as a
waterfall, from the prior to the sum, with the line that the mean of its pairs has to reach.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from steelthread import identity

RARE = 10.0
"""From this weight on (log2 odds) it is a rare value that two records share: one in some six hundred."""
_VALUES = ("first", "last", "word", "place", "category")
"""Questions in which rare values count for more."""
_WIDTH, _ROW, _ZERO, _END, _LEFT = 960, 22, 430, 860, 48
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.h{font-weight:600;font-size:17px}.d{fill:#57606a}.s{font-weight:600}"
    ".n{fill:#f6f8fa;stroke:#8c959f}.l{stroke:#57606a;stroke-width:2}.x{stroke:#b32d00;stroke-width:2;stroke-dasharray:5 4}"
    ".p{fill:#2f6f9f}.m{fill:#b35900}.t{fill:#1b1f24}.z{stroke:#8c959f;stroke-dasharray:2 3}"
)


def said_of(evidence: dict[str, Any]) -> str:
    """Return a weight in words: what speaks for one and the same, what against, strongest first."""
    answers = _by_strength(evidence)[1:]
    parts = [
        (", ".join(_named(one) for one in some), sum(one["weight"] for one in some))
        for some in ([one for one in answers if one["weight"] >= 0], [one for one in answers if one["weight"] < 0])
        if some
    ]
    said = "; ".join(f"{names}: {weight:+.1f}" for names, weight in parts)
    return f"{said or 'nothing is known of both'}. With {evidence['waterfall'][0]['weight']:+.1f} for any two records: {evidence['weight']:+.1f}"


def _by_strength(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    first, *others = evidence["waterfall"]
    return [first, *sorted(others, key=lambda one: -abs(one["weight"]))]


def _named(answer: dict[str, Any]) -> str:
    asked = answer["question"]
    rare = (asked == "firm" or asked.partition("_")[0] in _VALUES) and answer["weight"] >= RARE
    return f"{answer['answer']} (rare)" if rare else str(answer["answer"])


def explanation_picture(told: dict[str, Any], a: str, b: str) -> str:
    """Return an explanation of two references as SVG; `a` and `b` are as they were asked for."""
    sheet = _Sheet(identity.single(told["parties"][0]))
    verdict = identity.verdict(same=told["same"], parties=told["parties"])
    sheet.text(verdict, "h", room=30)
    sheet.text(f"{a} and {b}", "d")
    path = told["path"]
    if path:
        sheet.node(path[0]["from"])
    for step in path:
        sheet.edge(f"{step['reason']} ({step['actor']}, {step['at']})", step.get("evidence"), "l")
        sheet.node(step["to"])
    for one in told["refused"]:
        _joined(sheet, one, f"refused: {one['rule']}: {one['reason']}", None)
    near = told["nearest"]
    if near:
        wall = near["evidence"]["wall"]
        _joined(sheet, near, f"a wall: {wall}" if wall else "nearest: not enough to join them", near["evidence"])
    if not (path or told["refused"] or near):
        sheet.text(
            "They are the same node." if told["same"] else "Nothing joins them, and no weight was ever found.", "d"
        )
    return sheet.svg(f"{verdict}: {a} and {b}", sheet.said)


def _joined(sheet: "_Sheet", one: dict[str, Any], why: str, evidence: dict[str, Any] | None) -> None:
    sheet.text("", "d", room=12)
    sheet.node(one["from"])
    sheet.edge(why, evidence, "x")
    sheet.node(one["to"])


class _Sheet:
    """What is drawn, from top to bottom, and what it says to whoever does not see it."""

    def __init__(self, one: str) -> None:
        """`one` is what one of those is called whom it is about."""
        self._one = one
        self._parts: list[str] = []
        self._y = 0
        self.said: list[str] = []

    def text(self, text: str, look: str, room: int = _ROW) -> None:
        """Add a line of text."""
        self._y += room
        self._parts.append(_words(16, self._y, look, text, 120))
        self.said.append(text)

    def node(self, name: str) -> None:
        """Add a node: a record or an identifier."""
        self._y += 14
        self._parts.append(
            f'<rect x="16" y="{self._y}" width="640" height="28" rx="6" class="n"/>{_words(28, self._y + 19, "s", name, 84)}'
        )
        self._y += 28
        self.said.append(name)

    def edge(self, why: str, evidence: dict[str, Any] | None, look: str) -> None:
        """Add a link with its reason, and the waterfall of its weight."""
        top = self._y
        self._y += 6
        self._reason(why, "s")
        if evidence is not None:
            self._reason(said_of(evidence), "d")
            self._waterfall(evidence)
        self._y += 8
        self._parts.append(f'<line x1="30" y1="{top}" x2="30" y2="{self._y + 14}" class="{look}"/>')

    def _reason(self, text: str, look: str) -> None:
        self.said.append(text)
        for line in _lines(text, 125):
            self._y += 18
            self._parts.append(_words(_LEFT, self._y, look, line, 130))

    def _waterfall(self, evidence: dict[str, Any]) -> None:
        answers, sums = _by_strength(evidence), [0.0]
        for one in answers:
            sums.append(sums[-1] + float(one["weight"]))
        needed = float(evidence["threshold"])
        low, high = min(*sums, needed), max(*sums, needed)
        scale = (_END - _ZERO) / max(high - low, 1.0)

        def across(weight: float) -> float:
            return float(_ZERO + (weight - low) * scale)

        top = self._y + 8
        for one, before, after in zip(answers, sums, sums[1:], strict=False):
            self._bar(_named(one), one["weight"], (across(before), across(after)), "p" if one["weight"] >= 0 else "m")
        self._bar("in sum", sums[-1], (across(0.0), across(sums[-1])), "t")
        for weight in (0.0, needed):
            at = across(weight)
            self._parts.append(f'<line x1="{at:.1f}" y1="{top}" x2="{at:.1f}" y2="{self._y + 6}" class="z"/>')
        self._reason(
            f"The dotted lines: even odds at 0, and {needed:+.2f}, which the mean of {self._one}'s pairs needs. Model {evidence['model']}.",
            "d",
        )

    def _bar(self, name: str, weight: float, ends: tuple[float, float], look: str) -> None:
        self._y += _ROW
        left, right = sorted(ends)
        self._parts.append(_words(_ZERO - 12, self._y, "" if look != "t" else "s", name, 58, anchor="end"))
        self._parts.append(
            f'<rect x="{left:.1f}" y="{self._y - 12}" width="{max(right - left, 1.0):.1f}" height="14" class="{look}"/>'
        )
        self._parts.append(_words(_WIDTH - 16, self._y, "" if look != "t" else "s", f"{weight:+.2f}", 12, anchor="end"))

    def svg(self, title: str, said: Sequence[str]) -> str:
        """Return the picture; `said` is what a screen reader says of it."""
        return "\n".join(self._all(title, said)) + "\n"

    def _all(self, title: str, said: Sequence[str]) -> Iterable[str]:
        height = self._y + 24
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
            f'role="img" aria-labelledby="title said"><title id="title">{_safe(title)}</title>'
            f'<desc id="said">{_safe(". ".join(one.rstrip(".") for one in said if one))}</desc><style>{_STYLE}</style>'
        )
        yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
        yield from self._parts
        yield "</svg>"


def _lines(text: str, most: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _words(x: float, y: float, look: str, text: str, most: int, anchor: str = "start") -> str:
    shown = text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"
    return f'<text x="{x}" y="{y}" class="{look}" text-anchor="{anchor}">{_safe(shown)}</text>'


def _safe(text: str) -> str:
    """Escape for XML, and leave out the signs that XML does not know."""
    return escape("".join(one for one in text if one.isprintable() or one == " "))
