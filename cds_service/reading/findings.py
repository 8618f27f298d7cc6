"""From words found in a text to findings: each mention judged, graded, measured and quoted in its own sentence."""

import re
from bisect import bisect_right
from itertools import groupby

from cds_service.model import Finding, Gap, Section, SectionKind, Suspicion
from cds_service.reading.assertion import Verdict, judge
from cds_service.reading.grading import Grade, grades
from cds_service.reading.lesions import sizes_of
from cds_service.reading.lexicon import Lexicon, Phrase, Trend
from cds_service.reading.quote import clause
from cds_service.reading.rads import Category, categories, legends, may_state
from cds_service.reading.sentence import Mention, Page, Sentence, Weight, look_at, weigh
from cds_service.reading.sentences import MOST_IN_A_SENTENCE, Sentences
from cds_service.reading.stage import Stage, stages
from cds_service.reading.words import split, words_of

_MOST_MENTIONS = 600  # a long report names about a hundred things
_NUMBERED = re.compile(r"\bgrade ([1-5]|i{1,3}|iv|v)(?: ?(?:-|/|to) ?([1-5]|i{1,3}|iv|v))?(?![a-z0-9])")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5"}
_RISING: tuple[Suspicion, ...] = ("benign", "indeterminate", "suspicious")
_WEIGHED = ("present", "uncertain", "historical")
_DOUBTS = ("suspicious", "indeterminate")
_NOTHING = Weight([], (), ())
_CANCER = frozenset({"malignancy", "metastasis", "recurrence", "spinal-tumour"})
_FORMER_CATEGORY = re.compile(
    r"(?:previous(?:ly)?|prior|formerly|initially|(?:down|up)graded from|changed from|from|last|old)"
    r"(?: (?:\w+ ){0,3}(?:was|of|as|category|assessment|exam|study|assigned|assessed|categorized|classified))?["
    r" :,(]{0,3}\Z"
)
_ON_PRIOR = re.compile(
    r"[ )(]{0,2}(?:(?:on|at|in|from) (?:the |an )?)?(?:prior|previous(?:ly)?|earlier)\b(?! (?:seen|noted|known))"
)


def find(text: str, low: str, sections: tuple[Section, ...], lexicon: Lexicon, gaps: list[Gap]) -> tuple[Finding, ...]:
    """Every finding of a text, in order. Words beyond the longest sentence are a gap, never `absent`."""
    plain = words_of(low)
    vocabulary = set(plain)
    stated = categories(low) if may_state(vocabulary) else []
    staged = stages(text, low)
    if not stated and not staged and not lexicon.find_phrases.touches(vocabulary):
        return ()
    words = split(low, plain)
    mentions: list[Mention] = list(lexicon.find_phrases.find(words))
    mentions += [(one.start, one.end, one) for one in stated]
    mentions += [(one.start, one.end, one) for one in staged]
    if not mentions:
        return ()
    if len(mentions) > _MOST_MENTIONS:
        gaps.append(Gap(what="report", why="reading-limit", detail=f"only the first {_MOST_MENTIONS} mentions"))
        del mentions[_MOST_MENTIONS:]
    mentions.sort(key=lambda mention: mention[:2])
    page = Page(text, low, words, Sentences(low), lexicon)
    sentences = page.sentences
    legend = legends(low) if stated or " = " in low else []
    starts = [section.start for section in sections]
    said: dict[str, bool] = {}
    found: list[Finding] = []
    for (start, end), group in groupby(mentions, key=lambda mention: sentences.around(mention[0])):
        if end - start > MOST_IN_A_SENTENCE:
            gaps.append(Gap(what="report", why="reading-limit", detail="a sentence too long to judge"))
            end = start + MOST_IN_A_SENTENCE
        here = [one for one in group if one[1] <= end and _counts(one[2], low, start, end, said)]
        if not here:
            continue
        place = bisect_right(starts, here[0][0]) - 1
        section = sections[place].kind if place >= 0 else "findings"
        sentence = look_at(page, start, end, section, here)
        explained = any(begin <= here[0][0] <= stop for begin, stop in legend)
        _add_findings(page, sentence, here, explained, found)
    return tuple(found)


def _counts(what: Phrase | Category | Stage, low: str, start: int, end: int, said: dict[str, bool]) -> bool:
    """Whether words that mean this only in company have that company."""
    if not isinstance(what, Phrase):
        return True
    if what.never_near is not None and what.never_near.search(low, start, end):
        return False
    if what.beside is not None and not what.beside.search(low, start, end):
        return False
    if what.near is None:
        return True
    if what.id not in said:
        said[what.id] = what.near.search(low) is not None
    return said[what.id]


