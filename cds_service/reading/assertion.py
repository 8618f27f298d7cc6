"""What a report says of the words it names: present, absent, uncertain, former, feared, of the family, or asked about.

ConText-style: trigger phrases with a direction and a scope, longest match, no small word window (lists in radiology run
to ten words and more). Order when several apply: family, indication, hypothetical, absent, historical, uncertain.
"""

import re
from typing import Literal, NamedTuple

from cds_service.model import Assertion, SectionKind
from cds_service.reading.lexicon import Lexicon, Trigger
from cds_service.reading.scope import (
    ANSWERED,
    ASKING_FOR,
    BACK,
    BECAUSE,
    CONCESSIONS,
    FORMER_STOPS,
    GIVEN_OBJECT,
    HARD,
    HEDGING,
    LABELS,
    LISTS,
    NEXT,
    OBJECT,
    PREDICATE,
    REPRESENTS,
    THEN,
    VERB,
    fences,
    former_ends,
    goes_on,
    granted_ends,
    is_asked_again,
    is_given,
    runs_on,
)
from cds_service.reading.unmarked import unmarked
from cds_service.reading.words import Words

_FAR = 24  # words between a trigger and what it modifies, in a sentence without `or`
_CLOSES = ("", ".", ";", ",", ")", "\n")  # `trace effusion, likely.`: the hedge has nothing else to doubt
_DENIED_STATE = re.compile(r" [a-z]+ed,? and ")
_STILL_THERE = ("stable", "larger", "smaller", "new")

# what a section is for an assertion: its kind, or one of three that only their headings tell
Standing = SectionKind | Literal["family", "complaint", "legend"]

# sections that only ask or tell what was known before: they never assert
ASKING: dict[Standing, Assertion] = {
    "header": "indication",
    "indication": "indication",
    "technique": "indication",
    "history": "historical",
    "comparison": "historical",
    "family": "family",
    "complaint": "indication",
    "legend": "hypothetical",
}


_ELSEWHERE = ("complaint", "header", "technique")  # sections whose denials and history are read as such


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
    stops: tuple[int, ...] = ()  # beyond which nothing reaches that stands before


def scene_of(low: str, lexicon: Lexicon) -> Scene:
    """Find the triggers and the statement bounds of one sentence."""
    return scene_with(low, lexicon.find_triggers.find(Words(low)))


def scene_with(low: str, triggers: list[tuple[int, int, Trigger]]) -> Scene:
    """The scene of a sentence whose triggers are found; bounds are looked for only where a trigger may reach them."""
    hits: list[Hit] = []
    walls: list[int] = []
    stops: list[int] = []
    for hit in triggers:
        if hit[2].kind != "boundary":
            hits.append(Hit(*hit))
        elif hit[2].back:
            walls.append(hit[0])
        else:
            stops.append(hit[0])
    if not hits:
        return Scene(low, (), (), ())
    if (
        "," in low
        or "and" in low
        or ":" in low
        or ";" in low
        or "wh" in low
        or "th" in low
        or " -" in low
        or ") " in low
    ):
        walls += [match.start() for match in HARD.finditer(low)]
    if low.startswith(CONCESSIONS):
        comma = granted_ends(low)
        if comma != -1:
            walls.append(comma)
    return Scene(low, tuple(hits), tuple(walls), fences(low), tuple(stops))


def judge(scene: Scene, start: int, end: int, section: Standing) -> Verdict:
    """The assertion of the words at `start:end`, which stand in the scene's sentence."""
    again = is_asked_again(scene.low, start, end) if scene.hits else -1
    if again != -1:
        answer = _judge(scene, again, again + 1, section)
        if answer.assertion == "absent":
            return answer
    return _judge(scene, start, end, section)


