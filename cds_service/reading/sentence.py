"""One sentence by itself: what it names, and what its mentions share (triggers, sizes, regions)."""

import re
from functools import lru_cache
from typing import NamedTuple

from cds_service.anatomy import regions
from cds_service.reading.assertion import Scene, scene_of
from cds_service.reading.lesions import Size, sizes
from cds_service.reading.lexicon import Lexicon, Phrase
from cds_service.reading.page import levels_in
from cds_service.reading.rads import Category, may_state
from cds_service.reading.sentences import MOST_IN_A_SENTENCE, lead_of
from cds_service.reading.stage import Stage
from cds_service.reading.words import words_of

Mention = tuple[int, int, Phrase | Category | Stage]

_KEPT = 4096
_DIGIT = re.compile(r"\d")


class Named(NamedTuple):
    """What a stretch of text names; offsets from its first word, which stands `lead` characters in."""

    lead: int
    low: str  # the sentence, without the lead, cut where it is too long
    all: tuple[Mention, ...]
    here: tuple[Mention, ...]  # those that the sentence does not discount
    far: bool = False  # whether some of them count only where the report says something else too
    rads: bool = False  # whether a RADS category may be stated
    adrift: bool = False  # whether something is graded and no level named
    weighed: bool = False  # whether there may be a lesion to weigh


class Weight(NamedTuple):
    """What a sentence offers to weigh its lesions by; `scenes` hold the next sentence's where that points back."""

    sizes: list[Size]
    regions: tuple[str, ...]
    scenes: tuple[Scene, ...]


NOTHING = Named(0, "", (), ())
_ONLY_RADS = NOTHING._replace(rads=True)


@lru_cache(maxsize=_KEPT)
def named(stretch: str, lexicon: Lexicon) -> Named:
    """Find the phrases of one sentence; the sentences of normal findings recur from report to report."""
    words = words_of(stretch)
    rads = may_state(words)
    found = lexicon.find_phrases.find(stretch, words)
    if not found:
        return _ONLY_RADS if rads else NOTHING
    return name(stretch, [(start, end, what) for start, end, what in found], rads)


def name(stretch: str, mentions: list[Mention], rads: bool = False) -> Named:
    """What a stretch says with these mentions in it."""
    lead = lead_of(stretch)
    if lead > mentions[0][0]:
        lead = 0
    low = stretch[lead : lead + MOST_IN_A_SENTENCE]
    every = tuple((start - lead, end - lead, what) for start, end, what in mentions)
    here = tuple(one for one in every if one[1] <= len(low) and _counts(one[2], low))
    phrases = [what for _, _, what in here if isinstance(what, Phrase)]
    return Named(
        lead,
        low,
        every,
        here,
        any(what.near is not None for what in phrases),
        rads,
        any(what.graded for what in phrases) and not levels_in(low),
        len(phrases) < len(here) or any(what.lesion for what in phrases),
    )


def _counts(what: Phrase | Category | Stage, low: str) -> bool:
    """Whether words that mean this only in company have that company in their sentence."""
    if not isinstance(what, Phrase):
        return True
    if what.never_near is not None and what.never_near.search(low):
        return False
    return what.beside is None or what.beside.search(low) is not None


def weigh(scene: Scene, follow: str, label: str, lexicon: Lexicon) -> Weight:
    """Measure what a sentence says of its lesions; dear, so only for those that it asserts."""
    low = scene.low
    measured = sizes(low, 0, len(low)) if _DIGIT.search(low) else []
    scenes = (scene, scene_of(follow, lexicon)) if follow else (scene,)
    return Weight(measured, regions(low) or (regions(label) if label else ()), scenes)
