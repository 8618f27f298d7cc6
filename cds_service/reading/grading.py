"""Severity, spine level and side of one mention, also where one clause grades several of them.

`mild to moderate left and mild right foraminal stenosis at L4-L5` holds two grades; a range counts as its upper bound;
`severe facet disease without stenosis` grades no stenosis. Level and side are those of the clause, else of the head of
the line (`L4-L5: ...`).
"""

import re
from typing import NamedTuple

from cds_service.anatomy import find_sides
from cds_service.model import SEVERITIES, Severity, Side

Levels = tuple[int, int, tuple[str, ...]]

_WORDS: dict[Severity, str] = {
    "mild": "mild mildly minimal minimally slight slightly minor trace lowgrade small tiny",
    "moderate": "moderate moderately",
    "severe": "severe severely marked markedly critical critically advanced profound profoundly highgrade",
}
_SEVERITY: dict[str, Severity] = {word: grade for grade, words in _WORDS.items() for word in words.split()}
_SIDES: dict[str, Side] = {
    "left": "left", "right": "right", "bilateral": "bilateral", "bilaterally": "bilateral", "both": "bilateral",
    "left sided": "left", "right sided": "right", "lt": "left", "rt": "right",
}  # fmt: skip
_BETWEEN_WORDS = (  # words that may stand between a severity and what it grades
    "central canal spinal foraminal neural neuroforaminal foramen foramina lateral recess recesses"
    " subarticular zone thecal"
    " sac degenerative acquired congenital multilevel focal concentric broad relative sided grade of the areas area"
    " overall residual recurrent persistent anterior posterior extraforaminal far paracentral circumferential short"
    " segment at level osseous bony soft tissue asymmetric diffuse lumbar cervical thoracic more to and or but"
    " with neuro new"
    " stable unchanged progressive worsening interval chronic associated resultant resulting secondary dynamic"
    " a an narrowing"
    " exit nerve root cord disc intervertebral facet-related combined also there is are side sides on in"
)
_BETWEEN = frozenset(_BETWEEN_WORDS.split())
_GRADE = (" grade", "-grade")  # of `high-grade`, which is one token
_JOINS = frozenset({"to", "-", "/", "or"})
_TOKEN = re.compile(r"(?:high|low)[ -]grade|[a-z0-9']+|[-,:/()]")
_LEVEL_TOKEN = re.compile(r"[ctls]?\d{1,2}")
_SEVERITY_WORD = (
    r"(?:mild|minimal|slight|moderate|severe|marked|critical|advanced|profound)(?:ly)?|minor|trace"
    r"|(?:high|low)[ -]grade"
)
_MAY_GRADE = re.compile(
    r"mild|minim|minor|moder|sever|slight|trace|marked|critical|advanced|profound|high|low|small|tiny|left|right|bilat|both"
    r"|[lr]t(?![a-z])"
)
_RANGE = rf"(?:{_SEVERITY_WORD})(?:(?: to |-to-| ?/ ?| ?- ?| or )(?:{_SEVERITY_WORD})){{0,2}}"
_AFTER = re.compile(  # `stenosis is moderate`, `stenosis at L4-L5, moderate`, `stenosis: severe`
    r"[ ,:(]{0,3}(?:(?:is|are|was|which|that|appears?|remains?|graded|as|now|has|have|progressed|worsened"
    r"|increased|again|currently|at|the|of|level|and|in|on"
    rf"|left|right|bilateral|considered|overall|worst|most|where|it|be|to|estimated|from|through|pronounced|prominent"
    rf"|greatest|conspicuous|unchanged|stable|similar|still|persistently"
    rf"|[ctls]\d{{1,2}}(?:[-/][ctls]?\d{{1,2}})?)[ ,:(]{{1,3}}){{0,9}}+"
    rf"(?P<range>{_RANGE})(?=$|[.,;)]| (?:and|at|on|in|to|with|by|but|though|worse|left|right|bilateral|compared"
    rf"|from)\b)"
)
_ANOTHER = re.compile(  # `..., moderate at L3-L4 and severe on the right`
    rf"(?P<range>{_RANGE})(?: (?:stenosis|narrowing))? (?:at|on|in)\b"
)
_JOINED = re.compile(r"[ ,]{0,2}(?:and|&|or|,|as well as|to a lesser (?:extent|degree))?[ ]?(?:at |the )*\Z")
_LINKED = re.compile(
    r"[ ,(]{0,3}(?:(?:is|are|was|seen|present|noted|identified|most|more|predominantly|pronounced|worst|worse"
    r"|greatest|prominent"
    r"|at|of|the|levels?|in|on|both|from|involving|again|and|narrowing|foramen|foramina|canal|central|lateral|recess(?:es)?|left|right"
    r"|side|bilaterally|bilateral|severe|moderate|mild|which|that|where|it|degenerative|due|to|spinal|lumbar|cervical|thoracic|spine"
    r"|appears?|remains?|stable|unchanged|greater|than|within|causing|with|anterolisthesis|retrolisthesis|grade|\d|i{1,3}"
    r"|[clt]\d{1,2})[ ,(]{1,3}){0,10}+\Z"
)
_GRADED_LEVEL = re.compile(rf"[ :(-]{{1,3}}(?:is )?(?P<range>{_RANGE})(?![a-z])")
_IN_BRACKETS = re.compile(rf" ?\((?P<range>{_RANGE})\)")
_IS_SUBJECT = re.compile(r":| (?:is|are|has|shows?|demonstrates?)\b")
_LEADING = re.compile(
    r"\W*(?:(?:at|the|level|levels|in|on|of|spine|lumbar|cervical|thoracic|interspace|disc|also|and)\W+)*\Z"
)
_CONTINUES = re.compile(
    r"(?:this|these|it|resulting|resultant|associated|there (?:is|are) (?:associated|resultant|resulting|also)|with)\b"
)