def _judge(scene: Scene, start: int, end: int, section: Standing) -> Verdict:
    nearest: dict[str, Hit] = {}
    marked = False
    for hit in scene.hits:
        kind = hit.trigger.kind
        if kind == "mark":
            if hit.start < start < hit.end and HEDGING.match(scene.low, hit.start):
                nearest["hedge"] = hit  # `likely a cyst` weighs the lesion, and doubts the cyst
            marked = marked or hit.trigger.trend in _STILL_THERE or hit.trigger.id == "still-there"
            continue
        if kind == "pseudo":
            if _reaches_in(scene, hit, start):
                nearest["negation"] = hit
            elif hit.start < start < hit.end and ASKING_FOR.match(scene.low, hit.start):
                nearest["hypothetical"] = hit  # `to evaluate for [growth]`
            continue
        if (start <= hit.start and hit.end <= end) or not _covers(scene, hit, start, end):
            continue
        if kind == "negation" and hit.start >= end:
            if THEN.match(scene.low, hit.end):
                continue
            if BECAUSE.match(scene.low, hit.end):
                kind = "unread"  # `not visualized because of bowel gas`
        best = nearest.get(kind)
        if best is None or _gap(hit, start, end) <= _gap(best, start, end):
            nearest[kind] = hit
    if not nearest and section not in ASKING:
        said, why = unmarked(scene.low, start, end, [hit.trigger.kind for hit in scene.hits])
        return Verdict(said, why, said == "uncertain")
    hedge = nearest.get("hedge") or nearest.get("unread")
    if "family" in nearest:
        return _by(nearest["family"], "family", hedge)
    return (
        _asked(nearest, section, hedge)
        or _denied(scene, nearest, hedge, start, end)
        or _told(nearest, section, hedge, marked)
    )


def _asked(nearest: dict[str, Hit], section: Standing, hedge: Hit | None) -> Verdict | None:
    """What is only asked about, feared or explained, by the section it stands in or by a trigger."""
    asking = ASKING.get(section)
    feared, asked = nearest.get("hypothetical"), nearest.get("indication")
    if asking == "historical" and (feared or asked or hedge):
        asking = "indication"
    if asking in ("indication", "family", "hypothetical") and section not in _ELSEWHERE:
        return Verdict(asking, f"section:{section}", hedge is not None)
    if feared and feared.trigger.id == "evaluation-for" and _is_told(nearest, feared):
        feared = None  # `evaluation for emboli is suboptimal`, `screening for hepatitis was negative`
    if feared and (asked is None or feared.start < asked.start):  # `if there is concern for X` asks nothing
        return _by(feared, asking if asking == "indication" else "hypothetical", hedge)
    return _by(asked, "indication", hedge) if asked else None


def _is_told(nearest: dict[str, Hit], asked: Hit) -> bool:
    denied = nearest.get("negation")
    return "unread" in nearest or (denied is not None and denied.start > asked.end)


def _denied(scene: Scene, nearest: dict[str, Hit], hedge: Hit | None, start: int, end: int) -> Verdict | None:
    denied = nearest.get("negation")
    if denied and hedge and _hedge_wins(scene, denied, hedge, start, end):
        denied = None
    denied = denied or nearest.get("resolved")
    return _by(denied, "absent", hedge) if denied else None


def _told(nearest: dict[str, Hit], section: Standing, hedge: Hit | None, marked: bool) -> Verdict:
    former = nearest.get("historical")
    asking = ASKING.get(section)
    if former and section in _ELSEWHERE:
        return _by(former, "historical", hedge)
    if asking:
        return Verdict(asking, f"section:{section}", hedge is not None)
    if former and not (marked and former.trigger.id.startswith("prior")):
        return _by(former, "historical", hedge)
    return _by(hedge, "uncertain", hedge) if hedge else Verdict("present", None, False)


def _reaches_in(scene: Scene, hit: Hit, start: int) -> bool:
    """`no change in` denies nothing behind it, but a mention that begins inside, or what goes on anew with an `or`."""
    if hit.trigger.id != "not-pseudo" or hit.start >= start:
        return False
    if start < hit.end:
        return True  # `no [change in vision]`
    low = scene.low  # `no change in size or new [lesion]`
    anew = low.startswith(("no ", "without "), hit.start) and NEXT.search(low, hit.end, start) is not None
    return anew and not any(hit.end <= wall < start for wall in scene.walls)


def _by(hit: Hit, assertion: Assertion, hedge: Hit | None) -> Verdict:
    return Verdict(assertion, hit.trigger.id, hedge is not None, (hit.start, hit.end))


def _gap(hit: Hit, start: int, end: int) -> int:
    return start - hit.end if hit.start < start else hit.start - end


