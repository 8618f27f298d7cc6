"""Sentences of a normalised text, found only where something was named."""

import re
from bisect import bisect_right

MOST_IN_A_SENTENCE = 600
_STOP = re.compile(r"[.!?;](?=[ \n)\"']|$)|\n")
_SHORT_WORDS = (  # a full stop after these ends no sentence
    "dr mr mrs ms vs approx e.g i.e eg ie fig st incl resp ca sq max min ant post lat med prof ref no nos cf dept"
    " m.d d.o ph.d r l lt rt sup inf prev"
)
_SHORT = frozenset(_SHORT_WORDS.split())
_LEAD = re.compile(r"[\s\"')(>*_•-]*(?:\(?\d{1,2}[.)]\s+|\(?[a-z][.)]\s+)?[\s>*•-]*", re.IGNORECASE)


class Sentences:
    """The sentence bounds of one text; `around` answers in logarithmic time."""

    __slots__ = ("_ends", "_low")

    def __init__(self, low: str) -> None:
        """Find every sentence end once: a line end always, a full stop unless it only shortens a word."""
        self._low = low
        ends = [0]
        for match in _STOP.finditer(low):
            at = match.start()
            if low[at] == "." and self._is_no_end(ends[-1], at):
                continue
            ends.append(match.end())
        self._ends = ends

    def _is_no_end(self, begin: int, at: int) -> bool:
        segment = self._low[max(begin, at - 8) : at]
        word = segment.rsplit(None, 1)[-1].lstrip("(") if segment.strip() else ""
        if not word:
            return True
        if at - begin <= 8 and segment.strip(" (").isdigit():
            return True  # `2. Nodule`
        return word in _SHORT and self._low[at + 1 : at + 2] != "\n"

    def around(self, at: int) -> tuple[int, int]:
        """Start and end of the sentence that holds `at`, without list number and outer blanks."""
        place = bisect_right(self._ends, at) - 1
        start = self._ends[place]
        end = self._ends[place + 1] if place + 1 < len(self._ends) else len(self._low)
        lead = _LEAD.match(self._low, start, end)
        if lead and lead.end() <= at:
            start = lead.end()
        while end > start and self._low[end - 1] in " \n":
            end -= 1
        return start, end

    def before(self, start: int) -> tuple[int, int] | None:
        """The sentence before the one that begins at `start`, on the same line, or None."""
        place = bisect_right(self._ends, start) - 1
        if place < 1 or self._low[self._ends[place] - 1] == "\n":
            return None
        return self.around(self._ends[place] - 1)

    def after(self, start: int) -> tuple[int, int] | None:
        """The sentence after the one that begins at `start`, on the same line, or None."""
        place = bisect_right(self._ends, start) - 1
        if place + 1 >= len(self._ends) or self._low[self._ends[place + 1] - 1] == "\n":
            return None
        at = self._ends[place + 1]
        while at < len(self._low) and self._low[at] == " ":
            at += 1
        if at >= len(self._low) or self._low[at] == "\n":
            return None
        return self.around(at)