class Grade(NamedTuple):
    """What one mention says at one place, and the stretch of text that says it."""

    severity: Severity | None
    levels: tuple[str, ...]
    side: Side | None
    start: int
    end: int


def worst(text: str) -> Severity | None:
    """The upper bound of the severity words in a range."""
    tokens = (token.replace(" ", "").replace("-", "") for token in _TOKEN.findall(text))
    found = [_SEVERITY[token] for token in tokens if token in _SEVERITY]
    return max(found, key=SEVERITIES.index) if found else None


def may_grade(low: str) -> bool:
    """Whether a sentence says any severity or side at all; the cheap question before the dear ones."""
    return _MAY_GRADE.search(low) is not None


def grades(
    low: str, mention: tuple[int, int], before: int, after: int,
    levels: tuple[Levels, ...], inherited: tuple[str, ...], plain: bool = False,
) -> list[Grade]:  # fmt: skip
    """The grades of one mention of a sentence; `plain` where the sentence cannot grade, as `may_grade` says.

    `before`: end of the mention before it; `after`: start of the next.
    """
    start, end = mention
    own_levels, reach = _levels_of(low, mention, before, after, levels) if levels else ((), end)
    place = own_levels or inherited
    if plain:
        return [Grade(None, place, None, start, reach)]
    groups = _graded_before(low, before, start)
    listed = _listed(low, end, after, levels)
    if listed:
        return listed
    if not groups or groups[-1][0] is None:
        match = _AFTER.match(low, end, after)
        if match:
            side = (groups[-1][1] if groups else None) or _side_near(low, end, match.start("range"))
            here = _place_after(low, match.end("range"), after, levels)
            first = Grade(
                worst(match["range"]), here[0] or place, here[1] or side, start, max(match.end("range"), here[2])
            )
            return [first, *_others(low, match.end("range"), after, levels, place)]
        side = (groups[-1][1] if groups else None) or _side_after(low, end, after)
        return [
            Grade(worst(low[start:end]), place, side, groups[0][2] if groups else start, reach),
            *_others(low, end, after, levels, place),
        ]
    graded = [group for group in groups if group[0] is not None]
    late = _side_after(low, end, after) if len(graded) == 1 and graded[0][1] is None else None
    found = [Grade(severity, place, side or late, at, reach) for severity, side, at in graded]
    if len(graded) > 1:
        stops = [*(at for _, _, at in graded[1:]), start]
        own = [
            _union([one for one in levels if of_one.start <= one[0] < stop_at])
            for of_one, stop_at in zip(found, stops, strict=True)
        ]
        if all(own):
            found = [of_one._replace(levels=here) for of_one, here in zip(found, own, strict=True)]
    return found + _others(low, end, after, levels, place)


def _graded_before(low: str, left: int, right: int) -> list[tuple[Severity | None, Side | None, int]]:
    """Walk back from a mention over the words that may stand before it; the (severity, side, start) groups found."""
    tokens = [(match[0], match.start()) for match in _TOKEN.finditer(low, max(left, right - 140), right)]
    first = len(tokens)
    while first:
        word = tokens[first - 1][0]
        known = word in _SEVERITY or word in _SIDES or word in _BETWEEN or word in ",/-" or word[-6:] in _GRADE
        if not known and not _LEVEL_TOKEN.fullmatch(word):
            break
        first -= 1
    words = [
        (token.replace("-", "").replace(" ", "") if token[-6:] in _GRADE else token, at) for token, at in tokens[first:]
    ]
    groups: list[tuple[Severity | None, Side | None, int]] = []
    severity: Severity | None = None
    side: Side | None = None
    begin = -1
    for place, (word, at) in enumerate(words):
        if word in _SEVERITY:
            ranged = severity is not None and place and words[place - 1][0] in _JOINS
            if ranged and severity is not None:
                severity = max(severity, _SEVERITY[word], key=SEVERITIES.index)
                continue
            pending = side if severity is None else None
            if severity is not None:
                if place and words[place - 1][0] in _SIDES and place > 1 and words[place - 2][0] in ("and", ",", "or"):
                    pending = _SIDES[words[place - 1][0]]
                    side = groups_side(words[: place - 1])
                groups.append((severity, side, begin))
            severity, side, begin = _SEVERITY[word], pending, at
        elif word in _SIDES:
            follows = words[place + 1][0] if place + 1 < len(words) else ""
            if severity is not None and follows in _SEVERITY and place and words[place - 1][0] in ("and", ",", "or"):
                continue  # `left mild and right moderate`: the side belongs to the next severity
            other = _SIDES[word]
            side = other if side in (None, other) else "bilateral"
            if begin < 0:
                begin = at
    if severity is not None or side is not None:
        groups.append((severity, side, begin))
    return groups


