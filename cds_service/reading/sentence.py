"""One sentence in which something was named, with all that its mentions share: triggers, levels, sizes, regions."""

import re
from dataclasses import dataclass

from cds_service.anatomy import regions
from cds_service.model import SectionKind
from cds_service.reading.assertion import Scene, scene_of
from cds_service.reading.grading import Levels, continues, is_leading, sentence_levels
from cds_service.reading.lesions import Size, sizes
from cds_service.reading.lexicon import Lexicon, Phrase
from cds_service.reading.rads import Category
from cds_service.reading.sentences import Sentences
from cds_service.reading.stage import Stage
from cds_service.reading.words import Words

Mention = tuple[int, int, Phrase | Category | Stage]

_POINTS_BACK = re.compile(
    r"(?:this|these|it|they|findings?|appearances?|(?:imaging )?features?|differential|suspicious|concerning|likely|probably"
    r"|indeterminate|highly|cannot|malignancy|consistent|compatible|favor(?:ed)?)\b"
)
_DIGIT = re.compile(r"\d")
_LABEL = re.compile(r"[a-z][a-z /&,-]{1,40}:")
_SPINE_LABEL = re.compile(r"\W*(?:(?:spinal|central|thecal)? ?(?:canal|sac|stenosis)|foram\w+|neural foramina|left|right|lateral recess\w*)\b[^:\n]{0,30}:")
_LINES_UP = 6


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """`inherited`: the level at the head of the line; `lead`: where that stands, so that a quote can show it."""

    start: int
    end: int
    section: SectionKind
    scene: Scene
    scenes: tuple[Scene, ...]  # with the next sentence's, where that points back
    levels: tuple[Levels, ...]
    inherited: tuple[str, ...]
    lead: int
    sizes: list[Size]
    regions: tuple[str, ...]


def look_at(
    text: str, low: str, start: int, end: int, section: SectionKind, here: list[Mention], sentences: Sentences,
    words: Words, lexicon: Lexicon,
) -> Sentence:  # fmt: skip
    """Gather what one sentence offers; only what the kind of its mentions can use is looked for."""
    graded = lesion = False
    for _, _, what in here:
        if isinstance(what, Phrase):
            graded = graded or what.graded
            lesion = lesion or what.lesion
        else:
            lesion = True
    scene = scene_of(low, words, start, end, lexicon)
    scenes = (scene,)
    levels: tuple[Levels, ...] = ()
    inherited: tuple[str, ...] = ()
    lead = start
    measured: list[Size] = []
    named: tuple[str, ...] = ()
    has_digit = _DIGIT.search(low, start, end) is not None
    if graded:
        if has_digit:
            levels = sentence_levels(text, start, end)
        if not levels:
            inherited, lead = _inherit(text, low, start, sentences)
    if lesion:
        if has_digit:
            measured = sizes(low, start, end)
        named = regions(text[start:end]) or _label_regions(text, low, start)
        follow = sentences.after(start)
        if follow and _POINTS_BACK.match(low, follow[0]):
            scenes = (scene, scene_of(low, words, *follow, lexicon))
    return Sentence(start, end, section, scene, scenes, levels, inherited, lead, measured, named)


def _label_regions(text: str, low: str, start: int) -> tuple[str, ...]:
    """The organ at the head of the line: `LIVER: Normal in size. A 2 cm lesion ...`."""
    line = low.rfind("\n", 0, start) + 1
    label = _LABEL.match(low, line, start) if line < start else None
    return regions(text[line : label.end()]) if label else ()


def _inherit(text: str, low: str, start: int, sentences: Sentences) -> tuple[tuple[str, ...], int]:
    """The level that a sentence without one stands at, and where on its own line that level leads (else `start`)."""
    line = low.rfind("\n", 0, start) + 1
    if line < start and _DIGIT.search(low, line, start):
        for level in reversed(sentence_levels(text, line, start)):
            opening = sentences.around(level[0])[0]
            if is_leading(low, opening, level):
                return level[2], opening
    if continues(low, start):
        before = sentences.before(start)
        levels = sentence_levels(text, *before) if before else ()
        if levels:
            return levels[-1][2], start
    labelled = _SPINE_LABEL.match(low, line) is not None
    for _ in range(_LINES_UP):
        if line == 0:
            break
        end = line - 1
        line = low.rfind("\n", 0, end) + 1
        above = low[line:end]
        if not above.strip():
            break
        if not _DIGIT.search(above):
            continue
        for level in sentence_levels(text, line, end):
            if is_leading(low, sentences.around(level[0])[0], level):
                bare = len(low[level[1] : end].replace("level", "").strip(" :-.")) <= 2
                return (level[2], start) if bare or labelled else ((), start)
    return (), start
