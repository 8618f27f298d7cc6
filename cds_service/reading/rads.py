"""Stated RADS categories of all systems; a category is only read, never inferred from findings.

Patterns use possessive quantifiers: the same filler with ordinary ones takes seconds on seventy characters.
"""

import re
from typing import Literal, NamedTuple

Flag = Literal["high", "intermediate", "limited", "benign"]

_SEP = r"[\s:#=,()\[\]-]{0,12}+"
_FILL = _SEP + (
    r"(?:(?:acr|assessment|final|overall|score|category|categories|cat\.?|classification|class|grade|version|"
    r"\d\.\d|v\.?\s?\d(?:\.\d)?|v\s?20\d\d|20\d\d|is|of|as|us|mri?|ct|mammo\w*|primary|site|neck|colonic|now|upgraded|"
    r"downgraded|to|the)\b" + _SEP + r"){0,6}+"
)
_END = r"(?!\w|\.\d|/[1-9]\d|\s?(?:mm|cm|ms|points?)\b)"
_MARK = r"(?:\s?(?:®|™|\(r\)|\(tm\)))?"


def _system(name: str, values: str) -> re.Pattern[str]:
    return re.compile(rf"\b{name}{_MARK}{_FILL}(?P<value>{values}){_END}")


_ROMAN_1_6 = r"i{1,3}|iv\s?[abc]?|vi?"
_SYSTEMS: tuple[tuple[str, str, re.Pattern[str]], ...] = (  # name, letters that must stand somewhere, pattern
    ("BI-RADS", "birad", _system(r"(?:bi[\s-]?rads?|birads)(?:-(?:us|mri?))?", rf"4\s?[abc]|[0-6]|{_ROMAN_1_6}")),
    ("Lung-RADS", "lungrad", _system(r"lung[\s-]?rads?", r"4\s?[abx]\s?s?|[0-3]\s?s?|4\s?s?")),
    (
        "LI-RADS",
        "lirad",
        _system(
            r"(?:ceus )?(?:us )?li[\s-]?rads?(?:\s?(?:tr|treatment response))?",
            r"(?:lr|us)[\s-]?(?:[1-5]|m|nc|tiv|tr)|[1-5]|m|nc|tiv|nonviable|viable|equivocal",
        ),
    ),
    (
        "LI-RADS",
        "lr",
        re.compile(
            r"\blr[\s-](?P<value>[1-5]|m|nc|tiv|5v|tr[\s-]{1,3}(?:nonevaluable|nonviable|nonprogressing|viable|equivocal))"
            r"(?!\w|\.\d|\s?(?:mm|cm|ms)\b)"
        ),
    ),
    ("PI-RADS", "pirad", _system(r"pi[\s-]?rads?", r"[1-5](?:/5)?|x")),
    ("TI-RADS", "tr", re.compile(r"\btr\s?-?(?P<value>[1-5])(?!\w|\.\d|/\w|\s?(?:mm|cm|ms|\d))")),
    ("TI-RADS", "tirad", _system(r"(?<!eu-)(?<!eu )ti[\s-]?rads?", r"(?:tr\s?)?[1-5]|4[abc]")),
    ("EU-TIRADS", "eutirad", _system(r"eu[\s-]ti[\s-]?rads?", r"[1-5]")),
    ("O-RADS", "orad", _system(r"o[\s-]rads?", r"[0-5]")),
    ("NI-RADS", "nirad", _system(r"ni[\s-]?rads?", r"2\s?[ab]|[0-4]|x")),
    ("C-RADS", "crad", _system(r"c[\s-]rads?", r"c?2\s?[ab]|c?[0-4]|e\s?[0-4]")),
    ("Bosniak", "bosniak", _system(r"bosniak", r"2f|iif|i{1,3}|iv|[1-4]")),
    ("BT-RADS", "btrad", _system(r"bt[\s-]?rads?", r"1\s?[ab]|3\s?[abc]|[0-4]")),
    ("CAD-RADS", "cadrad", _system(r"cad[\s-]?rads?", r"4\s?[ab]|[0-5]|n")),
    ("VI-RADS", "virad", _system(r"vi[\s-]?rads?", r"[1-5]")),
    ("Node-RADS", "noderad", _system(r"node[\s-]?rads?", r"[1-5]")),
    ("Deauville", "deauville", _system(r"deauville", r"[1-5]|x")),
)
_REVERSED = re.compile(
    r"\bcat(?:egory|\.)?\s(?P<value>[0-6]\s?[abcx]?)\s?\(\s?(?:acr )?(?P<name>(?:bi|li|pi|lung|ti|o)[\s-]?rads)\b"
)
_NAMES = {"bi": "BI-RADS", "li": "LI-RADS", "pi": "PI-RADS", "lu": "Lung-RADS", "ti": "TI-RADS", "o": "O-RADS"}
_SECOND = re.compile(r"[\s,/;]{1,3}(?:and )?(?P<site>neck|nodes?|primary|e)\s?:?\s?(?P<value>2\s?[ab]|[0-4]|x)(?!\w)")
_SAYS_RADS_WORDS = (
    "rads rad birads birad lirads pirads tirads lungrads orads nirads crads btrads cadrads virads noderads eutirads lr"
    " tr tr1 tr2 tr3 tr4 tr5 bosniak deauville"
)
_SAYS_RADS = frozenset(_SAYS_RADS_WORDS.split())
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
    "C-RADS": {"limited": "C0 E0", "benign": "C1 C2B E1 E2", "intermediate": "C2A E3", "high": "C3 C4 E4"},
    "Bosniak": {"benign": "I II", "intermediate": "IIF", "high": "III IV"},
    "BT-RADS": {"limited": "0", "benign": "1A 1B 2", "intermediate": "3A", "high": "3B 3C 4"},
    "CAD-RADS": {"limited": "N", "benign": "0 1 2", "intermediate": "3", "high": "4A 4B 5"},
    "VI-RADS": {"benign": "1 2", "intermediate": "3", "high": "4 5"},
    "Node-RADS": {"benign": "1 2", "intermediate": "3", "high": "4 5"},
    "Deauville": {"benign": "1 2 3", "high": "4 5", "limited": "X"},
}  # fmt: skip
_FLAG = {
    (name, value): flag for name, flags in _FLAGS.items() for flag, values in flags.items() for value in values.split()
}
_ARABIC = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "VI": "6"}
_ROMAN = {"1": "I", "2": "II", "2F": "IIF", "3": "III", "4": "IV"}


