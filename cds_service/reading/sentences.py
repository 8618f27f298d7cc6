"""Sentences of a normalised text."""

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
    """The sentence bounds of one text: the stretches between `ends`, each without the blank before it."""

    __slots__ = ("ends", "low")

    def __init__(self, low: str) -> None:
        """Find every sentence end once: a line end always, a full stop unless it only shortens a word."""
        self.low = low
        self.ends = ends = [0]
        begin = 0
        for match in _STOP.finditer(low):
            at = match.start()
            if low[at] == "." and not (at > 7 and low[at - 7 : at].isalpha()) and self._is_no_end(begin, at):
                continue
            begin = at + 1
            ends.append(begin + 1 if low.startswith(" ", begin) else begin)

    def _is_no_end(self, begin: int, at: int) -> bool:
        segment = self.low[max(begin, at - 8) : at]
        word = segment.rsplit(None, 1)[-1].lstrip("(") if segment.strip() else ""
        if not word:
            return True
        if at - begin <= 8 and segment.strip(" (").isdigit():
            return True  # `2. Nodule`
        return word in _SHORT and self.low[at + 1 : at + 2] != "\n"

    def stretches(self) -> list[str]:
        """The text between each two ends, without blanks and line ends behind it."""
        low, ends = self.low, self.ends
        return [low[start:end].rstrip(" \n") for start, end in zip(ends, [*ends[1:], len(low)], strict=True)]

    def around(self, at: int) -> tuple[int, int]:
        """Start and end of the sentence that holds `at`, without list number and outer blanks."""
        place = bisect_right(self.ends, at) - 1
        start = self.ends[place]
        end = self.ends[place + 1] if place + 1 < len(self.ends) else len(self.low)
        lead = lead_of(self.low[start:end])
        if start + lead <= at:
            start += lead
        while end > start and self.low[end - 1] in " \n":
            end -= 1
        return start, end


def lead_of(stretch: str) -> int:
    """How many characters of list number, brackets and blanks stand before the first word."""
    lead = _LEAD.match(stretch)
    return lead.end() if lead else 0
