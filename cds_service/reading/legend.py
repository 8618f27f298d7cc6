"""Stretches of a text that explain a scale instead of using it: nothing they name is a finding."""

import re
from itertools import pairwise

from cds_service.reading import rads_scale

_TITLE = re.compile(
    r"\b(?:[a-z-]+rads|legend|key|scales?|grading|grades|classifications?|categories|scoring|scores|lexicon|definitions?)\b"
    r"[^.:\n]{0,40}+:"
)
_WORTHS = ("malignan", "suspicious", "benign", "high", "severe", "definite", "from")  # no scale without one of these
_TITLES = ("rads", "legend", "key", "scale", "grad", "classif", "categor", "scor", "lexic", "definit")
_STEP = re.compile(
    r"(?<![\w./-])(?:tr|lr-?|us-)?(?P<value>4x|[234][abc]|[0-6]|iif?|i{1,3}|iv|v)(?![a-z0-9])\s?[=:(,-]{0,2}\s?[a-z]"
)
_STEPS = "0 1 i 2 ii 2a 2b 2c iif 3 iii 3a 3b 3c 4 4a 4b 4c 4x iv 5 v 6"
_VALUES = _STEPS.split()
_LONGEST_STEP = 70  # characters from one value to the next


def legends(low: str) -> list[tuple[int, int]]:
    """Where a lower-cased text explains a scale: three values in a row, each with its meaning."""
    if not any(word in low for word in _WORTHS):
        return []
    found = rads_scale.legends(low)
    if any(title in low for title in _TITLES):
        for title in _TITLE.finditer(low):
            end = _steps_end(low, title.end())
            if end:
                found.append((title.start(), end))
    return found


def _steps_end(low: str, start: int) -> int:
    """The end of a row of at least three rising values from `start`; 0 where there is none."""
    line = low.find("\n", start)
    line = min(len(low) if line == -1 else line, start + 600)
    last = start
    values: list[str] = []
    for step in _STEP.finditer(low, start, line):
        if step.start() - last > _LONGEST_STEP:
            break
        last = step.end()
        values.append(step["value"])
    rising = all(_VALUES.index(one) < _VALUES.index(other) for one, other in pairwise(values))
    return line if len(values) >= 3 and rising and values[0] in ("0", "1", "i") else 0
