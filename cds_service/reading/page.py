"""What a sentence takes from the text around it: the level it stands at, the label of its line, what comes next.

Everything else that is said of a sentence comes from its own words, which is why it can be kept (see `said`).
"""

import re
from functools import lru_cache

from cds_service.anatomy import find_levels
from cds_service.reading.grading import Levels, continues, is_leading
from cds_service.reading.sentences import MOST_IN_A_SENTENCE, Sentences, lead_of

_POINTS_BACK = re.compile(
    r"(?:this|these|it|they|findings?|appearances?|(?:imaging )?features?|differential|suspicious|concerning"
    r"|likely|probably"
    r"|indeterminate|highly|cannot|malignancy|consistent|compatible|favor(?:ed)?)\b"
)
_LABEL = re.compile(r"[a-z][a-z /&,-]{1,40}:")
_SPINE_LABEL = re.compile(
    r"\W*(?:(?:spinal|central|thecal)? ?(?:canal|sac|stenosis)|foram\w+|neural foramina|left|right|lateral"
    r" recess\w*)\b[^:\n]{0,30}:"
)
_ITEM = re.compile(r"[ (]{0,2}(?:\d{1,2}[.)]|[-*•])\s")
_MAY_NAME_LEVEL = re.compile(r"[ctls] ?[0-9]")
_LINES_UP = 6
_KEPT = 4096


class Page(Sentences):
    """One lower-cased text, each sentence named by the place of its stretch."""

    __slots__ = ()

    def next_pointing_back(self, place: int) -> str:
        """The sentence that follows on the same line, where it opens by pointing back; else nothing."""
        if place + 1 >= len(self.starts) or self.low[self.starts[place + 1] - 1] == "\n":
            return ""
        follow = self.stretches[place + 1]
        return follow if _POINTS_BACK.match(follow) else ""

    def label(self, start: int) -> str:
        """The head of the line before `start`: `LIVER: Normal in size. A 2 cm lesion ...`; else nothing."""
        line = self.low.rfind("\n", 0, start) + 1
        label = _LABEL.match(self.low, line, start) if line < start else None
        return label[0] if label else ""

    def inherited(self, place: int, start: int) -> tuple[str, ...]:
        """The level that a sentence without one stands at: at the head of its line or of lines it goes on."""
        low = self.low
        line = low.rfind("\n", 0, start) + 1
        above, levels = self._head(place, line)
        if levels:
            return levels
        begin = self.starts[place]
        if place > above and (continues(low, start) or low[max(0, begin - 2) : begin].startswith(";")):
            bare = _bare(self.stretches[place - 1])
            before = (levels_in if len(bare) <= MOST_IN_A_SENTENCE else levels_in.__wrapped__)(bare)
            if before:
                return before[-1][2]
        labelled = _SPINE_LABEL.match(low, line) is not None
        if _ITEM.match(low, line) or (not labelled and _LABEL.match(low, line)):
            return ()
        for _ in range(_LINES_UP):
            end = line - 1
            line = low.rfind("\n", 0, max(end, 0)) + 1
            if end <= line:  # a blank line, or the top
                break
            above, levels = self._head(above, line)
            if levels:
                return levels
            if not labelled and _LABEL.match(low, line):
                break
        return ()

    def _head(self, place: int, line: int) -> tuple[int, tuple[str, ...]]:
        """The last level that opens a sentence before this one on its line; and the first place of the line."""
        while place and self.starts[place - 1] >= line:
            place -= 1
            levels = leading_level(self.stretches[place][:MOST_IN_A_SENTENCE])
            if levels:
                return place, levels
        return place, ()


@lru_cache(maxsize=_KEPT)
def levels_in(low: str) -> tuple[Levels, ...]:
    """The spine levels that one sentence names."""
    return find_levels(low) if _MAY_NAME_LEVEL.search(low) else ()


@lru_cache(maxsize=_KEPT)
def leading_level(stretch: str) -> tuple[str, ...]:
    """The last level of a sentence that still opens it; () where none does."""
    if not _MAY_NAME_LEVEL.search(stretch):
        return ()
    low = _bare(stretch)
    return next((level[2] for level in reversed(levels_in(low)) if is_leading(low, 0, level)), ())


def _bare(stretch: str) -> str:
    return stretch[lead_of(stretch) :]
