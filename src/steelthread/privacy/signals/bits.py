"""Bits in web-safe base64 without padding, six to a letter: what the IAB's strings are made of. Pure.

Whatever ends too early, has another letter or a bit where none may be is Invalid; nothing is guessed.
"""

from collections.abc import Iterable, Sequence

from steelthread.kit import Invalid

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_BITS = {letter: format(place, "06b") for place, letter in enumerate(_ALPHABET)}
_LETTERS = {bits: letter for letter, bits in _BITS.items()}
LONGEST = 16_384
"""Letters of a string that is read: no real one is longer, and an event has room for no more than twice that."""
_FIBONACCI = [1, 2]
while _FIBONACCI[-1] < 1 << 20:
    _FIBONACCI.append(_FIBONACCI[-1] + _FIBONACCI[-2])


class BitReader:
    """Reads from the front."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise Invalid(f"longer than {LONGEST} letters")
        try:
            self._bits = "".join([_BITS[letter] for letter in text])
        except KeyError:
            raise Invalid("a letter that is not of web-safe base64") from None
        self._place = 0

    def bits(self, count: int) -> str:
        """Return so many bits as text of 0 and 1."""
        end = self._place + count
        if end > len(self._bits):
            raise Invalid("it ends too early")
        taken = self._bits[self._place : end]
        self._place = end
        return taken

    def number(self, count: int) -> int:
        """Return a number of so many bits."""
        return int(self.bits(count), 2)

    def flag(self) -> bool:
        """Return one bit."""
        return self.bits(1) == "1"

    def letters(self) -> str:
        """Return two letters of the alphabet, six bits each, A = 0."""
        found = [self.number(6) for _ in range(2)]
        if max(found) > 25:
            raise Invalid("a code of two letters that are none")
        return "".join(chr(ord("A") + one) for one in found)

    def fibonacci(self) -> int:
        """Return a number in Fibonacci coding: it ends with the first two ones in a row."""
        end = self._bits.find("11", self._place)
        size = end - self._place + 1
        if end < 0 or size > len(_FIBONACCI):
            raise Invalid("a Fibonacci number without an end")
        word = self.bits(size)
        self._place += 1
        return sum(_FIBONACCI[place] for place, bit in enumerate(word) if bit == "1")

    def tail(self) -> int:
        """Return how many bits are left, all of them zero."""
        rest = self._bits[self._place :]
        if "1" in rest:
            raise Invalid("bits behind its end")
        self._place = len(self._bits)
        return len(rest)


class BitWriter:
    """Writes one after the other."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def bits(self, text: str) -> None:
        """Add bits that are text already."""
        self._parts.append(text)

    def number(self, value: int, count: int) -> None:
        """Add a number of so many bits; Invalid when it needs more."""
        if not 0 <= value < 1 << count:
            raise Invalid(f"{value} has no room in {count} bits")
        self._parts.append(format(value, f"0{count}b"))

    def flag(self, value: bool) -> None:  # noqa: FBT001  # a bit is what is written
        """Add one bit."""
        self._parts.append("1" if value else "0")

    def letters(self, code: str) -> None:
        """Add two letters of the alphabet."""
        if len(code) != 2 or not (code.isascii() and code.isalpha() and code.isupper()):
            raise Invalid("a code is two capital letters")
        for letter in code:
            self.number(ord(letter) - ord("A"), 6)

    def fibonacci(self, value: int) -> None:
        """Add a number, at least 1, in Fibonacci coding."""
        if not 1 <= value < _FIBONACCI[-1]:
            raise Invalid(f"{value} has no Fibonacci coding here")
        top = max(place for place, one in enumerate(_FIBONACCI) if one <= value)
        word = ["0"] * (top + 1)
        for place in range(top, -1, -1):
            if _FIBONACCI[place] <= value:
                value -= _FIBONACCI[place]
                word[place] = "1"
        self._parts.append("".join(word) + "1")

    def text(self, tail: int | None = None) -> str:
        """Return the letters, with so many zero bits at the end; without a number whole bytes, as the IAB's encoders do."""
        bits = "".join(self._parts)
        if tail is None:
            tail = -len(bits) % 8
            tail += -(len(bits) + tail) % 6
        bits += "0" * tail
        if len(bits) % 6:
            raise Invalid(f"{tail} bits at the end do not fill a letter")
        return "".join(_LETTERS[bits[place : place + 6]] for place in range(0, len(bits), 6))


Span = tuple[int, int]
"""An entry of a range: the first and the last number; the last is 0 where the entry is of a single one."""


def read_spans(reader: BitReader, most: int = 0xFFFF) -> tuple[Span, ...]:
    """Read a range of numbers of 16 bits, none of them above `most`."""
    found = []
    for _ in range(reader.number(12)):
        grouped = reader.flag()
        first = reader.number(16)
        last = reader.number(16) if grouped else 0
        if not 1 <= first <= (last or first) <= most:
            raise Invalid("a range that is none")
        found.append((first, last))
    return tuple(found)


def write_spans(writer: BitWriter, spans: Sequence[Span]) -> None:
    """Write a range of numbers of 16 bits."""
    writer.number(len(spans), 12)
    for first, last in spans:
        writer.flag(bool(last))
        writer.number(first, 16)
        if last:
            writer.number(last, 16)


def within(spans: Iterable[Span], number: int) -> bool:
    """Whether a number lies in a range."""
    return any(first <= number <= (last or first) for first, last in spans)


def spans_of(numbers: Iterable[int]) -> tuple[Span, ...]:
    """Return the shortest range for numbers."""
    found: list[Span] = []
    for number in sorted(set(numbers)):
        if found and number == (found[-1][1] or found[-1][0]) + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, 0))
    return tuple(found)
