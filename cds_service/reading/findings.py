"""From words found in a text to findings: sentence by sentence, what each says, put where it stands."""

from bisect import bisect_right
from dataclasses import fields, make_dataclass
from operator import itemgetter
from typing import Any

from cds_service.model import Finding, Gap, Section, SectionKind
from cds_service.reading.assertion import Standing
from cds_service.reading.legend import legends
from cds_service.reading.lexicon import Lexicon, Phrase
from cds_service.reading.page import Page
from cds_service.reading.priors import comparisons
from cds_service.reading.rads import Category, categories
from cds_service.reading.said import said_of
from cds_service.reading.sections import standing_of
from cds_service.reading.sentence import NOTHING, Mention, Named, name, named
from cds_service.reading.sentences import MOST_IN_A_SENTENCE
from cds_service.reading.stage import Stage, stages
from cds_service.reading.words import Words

# Setting thirty fields of a frozen object one by one takes five times as long, so a finding is made as an object of the
# same fields that is still open, and closed then.
_Open: Any = make_dataclass("_Open", [(each.name, Any) for each in fields(Finding)], slots=True)
_FOUND: tuple[SectionKind, Standing] = ("findings", "findings")
_MOST_MENTIONS = 600  # a long report names about a hundred things


def find(text: str, low: str, sections: tuple[Section, ...], lexicon: Lexicon, gaps: list[Gap]) -> tuple[Finding, ...]:
    """Every finding of a text, in order. Words beyond the longest sentence are a gap, never `absent`."""
    page = Page(low)
    naming: list[tuple[int, Named]] = []
    rads = False
    count = 0
    for place, stretch in enumerate(page.stretches):
        if not stretch:
            continue
        names = (named if len(stretch) <= MOST_IN_A_SENTENCE else named.__wrapped__)(stretch, lexicon)
        if names is not NOTHING:
            naming.append((place, names))
            rads = rads or names.rads
            count += len(names.all)
            if count > _MOST_MENTIONS:  # nothing behind it is read
                break
    stated = categories(low) if rads else []
    naming = _with_stated([*stated, *stages(text, low)], page, naming, lexicon, gaps)
    earlier = comparisons(text, low, sections)
    if not naming:
        return tuple(earlier)
    legend = legends(low)
    starts = [section.start for section in sections]
    standings: list[tuple[SectionKind, Standing]] = [(section.kind, standing_of(section)) for section in sections]
    said: dict[str, bool] = {}
    found: list[Finding] = []
    for place, names in naming:
        here = names.here
        if len(page.stretches[place]) - names.lead > MOST_IN_A_SENTENCE and names.all:
            gaps.append(Gap(what="report", why="sentence-too-long", detail="a sentence too long to judge"))
        if names.far:
            here = tuple(one for one in here if _is_near(one[2], low, said))
        if not here:
            continue
        begin = page.starts[place] + names.lead
        first = begin + here[0][0]
        within = bisect_right(starts, first) - 1
        section, standing = standings[within] if within >= 0 else _FOUND
        explained = bool(legend) and any(start <= first <= stop for start, stop in legend)
        inherited = page.inherited(place, begin) if names.adrift else ()
        follow, label = (page.next_pointing_back(place), page.label(begin)) if names.weighed else ("", "")
        for concept, assertion, start, end, mention, rest in said_of(
            names, here, standing, explained, inherited, follow, label, lexicon
        ):
            at, to = begin + start, begin + end
            span = (begin + mention[0], begin + mention[1])
            one = _Open(concept, assertion, text[at:to], at, to, span, section, *rest, False)
            one.__class__ = Finding
            found.append(one)
    if earlier:
        found = sorted(found + earlier, key=lambda finding: finding.mention)
    return tuple(found)


def _with_stated(
    stated: list[Category | Stage], page: Page, naming: list[tuple[int, Named]], lexicon: Lexicon, gaps: list[Gap]
) -> list[tuple[int, Named]]:
    """The sentences with the categories and stages in them too, up to as many mentions as are read of one text."""
    count = sum([len(names.all) for _, names in naming]) + len(stated)
    if not stated and count <= _MOST_MENTIONS:
        return naming
    extra: dict[int, list[Mention]] = {}
    for what in stated:
        place = bisect_right(page.starts, what.start) - 1
        start, end = what.start - page.starts[place], what.end - page.starts[place]
        extra.setdefault(place, []).append((start, end, what._replace(start=start, end=end)))
    if count > _MOST_MENTIONS:
        gaps.append(Gap(what="report", why="too-many-mentions", detail=f"only the first {_MOST_MENTIONS} mentions"))
    plain = dict(naming)
    room = _MOST_MENTIONS
    named_too: list[tuple[int, Named]] = []
    for place in sorted({*plain, *extra}):
        names = plain.get(place, NOTHING)
        if place in extra or len(names.all) > room:
            here = [(names.lead + start, names.lead + end, what) for start, end, what in names.all]
            here = sorted(here + extra.get(place, []), key=itemgetter(0, 1))[:room]
            stretch = page.stretches[place]
            names = name(stretch, Words(stretch), here, lexicon)
        named_too.append((place, names))
        room -= len(names.all)
        if room <= 0:
            break
    return named_too


def _is_near(what: Phrase | Category | Stage, low: str, said: dict[str, bool]) -> bool:
    """Whether words that mean this only in a report that also says something else stand in such a report."""
    if not isinstance(what, Phrase) or what.near is None:
        return True
    if what.id not in said:
        said[what.id] = what.near.search(low) is not None
    return said[what.id]