def _listed(low: str, end: int, stop: int, levels: tuple[Levels, ...]) -> list[Grade]:
    """Grades behind their level: `Canal stenosis: L3-L4 mild, L4-L5 moderate.`, `stenosis at L3-L4 (mild)`."""
    after = _GRADED_LEVEL if low[end : end + 1] == ":" else _IN_BRACKETS
    found = []
    for at, to, named in levels:
        match = after.match(low, to, stop) if at > end else None
        if match:
            found.append(Grade(worst(match["range"]), named, None, at, match.end()))
    return found


def groups_side(words: list[tuple[str, int]]) -> Side | None:
    """The last side among words."""
    return next((_SIDES[word] for word, _ in reversed(words) if word in _SIDES), None)


def _levels_of(
    low: str, mention: tuple[int, int], before: int, after: int, levels: tuple[Levels, ...]
) -> tuple[tuple[str, ...], int]:
    """The levels a mention stands at, and how far the text reaches that says so."""
    start, end = mention
    inside = [of_one for of_one in levels if of_one[0] < end and start < of_one[1]]
    ahead: list[Levels] = []
    at = end
    for of_one in levels:
        if of_one[0] < end or of_one[0] >= after:
            continue
        linked = _JOINED.match(low, at, of_one[0]) if ahead else _LINKED.match(low, at, of_one[0])
        if not linked:
            break
        if ahead and _IS_SUBJECT.match(low, of_one[1]):
            break
        ahead.append(of_one)
        at = of_one[1]
    behind = [of_one for of_one in levels if of_one[1] <= start]
    if ahead and behind and behind[-1][0] >= before:
        connection = low[end : ahead[0][0]]
        if "," in connection or " and " in connection:
            ahead = []
    if ahead:
        return _union(ahead), ahead[-1][1]
    if inside:
        return _union(inside), end
    chain: list[Levels] = []
    for of_one in reversed(behind):
        if chain and not _JOINED.match(low, of_one[1], chain[0][0]):
            break
        chain.insert(0, of_one)
    return _union(chain), end


def _union(levels: list[Levels]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(level for of_one in levels for level in of_one[2]))


def _place_after(low: str, at: int, stop: int, levels: tuple[Levels, ...]) -> tuple[tuple[str, ...], Side | None, int]:
    """Levels and side right after a severity: `moderate at L3-L4 on the left`."""
    ahead: list[Levels] = []
    reach = at
    for of_one in levels:
        if of_one[0] < at or of_one[0] >= stop:
            continue
        if not (_JOINED if ahead else _LINKED).match(low, reach, of_one[0]) or (
            not ahead and worst(low[at : of_one[0]])
        ):
            break
        ahead.append(of_one)
        reach = of_one[1]
    return _union(ahead), _side_after(low, at, stop), reach


def _others(low: str, at: int, stop: int, levels: tuple[Levels, ...], place: tuple[str, ...]) -> list[Grade]:
    """Further grades of the same mention behind it: `..., mild at L3-L4`."""
    found = []
    for match in _ANOTHER.finditer(low, at, stop):
        here, side, reach = _place_after(low, match.end("range"), stop, levels)
        if here or side:
            found.append(Grade(worst(match["range"]), here or place, side, match.start(), reach))
    return found


_SIDE_TAIL = re.compile(r"[^.;]{0,60}")
_SIDE_WORD = re.compile(r"left|right|bilat|both")
_SIDE_CUT = re.compile(rf"\b(?:{_RANGE})\b|\b(?:and|with|due|from|causing|caused)\b(?! right| left)")


def _side_after(low: str, at: int, stop: int) -> Side | None:
    """The side named right behind, before anything else is said."""
    tail = _SIDE_TAIL.match(low, at, stop)
    words = tail[0] if tail else ""
    if not _SIDE_WORD.search(words):
        return None
    cut = _SIDE_CUT.search(words)
    return _side_near(words, 0, cut.start() if cut else len(words))


def _side_near(low: str, left: int, right: int) -> Side | None:
    sides = {side for _, _, side in find_sides(low[left:right])}
    return "bilateral" if len(sides) > 1 else next(iter(sides), None)


def is_leading(low: str, start: int, level: Levels) -> bool:
    """Whether a level opens its sentence, so that what follows on the line stands at it."""
    return level[0] - start <= 40 and _LEADING.match(low, start, level[0]) is not None


def continues(low: str, start: int) -> bool:
    """Whether a sentence opens by pointing back: `This results in severe stenosis.`"""
    return _CONTINUES.match(low, start) is not None
