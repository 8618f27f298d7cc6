"""One sentence in which something was named, with all that its mentions share: triggers, levels, sizes, regions."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

from cds_service.anatomy import find_levels, regions
from cds_service.model import SectionKind
from cds_service.reading.assertion import Scene, scene_of
from cds_service.reading.grading import Levels, continues, is_leading
from cds_service.reading.lesions import Size, sizes
from cds_service.reading.lexicon import Lexicon, Phrase
from cds_service.reading.rads import Category
from cds_service.reading.sentences import Sentences
from cds_service.reading.stage import Stage
from cds_service.reading.words import Words

Mention = tuple[int, int, Phrase | Category | Stage]

_POINTS_BACK = re.compile(
    r"(?:this|these|it|they|findings?|appearances?|(?:imaging )?features?|differential|suspicious|concerning"
    r"|likely|probably"
    r"|indeterminate|highly|cannot|malignancy|consistent|compatible|favor(?:ed)?)\b"
)
_DIGIT = re.compile(r"\d")
_LABEL = re.compile(r"[a-z][a-z /&,-]{1,40}:")
_SPINE_LABEL = re.compile(
    r"\W*(?:(?:spinal|central|thecal)? ?(?:canal|sac|stenosis)|foram\w+|neural foramina|left|right|lateral"
    r" recess\w*)\b[^:\n]{0,30}:"
)
_ITEM = re.compile(r"[ (]{0,2}(?:\d{1,2}[.)]|[-*•])\s")
_LINES_UP = 6


class Page:
    """One text with what all its sentences share; levels are looked for once, when first asked for."""

    __slots__ = ("_levels", "lexicon", "low", "sentences", "text", "words")

    def __init__(self, text: str, low: str, words: Words, sentences: Sentences, lexicon: Lexicon) -> None:
        self.text = text
        self.low = low
        self.words = words
        self.sentences = sentences
        self.lexicon = lexicon
        self._levels: tuple[Levels, ...] | None = None

    def levels(self, start: int, end: int) -> tuple[Levels, ...]:
        """The spine levels named between two offsets."""
        if self._levels is None:
            self._levels = find_levels(self.text.replace("\n", "|"))  # a level never reaches across lines
        first = bisect_left(self._levels, (start,))
        last = first
        while last < len(self._levels) and self._levels[last][1] <= end:
            last += 1
        return self._levels[first:last]


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """`inherited`: the level at the head of the line, where the sentence names none itself."""

    start: int
    end: int
    section: SectionKind
    scene: Scene
    levels: tuple[Levels, ...]
    inherited: tuple[str, ...]


class Weight(NamedTuple):
    """What a sentence offers to weigh its lesions by; `scenes` hold the next sentence's where that points back."""

    sizes: list[Size]
    regions: tuple[str, ...]
    scenes: tuple[Scene, ...]


def look_at(page: Page, start: int, end: int, section: SectionKind, here: list[Mention]) -> Sentence:
    """Gather the triggers of one sentence, and its levels where something in it is graded."""
    scene = scene_of(page.low, page.words, start, end, page.lexicon)
    levels: tuple[Levels, ...] = ()
    inherited: tuple[str, ...] = ()
    if any(isinstance(what, Phrase) and what.graded for _, _, what in here):
        levels = page.levels(start, end)
        if not levels:
            inherited = _inherit(page, start)
    return Sentence(start, end, section, scene, levels, inherited)


def weigh(page: Page, sentence: Sentence) -> Weight:
    """Measure what a sentence says of its lesions; dear, so only for those that it asserts."""
    text, low, start, end = page.text, page.low, sentence.start, sentence.end
    measured = sizes(low, start, end) if _DIGIT.search(low, start, end) else []
    named = regions(text[start:end]) or _label_regions(text, low, start)
    follow = page.sentences.after(start)
    scenes: tuple[Scene, ...] = (sentence.scene,)
    if follow and _POINTS_BACK.match(low, follow[0]):
        scenes = (sentence.scene, scene_of(low, page.words, *follow, page.lexicon))
    return Weight(measured, named, scenes)


def _label_regions(text: str, low: str, start: int) -> tuple[str, ...]:
    """The organ at the head of the line: `LIVER: Normal in size. A 2 cm lesion ...`."""
    line = low.rfind("\n", 0, start) + 1
    label = _LABEL.match(low, line, start) if line < start else None
    return regions(text[line : label.end()]) if label else ()


def _inherit(page: Page, start: int) -> tuple[str, ...]:
    """The level that a sentence without one stands at: at the head of its line or of lines it goes on."""
    low, around = page.low, page.sentences.around
    line = low.rfind("\n", 0, start) + 1
    if line < start:
        for level in reversed(page.levels(line, start)):
            if is_leading(low, around(level[0])[0], level):
                return level[2]
    if continues(low, start):
        before = page.sentences.before(start)
        levels = page.levels(*before) if before else ()
        if levels:
            return levels[-1][2]
    labelled = _SPINE_LABEL.match(low, line) is not None
    if _ITEM.match(low, line) or (not labelled and _LABEL.match(low, line)):
        return ()
    for _ in range(_LINES_UP):
        end = line - 1
        line = low.rfind("\n", 0, max(end, 0)) + 1
        if end <= line:  # a blank line, or the top
            break
        for level in reversed(page.levels(line, end)):
            if is_leading(low, around(level[0])[0], level):
                return level[2]
        if not labelled and _LABEL.match(low, line):
            break
    return ()
