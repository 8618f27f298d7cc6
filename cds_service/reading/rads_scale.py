"""What a category means, and where a text explains a scale instead of using it.

Flags: high counts as suspicion or a change of treatment, limited as an incomplete study, intermediate as a note, as the
systems' own tables say. Systems that are read but not weighed (GB-, Bone-, MET-, MY-RADS, PRECISE) have none.
"""

import re
from typing import Literal

Flag = Literal["high", "intermediate", "limited", "benign"]

_FLAGS: dict[str, dict[Flag, str]] = {
    "BI-RADS": {"limited": "0", "benign": "1 2", "intermediate": "3", "high": "4 4A 4B 4C 5 6"},
    "Lung-RADS": {"limited": "0", "benign": "1 2", "intermediate": "3 4A", "high": "4 4B 4X"},
    "LI-RADS": {
        "limited": "NC TR-NONEVALUABLE", "benign": "1 2 TR-NONVIABLE TR-NONPROGRESSING", "intermediate": "3",
        "high": "4 5 M TIV 5V TR-VIABLE TR-EQUIVOCAL",
    },
    "PI-RADS": {"limited": "X", "benign": "1 2", "intermediate": "3", "high": "4 5"},
    "TI-RADS": {"benign": "1 2", "intermediate": "3", "high": "4 5 4A 4B 4C"},
    "EU-TIRADS": {"benign": "1 2", "intermediate": "3 4", "high": "5"},
    "O-RADS": {"limited": "0", "benign": "1 2", "intermediate": "3", "high": "4 5"},
    "NI-RADS": {"limited": "0 X", "benign": "1", "intermediate": "2 2A 2B", "high": "3 4"},
    "RECIST": {"benign": "CR PR SD", "high": "PD"},
    "C-RADS": {"limited": "C0 E0", "benign": "C1 C2B E1 E2", "intermediate": "C2A E3", "high": "C3 C4 E4"},
    "Bosniak": {"benign": "I II", "intermediate": "IIF", "high": "III IV"},
    "BT-RADS": {"limited": "0", "benign": "1A 1B 2", "intermediate": "3A", "high": "3B 3C 4"},
    "CAD-RADS": {"limited": "N", "benign": "0 1 2", "intermediate": "3", "high": "4A 4B 5"},
    "VI-RADS": {"benign": "1 2", "intermediate": "3", "high": "4 5"},
    "Node-RADS": {"benign": "1 2", "intermediate": "3", "high": "4 5"},
    "Deauville": {"benign": "1 2 3", "high": "4 5", "limited": "X"},
}  # fmt: skip
_FLAG: dict[tuple[str, str], Flag] = {
    (name, value): flag for name, flags in _FLAGS.items() for flag, values in flags.items() for value in values.split()
}


def flag_of(system: str, value: str) -> Flag | None:
    """What a value of a system stands for; None where it stands for nothing that is weighed here."""
    return _FLAG.get((system, value))


_FEWEST = 2  # values with their meanings in a row, where nothing is told of that would have them; else one more
_FROM = re.compile(r" from \d")
_MEANS = (
    r"(?:incomplete|negative|normal|benign|probabl|likely|definite|suspicious|highly|known|indeterminate|intermediate"
    r"|equivocal|very|low|high|moderate|almost|need|follow|malignan|biops|minimal|clearly|mildly"
    r"|clinically)"
)
_ENTRY = re.compile(
    rf"(?<![\w.])(?:(?:category|cat|score|grade|class|lr|tr|us|(?:bi|li|pi|lung|ti|o|ni|bt|cad|vi)-?rads)[ -]?)?"
    rf"(?P<value>[0-6][abcx]?|i{{1,3}}f?|iv|v)(?:\s?[=:(,-]{{1,2}}\s?| (?:is|are|means?|indicates?|denotes?|represents?"
    rf"|corresponds? to)(?: an?)? |\s){_MEANS}"
)


_MAY_ENTER = re.compile(  # begins with one of few letters, which is quick to look for: no entry without this
    rf"[0-6iv][abcxfiv]{{0,3}}(?:\s?[=:(,-]{{1,2}}\s?| (?:is|are|means?|indicates?|denotes?|represents?"
    rf"|corresponds? to)(?: an?)? |\s){_MEANS}"
)
_NAMED = re.compile(r"[a-z]{1,4}-?rads[^.\n]+\. ?[a-z]{1,4}-?rads\b")  # `PI-RADS 4: likely. PI-RADS 5: very likely.`
_OF_SOMETHING = re.compile(
    r"\d ?[mc]m\b|\b(?:lesion|left|right|nodule|mass|lobe|segment|zone|apex|base|mid|target|index|breast|ovary|prior)"
)
_RANGE = re.compile(
    r"\b(?:ranges?|ranging|scale|scored?|graded?) (?:is |runs |goes )?from \d[^.\n]{0,40} to \d[^.\n]{0,20}"
)


def legends(low: str) -> list[tuple[int, int]]:
    """Stretches that explain a scale instead of using it: three or more values in a row, each with its meaning."""
    found: list[tuple[int, int]] = []
    run: list[tuple[int, int, str]] = []
    for match in _ENTRY.finditer(low) if len(_MAY_ENTER.findall(low)) >= _FEWEST else ():
        if run and match.start() - run[-1][1] > 130:
            _close(run, low, found)
            run = []
        run.append((match.start(), match.end(), match["value"]))
    _close(run, low, found)
    if _FROM.search(low):
        found += [(match.start(), match.end()) for match in _RANGE.finditer(low)]
    return found


def _is_told_of_none(text: str) -> bool:
    """Whether two values are explained without a word of what would have them."""
    return _NAMED.match(text) is not None and _OF_SOMETHING.search(text) is None


def _close(run: list[tuple[int, int, str]], low: str, found: list[tuple[int, int]]) -> None:
    values = {value for _, _, value in run}
    if len(values) <= _FEWEST and not (
        len(values) == len(run) == _FEWEST and _is_told_of_none(low[run[0][0] : run[1][1] + 40])
    ):
        return
    end = low.find("\n", run[-1][1])
    end = len(low) if end == -1 else end
    found.append((max(low.rfind("\n", 0, run[0][0]), 0), min(end, run[-1][1] + 160)))