def _add_findings(page: Page, sentence: Sentence, here: list[Mention], explained: bool, found: list[Finding]) -> None:
    text, low = page.text, page.low
    verdicts = [
        Verdict("hypothetical", "scale-legend", False) if explained else _judge(low, sentence, mention)
        for mention in here
    ]
    weight = _NOTHING
    suspicion: Suspicion | None = None
    if any(
        verdict.assertion in _WEIGHED and (not isinstance(what, Phrase) or what.lesion)
        for (_, _, what), verdict in zip(here, verdicts, strict=True)
    ):
        weight = weigh(page, sentence)
        suspicion = _suspicion(weight, here, verdicts)
    certain = any(
        isinstance(what, Phrase) and what.concept in _CANCER and verdict.assertion == "present"
        for (_, _, what), verdict in zip(here, verdicts, strict=True)
    )
    only = sum(isinstance(what, Phrase) and what.lesion for _, _, what in here) == 1
    for number, ((start, end, what), verdict) in enumerate(zip(here, verdicts, strict=True)):
        before = here[number - 1][1] if number else sentence.start
        after = here[number + 1][0] if number + 1 < len(here) else sentence.end
        reach = verdict.reach or (start, end)
        if not isinstance(what, Phrase):
            span = clause(text, (sentence.start, sentence.end), (start, end), _cover(reach, start, end))
            found.append(_stated(text, sentence.section, weight.regions, what, verdict, span))
            continue
        hedged = verdict.hedged
        size = prior = None
        trend: Trend | None = None
        doubt: Suspicion | None = what.suspicion
        if what.lesion:
            size, prior = sizes_of(weight.sizes, (start, end), before, after)
            trend = _trend(sentence, start, end)
            if trend is None and size is not None and prior is not None and size != prior:
                trend = "larger" if size > prior else "smaller"
            if what.concept == "lesion" and (only or doubt is None):
                doubt = max((one for one in (doubt, suspicion) if one), key=_RISING.index, default=None)
            hedged = hedged or (verdict.assertion == "present" and doubt in _DOUBTS and not certain)
        if what.graded:
            graded = grades(
                low, (sentence.start, sentence.end), (start, end), before, after, sentence.levels, sentence.inherited
            )
            trend = trend or _trend(sentence, start, end)
            hedged = hedged or (verdict.assertion == "present" and number + 1 == len(here) and _doubted(sentence, end))
        else:
            graded = [Grade(None, (), None, start, end)]
        value = _number(low, sentence) if what.value == "grade" else what.value
        for grade in graded:
            needed = _cover((min(reach[0], grade.start), max(reach[1], grade.end)), start, end)
            at, to = clause(text, (sentence.start, sentence.end), (start, end), needed)
            said = verdict.assertion
            if said == "absent" and grade.start >= max(end, reach[1]):
                said = "present"  # `absent at L3-L4 and moderate at L4-L5`
            found.append(
                Finding(
                    what.concept, said, text[at:to], at, to, (start, end), sentence.section, what.id,
                    verdict.trigger, hedged, grade.severity, grade.levels, grade.side, size, prior, trend, doubt,
                    None, value, None, weight.regions if what.lesion else (),
                )
            )  # fmt: skip


def _number(low: str, sentence: Sentence) -> str | None:
    """The number after the word grade; of a range the upper one."""
    match = _NUMBERED.search(low, sentence.start, sentence.end)
    if not match:
        return None
    return max(_ROMAN.get(number, number) for number in match.groups() if number)


def _cover(reach: tuple[int, int], start: int, end: int) -> tuple[int, int]:
    return min(reach[0], start), max(reach[1], end)


def _judge(low: str, sentence: Sentence, mention: Mention) -> Verdict:
    start, end, what = mention
    verdict = judge(sentence.scene, start, end, sentence.section)
    if isinstance(what, Category) and verdict.assertion in ("present", "uncertain"):
        head = low[max(sentence.start, start - 60) : start]
        if _FORMER_CATEGORY.search(head) or _ON_PRIOR.match(low, end, sentence.end):
            return Verdict("historical", "prior-category", verdict.hedged, verdict.reach)
    return verdict


def _stated(
    text: str,
    section: SectionKind,
    regions: tuple[str, ...],
    what: Category | Stage,
    verdict: Verdict,
    span: tuple[int, int],
) -> Finding:
    at, to = span
    return Finding(
        concept="rads" if isinstance(what, Category) else "tnm",
        assertion=verdict.assertion,
        quote=text[at:to],
        start=at,
        end=to,
        mention=(what.start, what.end),
        section=section,
        trigger=verdict.trigger,
        hedged=verdict.hedged,
        system=what.system if isinstance(what, Category) else what.basis,
        value=what.value,
        flag=what.flag if isinstance(what, Category) else None,
        regions=regions,
    )


def _suspicion(weight: Weight, here: list[Mention], verdicts: list[Verdict]) -> Suspicion | None:
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
    for (_, _, what), verdict in zip(here, verdicts, strict=True):
        if isinstance(what, Phrase) and what.concept in _CANCER:
            if verdict.assertion == "present":
                found.append("suspicious")
            elif verdict.assertion == "uncertain" and verdict.trigger not in ("unlikely", "unlikely-to"):
                found.append("indeterminate")
    return max(found, key=_RISING.index, default=None)


def _trend(sentence: Sentence, start: int, end: int) -> Trend | None:
    """The trend words nearest to a mention."""
    best: Trend | None = None
    nearest = 1_000
    for hit in sentence.scene.hits:
        if hit.trigger.trend is not None:
            distance = start - hit.end if hit.end <= start else hit.start - end
            if distance < nearest:
                best, nearest = hit.trigger.trend, distance
    return best


def _doubted(sentence: Sentence, end: int) -> bool:
    """A hedge behind the last thing named: `stenosis, possibly severe`."""
    return any(hit.trigger.kind == "hedge" and hit.start >= end for hit in sentence.scene.hits)
