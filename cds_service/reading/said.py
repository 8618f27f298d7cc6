"""What one sentence says of everything it names: each mention judged, graded, measured and cut out as a quote.

Provably of nothing but the arguments, so the answers are kept, with offsets from the start of the sentence: the same
sentences recur from report to report. They are kept in memory only, and no more than a few thousand.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from cds_service.model import Assertion, Severity, Side, StatedStage, Suspicion, Trend
from cds_service.reading.assertion import ASKING, Scene, Standing, Verdict, judge
from cds_service.reading.binding import number_of, own_side, sets_against, sides_of, vertebrae
from cds_service.reading.grading import Grade, grades, may_grade
from cds_service.reading.judging import NO_ALTERNATIVE, judge_mention
from cds_service.reading.lesions import sizes_of
from cds_service.reading.lexicon import Lexicon, Phrase
from cds_service.reading.page import levels_in
from cds_service.reading.priors import date_in
from cds_service.reading.quote import clause
from cds_service.reading.rads import Category
from cds_service.reading.sentence import Mention, Named, Weight, weigh
from cds_service.reading.sentences import MOST_IN_A_SENTENCE
from cds_service.reading.stage import Stage

_KEPT = 4096
_RISING: tuple[Suspicion, ...] = ("benign", "indeterminate", "suspicious")
_WEIGHED = ("present", "uncertain", "historical")
_DOUBTS = ("suspicious", "indeterminate")
_NOTHING = Weight([], (), (), ())
_CANCER = frozenset({"malignancy", "metastasis", "recurrence", "spinal-tumour"})
_TAKEN_FOR = re.compile(  # what stands before a benign name that another lesion is taken for
    r"(?:consistent|compatible|in keeping|most in keeping) with|represent\w*|likely|probab\w+|favou?r\w*"
    r"|typical (?:of|for)|characteristic of|diagnostic of|suggest\w*|suggestive of"
)


class Rest(NamedTuple):
    """The fields of a Finding behind `section`, in its order."""

    phrase: str = ""
    trigger: str | None = None
    hedged: bool = False
    severity: Severity | None = None
    levels: tuple[str, ...] = ()
    side: Side | None = None
    size_mm: float | None = None
    prior_size_mm: float | None = None
    trend: Trend | None = None
    suspicion: Suspicion | None = None
    system: str | None = None
    value: str | None = None
    flag: Literal["high", "intermediate", "limited", "benign"] | None = None
    regions: tuple[str, ...] = ()
    axes_mm: tuple[float, ...] = ()
    organs: tuple[str, ...] = ()
    vertebrae: tuple[str, ...] = ()
    incidental: bool = False
    site: str | None = None
    modifiers: tuple[str, ...] = ()
    stage: StatedStage | None = None
    versus: tuple[str, ...] = ()
    date: str | None = None


class Said(NamedTuple):
    """One finding before it stands in a text: offsets from the start of its sentence, and all the rest as it is."""

    concept: str
    assertion: Assertion
    start: int
    end: int
    mention: tuple[int, int]
    rest: Rest


def said_of(
    names: Named,
    here: tuple[Mention, ...],
    section: Standing,
    explained: bool,
    inherited: tuple[str, ...],
    follow: str,
    label: str,
    lexicon: Lexicon,
) -> tuple[Said, ...]:
    """What a sentence says of the mentions `here`, which are all that it names or some of them.

    `explained`: it is of the legend of a scale; `inherited`: the level it stands at; `follow`: the next sentence, where
    that points back; `label`: the head of its line.
    """
    section = section if section in ASKING else "findings"  # the others assert alike
    say = _said_of if names.kept and len(follow) <= MOST_IN_A_SENTENCE else _said_of.__wrapped__
    return say(names, here, section, explained, inherited, follow, label, lexicon)


@lru_cache(maxsize=_KEPT)
def _said_of(
    names: Named,
    here: tuple[Mention, ...],
    section: Standing,
    explained: bool,
    inherited: tuple[str, ...],
    follow: str,
    label: str,
    lexicon: Lexicon,
) -> tuple[Said, ...]:
    low, scene = names.low, names.scene
    verdicts = [
        Verdict("hypothetical", "scale-legend", False) if explained else judge_mention(scene, mention, section)
        for mention in here
    ]
    weight = _NOTHING
    suspicion: Suspicion | None = None
    lesions = 0
    weighed = certain = graded = False
    for (_, _, what), verdict in zip(here, verdicts, strict=True):
        if not isinstance(what, Phrase):
            weighed = weighed or verdict.assertion in _WEIGHED
            continue
        graded = graded or what.graded
        certain = certain or (verdict.assertion == "present" and what.concept in _CANCER)
        if what.lesion:
            lesions += 1
            weighed = weighed or verdict.assertion in _WEIGHED
    if weighed:
        weight = weigh(names, follow, label, lexicon)
        suspicion = _suspicion(weight, here, verdicts)
    levels = levels_in(low) if graded else ()
    sides = sides_of(low, [(start, end) for start, end, _ in here])
    bones = vertebrae(low)
    incidental = "incidental" in low
    against = _held_against(low, here, verdicts) if len(here) > 1 else ()
    plain = graded and not may_grade(low)
    found: list[Said] = []
    for number, ((start, end, what), verdict) in enumerate(zip(here, verdicts, strict=True)):
        before = here[number - 1][1] if number else 0
        after = here[number + 1][0] if number + 1 < len(here) else len(low)
        reach = verdict.reach or (start, end)
        if not isinstance(what, Phrase):
            at, to = clause(low, (start, end), _cover(reach, start, end))
            rest = _stated(what, verdict, weight, sides[number])
            concept = "rads" if isinstance(what, Category) else "tnm"
            found.append(Said(concept, verdict.assertion, at, to, (start, end), rest))
            continue
        hedged = verdict.hedged
        size = prior = None
        axes: tuple[float, ...] = ()
        trend: Trend | None = None
        doubt: Suspicion | None = what.suspicion
        if what.lesion:
            size, prior, axes = sizes_of(weight.sizes, (start, end), before, after, low[start:end].endswith("s"))
            trend = _trend(scene, start, end)
            if trend is None and size is not None and prior is not None and size != prior:
                trend = "larger" if size > prior else "smaller"
            if what.concept == "lesion" and (lesions == 1 or doubt is None):
                doubt = max((one for one in (doubt, suspicion) if one), key=_RISING.index, default=None)
            hedged = hedged or (verdict.assertion == "present" and doubt in _DOUBTS and not certain)
        if what.graded:
            every = grades(low, (start, end), before, after, levels, inherited, plain)
            if len(every) == 1 and every[0].side is None and not plain:
                every = [every[0]._replace(side=own_side(low[start:end]))]
            trend = trend or _trend(scene, start, end)
            hedged = hedged or (verdict.assertion == "present" and number + 1 == len(here) and _doubted(scene, end))
        else:
            every = [Grade(None, (), sides[number], start, end)]
        value = number_of(low, what.value, (start, end)) if what.value else None
        regions = weight.regions if what.lesion else ()
        for severity, named, side, left, right in every:
            at, to = clause(low, (start, end), _cover((min(reach[0], left), max(reach[1], right)), start, end))
            said = verdict.assertion
            if said == "absent" and left >= max(end, reach[1]):
                said = "present"  # `absent at L3-L4 and moderate at L4-L5`
            rest = Rest(
                what.id, verdict.trigger, hedged, severity, named, side, size, prior, trend, doubt, None, value, None,
                regions, axes, weight.organs or names.organs, bones, incidental, None, (), None,
                tuple([one for one in against if one != what.concept]) if against and said == "uncertain" else (),
                date_in(low) if what.concept == "comparison" else None,
            )  # fmt: skip
            found.append(Said(what.concept, said, at, to, (start, end), rest))
    return tuple(found)


def _cover(reach: tuple[int, int], start: int, end: int) -> tuple[int, int]:
    return min(reach[0], start), max(reach[1], end)


def _held_against(low: str, here: tuple[Mention, ...], verdicts: list[Verdict]) -> tuple[str, ...]:
    """The concepts that a sentence leaves open between."""
    if not sets_against(low):
        return ()
    return tuple(
        dict.fromkeys(
            what.concept
            for (_, _, what), verdict in zip(here, verdicts, strict=True)
            if isinstance(what, Phrase) and verdict.assertion == "uncertain" and what.concept not in NO_ALTERNATIVE
        )
    )


def _stated(what: Category | Stage, verdict: Verdict, weight: Weight, side: Side | None) -> Rest:
    if isinstance(what, Stage):
        return Rest(
            trigger=verdict.trigger, hedged=verdict.hedged, system=what.basis, value=what.value,
            regions=weight.regions, stage=what.parts,
        )  # fmt: skip
    return Rest(
        trigger=verdict.trigger, hedged=verdict.hedged, side=side, system=what.system, value=what.value,
        flag=what.flag, regions=weight.regions, organs=weight.organs, site=what.site, modifiers=what.modifiers,
    )  # fmt: skip


def _suspicion(weight: Weight, here: tuple[Mention, ...], verdicts: list[Verdict]) -> Suspicion | None:
    """What the sentence (or the next, where it points back) says of the nature of its lesions."""
    found: list[Suspicion] = []
    for scene in weight.scenes:
        for hit in scene.hits:
            said = hit.trigger.suspicion
            if said is None:
                continue
            if judge(scene, hit.start, hit.end, "findings").assertion == "absent":
                said = "benign" if said == "suspicious" else None
            if said:
                found.append(said)
    low = weight.scenes[0].low
    for (start, _, what), verdict in zip(here, verdicts, strict=True):
        if not isinstance(what, Phrase):
            continue
        named_benign = what.suspicion == "benign" and what.lesion and verdict.assertion in ("present", "uncertain")
        if named_benign and _TAKEN_FOR.search(low, max(0, start - 40), start):
            found.append("benign")
        if what.concept in _CANCER:
            if verdict.assertion == "present":
                found.append("suspicious")
            elif verdict.assertion == "uncertain" and verdict.trigger not in ("unlikely", "unlikely-to"):
                found.append("suspicious" if verdict.trigger == "likely" else "indeterminate")
    return max(found, key=_RISING.index, default=None)


def _trend(scene: Scene, start: int, end: int) -> Trend | None:
    """The trend words nearest to a mention."""
    best: Trend | None = None
    nearest = 1_000
    for hit in scene.hits:
        if hit.trigger.trend is not None:
            distance = start - hit.end if hit.end <= start else hit.start - end
            if distance < nearest:
                best, nearest = hit.trigger.trend, distance
    return best


def _doubted(scene: Scene, end: int) -> bool:
    """A hedge behind the last thing named: `stenosis, possibly severe`."""
    return any(hit.trigger.kind == "hedge" and hit.start >= end for hit in scene.hits)
