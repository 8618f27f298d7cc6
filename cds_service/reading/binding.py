"""What belongs to a mention besides its assertion: side, vertebrae, percentage, grade, what it is held against."""

import re
from collections.abc import Sequence

from cds_service.anatomy import find_sides
from cds_service.model import Side

_MAY_SIDE = re.compile(r"left|right|bilat|both|\b[lr]t\b")
_MAY_VERTEBRA = re.compile(r"(?<![a-z0-9])[ctls]1?[0-9](?![0-9])")
_VERTEBRA = re.compile(
    r"(?<![\w./-])(?P<name>c[1-7]|t(?:1[0-2]|[1-9])|l[1-5]|s1)(?![\w.]|[-/ ]{0,2}(?:weight|hyper|hypo|signal|bright"
    r"|dark|image|sequence|iso|prolong|short|n[0-3x]\b|[ctls]?\d)| (?:nerve|root|and [ctls]?\d+ (?:nerve|root)))"
)
_ALSO_SIGNAL = ("t1", "t2")  # a vertebra only where the words around say so
_OF_BONE = re.compile(
    r" (?:vertebra|vertebral|body|compression|burst|fracture|superior|inferior|endplate|level|pedicle"
    r"|lamina|spinous|transverse)"
)
_BEFORE_BONE = re.compile(r"\b(?:of|at|vertebra|body|level) \Z")
_NUMBERED = re.compile(r"\bgrade ([1-5]|i{1,3}|iv|v)(?: ?(?:-|/|to) ?([1-5]|i{1,3}|iv|v))?(?![a-z0-9])")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5"}
_PERCENT = re.compile(r"(\d{1,3})(?: ?% ?)?(?: ?(?:-|to) ?(\d{1,3}))? ?(?:%|per ?cent)")
_HELD_AGAINST = re.compile(
    r"\b(?:versus|vs|differential|distinguish\w*|differentiat\w*|indistinguishable|over|or|rather than)\b"
)
_NEXT_TO = re.compile(
    r"[ a-z0-9/-]{0,60}? (?:(?:versus|vs\.?) (?!\d|prior|previous|on |the prior)|(?:favou?red|preferred) over )"
)


def sides_of(low: str, mentions: Sequence[tuple[int, int]]) -> list[Side | None]:
    """The side of each mention: of its own stretch, looking back where the sentence opens with a side, else ahead."""
    found = find_sides(low) if _MAY_SIDE.search(low) else ()
    if not found:
        return [None] * len(mentions)
    if len({side for _, _, side in found}) == 1:
        return [found[0][2]] * len(mentions)
    leads = found[0][0] < mentions[0][0]
    sides: list[Side | None] = []
    for place, (start, end) in enumerate(mentions):
        before = mentions[place - 1][1] if place else 0
        after = mentions[place + 1][0] if place + 1 < len(mentions) else len(low)
        own = [side for at, to, side in found if start <= at and to <= end]
        back = [side for at, to, side in found if before <= at and to <= start]
        ahead = [side for at, to, side in found if end <= at and to <= after]
        here = own or (back or ahead if leads else ahead or back)
        sides.append(_one(here) if here else None)
    return sides


def own_side(words: str) -> Side | None:
    """The side that the words of a mention hold themselves: `stenosis of the left carotid artery`."""
    found = find_sides(words) if _MAY_SIDE.search(words) else ()
    return _one([side for _, _, side in found]) if found else None


def _one(sides: list[Side]) -> Side:
    return sides[0] if len(set(sides)) == 1 else "bilateral"


def vertebrae(low: str) -> tuple[str, ...]:
    """The single vertebrae that a sentence names: `fracture of L3`; a motion segment or a nerve root is none."""
    if not _MAY_VERTEBRA.search(low):
        return ()
    found: dict[str, None] = {}
    for match in _VERTEBRA.finditer(low):
        name = match["name"]
        if name in _ALSO_SIGNAL and not (
            _OF_BONE.match(low, match.end()) or _BEFORE_BONE.search(low[max(0, match.start() - 12) : match.start()])
        ):
            continue
        found[name.upper()] = None
    return tuple(found)


def number_of(low: str, what: str | None, mention: tuple[int, int]) -> str | None:
    """The number that `value: grade` or `value: percent` asks for, of a range the upper one; another value as it is."""
    if what == "grade":
        match = _NUMBERED.search(low)
        return max(_ROMAN.get(number, number) for number in match.groups() if number) if match else None
    if what == "percent":
        near = [match for match in _PERCENT.finditer(low) if match.start() < mention[1] + 60]
        best = min(near, key=lambda match: abs(match.end() - mention[0]), default=None)
        return max((number for number in best.groups() if number), key=int) if best else None
    return what


def sets_against(low: str) -> bool:
    """Whether a sentence holds what it names against each other."""
    return _HELD_AGAINST.search(low) is not None


def is_alternative(low: str, mention: tuple[int, int]) -> bool:
    """Whether `versus` and another possibility follow the mention: `glioma versus abscess`."""
    return (" v" in low or " over " in low) and _NEXT_TO.match(low, mention[1]) is not None
