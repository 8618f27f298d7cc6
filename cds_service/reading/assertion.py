"""What a report says of the words it names: present, absent, uncertain, former, feared, of the family, or asked about.

ConText-style: trigger phrases with a direction and a scope, longest match, no small word window (lists in radiology run
to ten words and more). Order when several apply: family, indication, hypothetical, absent, historical, uncertain.
"""

import re
from typing import NamedTuple

from cds_service.model import Assertion, SectionKind
from cds_service.reading.lexicon import Lexicon, Trigger
from cds_service.reading.sentences import Sentences
from cds_service.reading.words import Words

_HARD = re.compile(  # what follows is another statement
    r";|: |, (?:there (?:is|are|has|was|were)|with|and (?:is|are|has|there|was)|which|this|these|it|now|however)\b"
    r"|\b(?:and (?:there|is|are|has|was)|which|who|that (?:is|are|has|was|may|measures?|could|might))\b| -{1,2} "
)
_SOFT = re.compile(  # the same, unless an `or` goes on with the list
    r", (?:the|an?|most|consistent|compatible|likely|probably|possibly|suspicious|concerning|stable|unchanged"
    r"|mild(?:ly)?"
    r"|moderate(?:ly)?|severe(?:ly)?|marked|small|large|representing|measuring|\d)\b|\band (?:the|an?|stable"
    r"|unchanged)\b"
)
_OR = re.compile(r"\b(?:or|nor)\b")
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|shows?|demonstrates?|reveals?|seen|noted|identified|with)\b")
_FORMER_STOPS = re.compile(r",|\b(?:with|now|shows?|demonstrates?|reveals?|presents?|presenting|is|are|has)\b")
_ANSWER = re.compile(r"s?\)?:(?: ?\[[x ]?\])? ?|s? - ")  # `Metastasis: no`
_LISTS = re.compile(r"\b(?:and|or|nor)\b")
_INSIDE = re.compile(
    r"\b(?:in|within) (?:the|this|these)\b"
)  # `concern for cancer in the mass` does not doubt the mass
_FAR = 24  # words between a trigger and what it modifies, in a sentence without `or`

# sections that only ask or tell what was known before: they never assert
ASKING: dict[SectionKind, Assertion] = {
    "header": "indication",
    "indication": "indication",
    "technique": "indication",
    "history": "historical",
    "comparison": "historical",
}


class Hit(NamedTuple):
    """One trigger in one sentence."""

    start: int
    end: int
    trigger: Trigger


class Verdict(NamedTuple):
    """What was decided of one mention, by which trigger, and whether the wording hedges."""

    assertion: Assertion
    trigger: str | None
    hedged: bool
    reach: tuple[int, int] | None = None  # of the deciding trigger


class Scene(NamedTuple):
    """One sentence with everything in it that can modify what it names; made once for all its mentions."""

    low: str
    hits: tuple[Hit, ...]
    walls: tuple[int, ...]  # where another statement begins
    fences: tuple[int, ...]  # where one begins unless the list goes on


def scene_of(low: str, lexicon: Lexicon) -> Scene:
    """Find the triggers and the statement bounds of one sentence."""
    return scene_with(low, lexicon.find_triggers.find(Words(low)))


def scene_with(low: str, triggers: list[tuple[int, int, Trigger]]) -> Scene:
    """The scene of a sentence whose triggers are found; bounds are looked for only where a trigger may reach them."""
    hits: list[Hit] = []
    walls: list[int] = []
    for hit in triggers:
        if hit[2].kind == "boundary":
            walls.append(hit[0])
        else:
            hits.append(Hit(*hit))
    if not hits:
        return Scene(low, (), (), ())
    fences: tuple[int, ...] = ()
    listed = "," in low or "and" in low
    if listed or ":" in low or ";" in low or "wh" in low or "that" in low or " -" in low:
        walls += [match.start() for match in _HARD.finditer(low)]
    if listed:
        fences = tuple([match.start() for match in _SOFT.finditer(low)])
    return Scene(low, tuple(hits), tuple(walls), fences)


