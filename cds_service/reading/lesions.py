"""Size, earlier size, trend and suspicion of one lesion, by the words of its clause."""

import re
from typing import NamedTuple

_NUMBER = r"\d{1,3}(?:[.,]\d{1,2})?"
_AXIS = (
    r"(?: ?\(?(?:ap|ml|cc|tr|trv|trans|si|lr|rl|l|w|h|d|craniocaudal|transverse|anteroposterior|mediolateral"
    r"|in (?:ap|short axis|long axis))\)?(?![a-z]))?"
)
_SIZE = re.compile(
    rf"(?<![\w.])(?<!\d,)(?P<sizes>{_NUMBER}(?: ?(?:mm|cm))?{_AXIS}(?: ?(?:x|by|-|to) ?{_NUMBER}(?: ?(?:mm"
    rf"|cm))?{_AXIS}){{0,2}})"
    r" ?-?(?P<unit>mm|cm|centimeters?|millimeters?)\b"
)
_ONE = re.compile(rf"({_NUMBER})(?: ?(mm|cm))?")
_FORMER = re.compile(
    r"(?:previous(?:ly)?|prior(?:ly)?|formerly|was|compared (?:to|with)|versus|vs\.?|from|before|earlier|then)"
    r"[ ,:(]{0,2}(?:measur\w+|size|exam|study|ct|mri|measurement|approximately|about|of|at|to|was|the|on|is|up"
    r"|a|[\d/.-]{6,10})?"
    r"[ ,:]{0,2}(?:approximately |about |up to |of |at |was )?\Z"
)
_DISTANCE = re.compile(  # a number that places or moves something is no size
    r" ?(?:(?:anterior|posterior|superior|inferior|lateral|medial|caudal|cranial|deep|distal|proximal)(?:ly)?"
    r" (?:to|of|from)"
    r"|above|below|from|away|beyond|of (?:retraction|retropulsion|displacement|translation|subluxation"
    r"|listhesis|dynamic)|slices?|collimation|thick|intervals?|sections?|reconstruct\w+|apart)\b"
)
_THICKNESS = re.compile(r"(?:slice|section|collimation|interval|fov|spacing)(?: thickness)?(?: of| is|:|,)? ?\Z")
_SINCE = re.compile(r" ?(?:previously|prior|on (?:the )?prior|before)\b")


class Size(NamedTuple):
    """One measurement in millimetres, its largest axis and all of them."""

    start: int
    end: int
    mm: float
    former: bool
    axes: tuple[float, ...] = ()


def sizes(low: str, start: int, end: int) -> list[Size]:
    """Every measurement of a sentence."""
    found = []
    for match in _SIZE.finditer(low, start, end):
        unit = match["unit"]
        axes = [(float(number.replace(",", ".")), of or unit) for number, of in _ONE.findall(match["sizes"])]
        in_mm = tuple([round(value * (10 if of.startswith("c") else 1), 1) for value, of in axes])
        mm = max(in_mm)
        head = low[max(start, match.start() - 40) : match.start()]
        if _DISTANCE.match(low, match.end(), end) or _THICKNESS.search(head):
            continue
        former = _FORMER.search(head) is not None or _SINCE.match(low, match.end(), end) is not None
        if former and " to " in match[0]:  # `grown from 6 mm to 11 mm`
            was, now = (value * (10 if of.startswith("c") else 1) for value, of in (axes[0], axes[-1]))
            found.append(Size(match.start(), match.end(), round(was, 1), True))
            found.append(Size(match.start(), match.end(), round(now, 1), False))
            continue
        found.append(Size(match.start(), match.end(), round(mm, 1), former, in_mm))
    return found


def sizes_of(
    measured: list[Size], mention: tuple[int, int], before: int, after: int, several: bool = False
) -> tuple[float | None, float | None, tuple[float, ...]]:
    """The present size, the earlier one and the present axes of a mention, from its own clause."""
    start, end = mention
    own = [size for size in measured if before <= size.start and size.end <= after]
    now = [size for size in own if not size.former]
    then = [size for size in own if size.former]
    if several:  # of several lesions the largest speaks
        near = max(now, key=lambda size: size.mm, default=None)
    else:
        near = min(now, key=lambda size: min(abs(size.end - start), abs(size.start - end)), default=None)
    return (near.mm if near else None), (then[0].mm if then else None), (near.axes if near else ())
