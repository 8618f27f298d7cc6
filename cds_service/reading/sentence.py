"""One sentence by itself: what it names, and what its mentions share (triggers, sizes, regions)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from cds_service.anatomy import regions
from cds_service.reading.assertion import Scene, scene_of, scene_with
from cds_service.reading.lesions import Size, sizes
from cds_service.reading.lexicon import Lexicon, Phrase
from cds_service.reading.page import levels_in
from cds_service.reading.rads import Category, may_state
from cds_service.reading.sentences import MOST_IN_A_SENTENCE, lead_of
from cds_service.reading.stage import Stage
from cds_service.reading.words import Words

Mention = tuple[int, int, Phrase | Category | Stage]

_KEPT = 4096
_OF_NAMES = ("historical", "hedge")
_MEASURES = re.compile(r"\d ?-?(?:[mc]m\b|(?:centi|milli))")
_MEASURED = re.compile(
    r"(?:it|this|these|they)(?: now| currently)? (?:measures?|is|are)\b|measuring\b"
)  # `It measures 3 cm`


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What a stretch of text names; offsets from its first word, which stands `lead` characters in.

    Compared by identity: one sentence is one of these as long as it is kept, and a cheap key for what it says.
    """

    lead: int
    low: str  # the sentence, without the lead, cut where it is too long
    all: tuple[Mention, ...]
    here: tuple[Mention, ...]  # those that the sentence does not discount
    scene: Scene
    far: bool = False  # whether some of them count only where the report says something else too
    rads: bool = False  # whether a RADS category may be stated
    adrift: bool = False  # whether something is graded and no level named
    weighed: bool = False  # whether there may be a lesion to weigh
    kept: bool = False  # whether the same stretch gives this very object again
    organs: tuple[str, ...] = ()


class Weight(NamedTuple):
    """What a sentence offers to weigh its lesions by; `scenes` hold the next sentence's where that points back."""

    sizes: list[Size]
    regions: tuple[str, ...]
    organs: tuple[str, ...]
    scenes: tuple[Scene, ...]


NOTHING = Named(0, "", (), (), Scene("", (), (), ()))
_ONLY_RADS = replace(NOTHING, rads=True)


@lru_cache(maxsize=_KEPT)
def named(stretch: str, lexicon: Lexicon) -> Named:
    """Find the phrases of one sentence; the sentences of normal findings recur from report to report."""
    words = Words(stretch)
    rads = may_state(words.words)
    found = lexicon.find_phrases.find(words)
    if not found:
        return _ONLY_RADS if rads else NOTHING
    return name(stretch, words, found, lexicon, rads, len(stretch) <= MOST_IN_A_SENTENCE)


def name(
    stretch: str, words: Words, mentions: Sequence[Mention], lexicon: Lexicon, rads: bool = False, kept: bool = False
) -> Named:
    """What a stretch of these words says with these mentions in it."""
    lead = lead_of(stretch)
    if lead > mentions[0][0]:
        lead = 0
    low = stretch[lead : lead + MOST_IN_A_SENTENCE]
    length = len(low)
    every = tuple([(start - lead, end - lead, what) for start, end, what in mentions]) if lead else tuple(mentions)
    here = tuple([one for one in every if one[1] <= length and _counts(one[2], low)])
    if not here and lead + length >= len(stretch):  # `CT` where nothing is asked for: names nothing
        return _ONLY_RADS if rads else NOTHING
    far = graded = weighed = False
    for _, _, what in here:
        if isinstance(what, Phrase):
            far = far or what.near is not None
            graded = graded or what.graded
            weighed = weighed or what.lesion
        else:
            weighed = True
    if lead + length < len(stretch):
        scene = scene_of(low, lexicon)
    else:
        triggers = lexicon.find_triggers.find(words)
        if lead:
            triggers = [(at - lead, to - lead, what) for at, to, what in triggers if at >= lead]
        triggers = [one for one in triggers if one[2].kind not in _OF_NAMES or not _inside(one, here)]
        scene = scene_with(low, triggers)
    adrift = graded and not levels_in(low)
    organs = _organs(words, lexicon) if weighed else ()
    return Named(lead, low, every, here, scene, far, rads, adrift, weighed, kept, organs)


def _inside(trigger: tuple[int, int, object], mentions: Sequence[Mention]) -> bool:
    """Whether a trigger only is part of a name: `post` of `post-radiation change` makes nothing else historical."""
    return any(start <= trigger[0] and trigger[1] <= end for start, end, _ in mentions)


def _counts(what: Phrase | Category | Stage, low: str) -> bool:
    """Whether words that mean this only in company have that company in their sentence."""
    if not isinstance(what, Phrase):
        return True
    if what.nothing:
        return False
    if what.never_near is not None and what.never_near.search(low):
        return False
    return what.beside is None or what.beside.search(low) is not None


def weigh(names: Named, follow: str, label: str, lexicon: Lexicon) -> Weight:
    """Measure what a sentence says of its lesions; dear, so only for those that it asserts."""
    low, scene = names.low, names.scene
    measured = sizes(low, 0, len(low)) if _MEASURES.search(low) else []
    if not measured and follow and _MEASURED.match(follow):
        measured = [
            size._replace(start=len(low), end=len(low)) for size in sizes(follow, 0, len(follow))
        ]  # fmt: skip
    scenes = (scene, scene_of(follow, lexicon)) if follow else (scene,)
    organs = names.organs or (_organs(Words(label), lexicon) if label else ())
    return Weight(measured, regions(low) or (regions(label) if label else ()), organs, scenes)


def _organs(words: Words, lexicon: Lexicon) -> tuple[str, ...]:
    return tuple(dict.fromkeys([organ for _, _, organ in lexicon.find_organs.find(words)]))