class Category(NamedTuple):
    """One stated category."""

    start: int
    end: int
    system: str
    value: str
    flag: Flag | None
    site: str | None = None
    modifiers: tuple[str, ...] = ()


def may_state(words: list[str]) -> bool:
    """Whether a text with these words can state a category at all."""
    return not _SAYS_RADS.isdisjoint(words)


def categories(low: str) -> list[Category]:
    """Every stated category of a lower-cased text, in order; one place gives one category."""
    found: dict[int, Category] = {}
    squeezed = "".join(low.replace("-", "").split())
    for system, letters, pattern in _SYSTEMS:
        if letters not in squeezed:
            continue
        for match in pattern.finditer(low):
            found.setdefault(match.end(), _category(match.start(), match.end(), system, match["value"]))
            if system in ("NI-RADS", "C-RADS"):
                second = _SECOND.match(low, match.end())
                if second:
                    value = second["value"] if system == "NI-RADS" else f"e{second['value']}"
                    found[second.end()] = _category(second.start("site"), second.end(), system, value)
    for match in _REVERSED.finditer(low) if "cat" in low else ():
        name = match["name"]
        system = _NAMES.get(name[:2], _NAMES.get(name[0], ""))
        found.setdefault(match.end(), _category(match.start(), match.end(), system, match["value"]))
    return sorted(found.values())


def _category(start: int, end: int, system: str, raw: str) -> Category:
    value = raw.upper().replace(" ", "").removesuffix("/5")
    if system == "BI-RADS":
        bare = value.rstrip("ABC")
        value = _ARABIC.get(bare, bare) + value[len(bare) :]
    elif system == "Bosniak":
        value = _ROMAN.get(value, value)
    elif system == "Lung-RADS":
        value = value.removesuffix("S")
    elif system == "LI-RADS":
        value = raw.upper().strip()
        for prefix in ("LR", "US"):
            value = value.removeprefix(prefix).lstrip(" -")
        if value in ("VIABLE", "NONVIABLE", "EQUIVOCAL"):
            value = f"TR-{value}"
        value = "-".join(value.replace("-", " ").split())
    elif system == "TI-RADS":
        value = value.removeprefix("TR")
    elif system == "C-RADS" and value[0].isdigit():
        value = f"C{value}"
    return Category(start, end, system, value, _FLAG.get((system, value)))


_MEANS = (
    r"(?:incomplete|negative|normal|benign|probabl|likely|definite|suspicious|highly|known|indeterminate|intermediate"
    r"|equivocal|very|low|high|moderate|almost|need|follow|malignan|biops|minimal|clearly|mildly)"
)
_ENTRY = re.compile(
    rf"(?<![\w.])(?:(?:category|cat|score|grade|class|lr|tr|us|(?:bi|li|pi|lung|ti|o|ni|bt|cad|vi)-?rads)[ -]?)?"
    rf"(?P<value>[0-6][abcx]?|i{{1,3}}f?|iv|v)\s?[=:(,-]{{1,2}}\s?{_MEANS}"
)


def legends(low: str) -> list[tuple[int, int]]:
    """Stretches that explain a scale instead of using it: three or more values in a row, each with its meaning."""
    found: list[tuple[int, int]] = []
    run: list[tuple[int, int, str]] = []
    for match in _ENTRY.finditer(low):
        if run and match.start() - run[-1][1] > 130:
            _close(run, low, found)
            run = []
        run.append((match.start(), match.end(), match["value"]))
    _close(run, low, found)
    return found


def _close(run: list[tuple[int, int, str]], low: str, found: list[tuple[int, int]]) -> None:
    if len({value for _, _, value in run}) < 3:
        return
    end = low.find("\n", run[-1][1])
    end = len(low) if end == -1 else end
    found.append((max(low.rfind("\n", 0, run[0][0]), 0), min(end, run[-1][1] + 160)))
