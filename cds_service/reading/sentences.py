"""Sentences of a normalised text."""

import re
from bisect import bisect_right

MOST_IN_A_SENTENCE = 600
_PIECE = re.compile(  # up to a mark that a blank, a bracket or a quote follows, or to the end of the line
    r"[^.!?;\n]*+(?:[.!?;](?![ \n)\"']|\Z)[^.!?;\n]*+)*+(?:[.!?;\n]|\Z)"
)
_ANSWER = re.compile(r" ?(?:no|yes|none|nil|negative|positive|absent|present|not)\b[^.;:\n]{0,20}(?:[.;\n]|\Z)")
_SHORT_WORDS = (  # a full stop after these ends no sentence
    "dr mr mrs ms vs approx e.g i.e eg ie fig st incl resp ca sq max min ant post lat med prof ref no nos cf dept"
    " m.d d.o ph.d r l lt rt sup inf prev p.r.n p.o b.i.d t.i.d q.i.d q.d q.4h q.6h"
)
_SHORT = frozenset(_SHORT_WORDS.split())
_LEAD = re.compile(r"(?:[\s\"')>*_•-]|\((?! ?-? ?\)))*(?:\(?\d{1,2}[.)]\s+|\(?[a-z][.)]\s+)?[\s>*•-]*", re.IGNORECASE)


class Sentences:
    """One text as stretches between sentence ends: each begins at its `starts`, without the blank before it."""

    __slots__ = ("low", "starts", "stretches")

    def __init__(self, low: str) -> None:
        """Find every sentence end once: a line end always, a full stop unless it only shortens a word."""
        self.low = low
        self.starts: list[int] = []
        self.stretches: list[str] = []
        begin = at = 0
        for piece in _PIECE.findall(low):
            at += len(piece)
            if piece[-1:] == "." and not (len(piece) > 7 and piece[-8:-1].isalpha()) and self._is_no_end(begin, at - 1):
                continue
            if piece[-1:] == "?" and (_ANSWER.match(low, at) or low[at - 2 : at - 1] in ("", " ", "(", "\n")):
                continue  # `Embolism? No.`, `weakness ? stroke`
            start = begin + 1 if begin and low.startswith(" ", begin) else begin
            self.starts.append(start)
            self.stretches.append(low[start:at].rstrip(" \n"))
            begin = at
        if begin < at:  # the text ends in a short word
            self.starts.append(begin)
            self.stretches.append(low[begin:].strip(" \n"))

    def _is_no_end(self, begin: int, at: int) -> bool:
        segment = self.low[max(begin, at - 8) : at]
        word = segment.rsplit(None, 1)[-1].lstrip("(") if segment.strip() else ""
        if not word:
            return True
        if at - begin <= 8 and segment.strip(" (").isdigit():
            return True  # `2. Nodule`
        return word in _SHORT and self.low[at + 1 : at + 2] != "\n"

    def around(self, at: int) -> tuple[int, int]:
        """Start and end of the sentence that holds `at`, without list number and outer blanks."""
        place = bisect_right(self.starts, at) - 1
        start, stretch = self.starts[place], self.stretches[place]
        lead = lead_of(stretch)
        return (start + lead if start + lead <= at else start), start + len(stretch)


def lead_of(stretch: str) -> int:
    """How many characters of list number, brackets and blanks stand before the first word."""
    lead = _LEAD.match(stretch)
    return lead.end() if lead else 0