def _covers(scene: Scene, hit: Hit, start: int, end: int) -> bool:
    """Whether a trigger reaches the mention: right direction, same statement, near enough."""
    if hit.start < start:  # `no acute` may reach into the mention `acute haemorrhage`
        if hit.trigger.kind == "negation" and start < hit.end:
            return True  # `is not [enlarged]`
        return hit.trigger.ahead and _reaches_ahead(scene, hit, start)
    if hit.trigger.id == "asked-about" and scene.low[hit.start - 1] in " (" and hit.end < len(scene.low):
        return False  # `weakness ?stroke` asks about the stroke
    return _reaches_back(scene, hit, end, start)


def _reaches_ahead(scene: Scene, hit: Hit, start: int) -> bool:
    low, left, trigger = scene.low, hit.end, hit.trigger
    kind = trigger.kind
    if left >= start:
        return True
    for bounds in (scene.walls, scene.stops):
        for wall in bounds:
            if left <= wall < start and not (wall == left and low[wall] == ":"):  # `Negative for: fracture`
                return False
    for fence in scene.fences:
        if left <= fence < start and not goes_on(low, fence, start):
            return False
    between = low[left:start]
    if kind in ("negation", "hedge") and is_given(between):
        return False  # `concern for cancer in the mass` does not doubt the mass
    if kind == "negation" and GIVEN_OBJECT.match(between) and low.startswith("not", left - 3):
        return False  # `could not tolerate the pain`
    if (
        kind == "hedge"
        and trigger.id != "not-so"
        and PREDICATE.search(between)
        and not between.startswith((" that", " there"))
    ):
        return False  # `possible biopsy is advised for the mass`
    if between.startswith(" ") and low.endswith("not", 0, left) and _DENIED_STATE.match(between):
        return False  # `is not controlled and [depression]`
    if kind == "negation" and runs_on(between):
        return False
    words = between.count(" ")
    if trigger.reach:
        return words + between.count("-") <= trigger.reach and not FORMER_STOPS.search(between)
    if kind == "historical" and former_ends(low, left, start):
        return False
    if (
        kind == "hypothetical"
        and "," in between
        and trigger.id == "if"
        and not goes_on(low, low.index(",", left), start)
    ):
        return False  # `if pain persists, ...`: what is done then
    return words <= _FAR or LISTS.search(low, left) is not None


def _reaches_back(scene: Scene, hit: Hit, end: int, start: int) -> bool:
    low, right, trigger = scene.low, hit.start, hit.trigger
    if low.startswith(" (", end):  # `effusion (image 12) is not seen`
        close = low.find(")", end, min(right, end + 80))
        end = close + 1 if close != -1 else end
    words = low[end:right]
    if trigger.kind == "negation" and LABELS.fullmatch(words) and ANSWERED.match(low, hit.end):
        return True  # `Metastasis: no`
    closes = trigger.kind == "hedge" and low[hit.end : hit.end + 1] in _CLOSES
    if not (trigger.back or closes):
        return False
    if trigger.id == "to-consider" and OBJECT.search(low[:start]):
        return False  # `biopsy of the mass should be considered`
    if trigger.reach and words.count(" ") + words.count("-") > trigger.reach:
        return False
    if LABELS.fullmatch(words):
        return True
    for wall in scene.walls:
        if end <= wall < right and low[wall] != ":" and not _points_back(low, wall, right):
            return False
    for fence in scene.fences:
        if end <= fence < right - 2:
            return False
    if trigger.id == "either-or" and REPRESENTS.search(words):
        return False  # `lesion representing necrosis versus tumour` doubts no lesion
    if "," in words.rstrip(", ") and not LISTS.search(words):
        return False
    if ("," in words or " and " in words) and VERB.search(low, 0, start):
        return False
    return words.count(" ") <= _FAR


def _points_back(low: str, wall: int, right: int) -> bool:
    """Whether what stands behind a wall is still about what stands before: `a collection, which has resolved`."""
    return BACK.fullmatch(low, wall, right) is not None


def _hedge_wins(scene: Scene, denied: Hit, hedge: Hit, start: int, end: int) -> bool:
    """Between a negation and a hedge that both reach the mention: `no lesion suspicious for X` denies X."""
    low = scene.low
    if denied.start >= end:  # the negation stands behind
        return hedge.start >= end and hedge.start < denied.start
    if hedge.start >= end:
        between = low[denied.end : start]
        return "," in between and not LISTS.search(between)
    if hedge.start < denied.start:
        return hedge.trigger.id == "not-so"
    between = low[denied.end : hedge.start]
    return "," in between and not LISTS.search(between)


def lower(text: str) -> str:
    """Lower case of the same length, so that offsets hold."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