def judge(scene: Scene, start: int, end: int, section: SectionKind) -> Verdict:
    """The assertion of the words at `start:end`, which stand in the scene's sentence."""
    nearest: dict[str, Hit] = {}
    marked = False
    for hit in scene.hits:
        kind = hit.trigger.kind
        if kind == "mark":
            marked = marked or hit.trigger.trend in _STILL_THERE or hit.trigger.id == "still-there"
            continue
        if kind == "pseudo":
            if trigger_reaches_in(hit, start):
                nearest["negation"] = hit
            continue
        if (start <= hit.start and hit.end <= end) or not _covers(scene, hit, start, end):
            continue
        best = nearest.get(kind)
        if best is None or _gap(hit, start, end) <= _gap(best, start, end):
            nearest[kind] = hit
    hedge = nearest.get("hedge") or nearest.get("unread")
    if "family" in nearest:
        return _by(nearest["family"], "family", hedge)
    asking = ASKING.get(section)
    if asking == "historical" and ("hypothetical" in nearest or "indication" in nearest):
        asking = "indication"
    if asking == "indication":
        return Verdict("indication", f"section:{section}", hedge is not None)
    if "indication" in nearest:
        return _by(nearest["indication"], "indication", hedge)
    if "hypothetical" in nearest:
        return _by(nearest["hypothetical"], "hypothetical", hedge)
    denied = nearest.get("negation")
    if denied and hedge and _hedge_wins(scene, denied, hedge, start, end):
        denied = None
    denied = denied or nearest.get("resolved")
    if denied:
        return _by(denied, "absent", hedge)
    if asking:
        return Verdict(asking, f"section:{section}", hedge is not None)
    former = nearest.get("historical")
    if former and not (marked and former.trigger.id.startswith("prior")):
        return _by(former, "historical", hedge)
    if hedge:
        return _by(hedge, "uncertain", hedge)
    return Verdict("present", None, False)


def trigger_reaches_in(hit: Hit, start: int) -> bool:
    """`no change in` denies nothing behind it, but does deny a mention that begins inside: `[change in vision]`."""
    return hit.start < start < hit.end and hit.trigger.id == "not-pseudo"


_CLOSES = ("", ".", ";", ",", ")", "\n")  # `trace effusion, likely.`: the hedge has nothing else to doubt
_STILL_THERE = ("stable", "larger", "smaller", "new")


def _by(hit: Hit, assertion: Assertion, hedge: Hit | None) -> Verdict:
    return Verdict(assertion, hit.trigger.id, hedge is not None, (hit.start, hit.end))


def _gap(hit: Hit, start: int, end: int) -> int:
    return start - hit.end if hit.start < start else hit.start - end


def _covers(scene: Scene, hit: Hit, start: int, end: int) -> bool:
    """Whether a trigger reaches the mention: right direction, same statement, near enough."""
    trigger = hit.trigger
    if hit.start < start:  # `no acute` may reach into the mention `acute haemorrhage`
        if not trigger.ahead:
            return False
        low, left, right = scene.low, hit.end, start
        if scene.walls and any(left <= wall < right for wall in scene.walls):
            return False
        goes_on = low.find("or", left) != -1 and _OR.search(low, left) is not None
        if not goes_on and scene.fences and any(left <= fence < right for fence in scene.fences):
            return False
        if trigger.kind == "hedge" and _INSIDE.search(low, left, right):
            return False
        between = low.count(" ", left, right)
        if trigger.reach:
            return between <= trigger.reach and not _FORMER_STOPS.search(low, left, right)
        if trigger.kind == "historical" and _FORMER_STOPS.search(low, left, right):
            return False
        return goes_on or between <= _FAR
    last = scene.low[hit.end :].strip(" .)") == ""
    closes = trigger.kind == "hedge" and scene.low[hit.end : hit.end + 1] in _CLOSES
    answers = trigger.kind == "negation" and last and _ANSWER.fullmatch(scene.low, end, hit.start) is not None
    if not (trigger.back or closes or answers):
        return False
    low, left, right = scene.low, end, hit.start
    if _ANSWER.fullmatch(low, left, right):
        return True
    words = low[left:right]
    if trigger.reach and words.count(" ") > trigger.reach:
        return False
    if any(left <= wall < right and low[wall] != ":" for wall in scene.walls):
        return False
    if any(left <= fence < right - 2 for fence in scene.fences):
        return False
    if "," in words.rstrip(", ") and not _LISTS.search(words):
        return False
    if ("," in words or " and " in words) and _VERB.search(low, 0, start):
        return False
    return words.count(" ") <= _FAR


def _hedge_wins(scene: Scene, denied: Hit, hedge: Hit, start: int, end: int) -> bool:
    """Between a negation and a hedge that both reach the mention: `no lesion suspicious for X` denies X."""
    low = scene.low
    if denied.start >= end:  # the negation stands behind
        return hedge.start >= end and hedge.start < denied.start
    if hedge.start >= end:
        between = low[denied.end : start]
        return "," in between and not _OR.search(between)
    if hedge.start < denied.start:
        return False
    between = low[denied.end : hedge.start]
    return "," in between and not _OR.search(between)


def assert_span(
    text: str, start: int, end: int, section: SectionKind | None = None, *, lexicon: Lexicon
) -> tuple[Assertion, str | None]:
    """The assertion of any words of a text, and the id of the trigger that decided; for measuring and for tests."""
    low = lower(text)
    first, last = Sentences(low).around(start)
    scene = scene_of(low[first : max(last, end)], lexicon)
    verdict = judge(scene, start - first, end - first, section or "findings")
    return verdict.assertion, verdict.trigger


def lower(text: str) -> str:
    """Lower case of the same length, so that offsets hold."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
