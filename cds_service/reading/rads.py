"""Stated RADS categories of all systems, and their kin (Bosniak, Deauville, PRECISE, RECIST): read, never inferred.

Patterns use possessive quantifiers: the same filler with ordinary ones takes seconds on seventy characters.
"""

import re
from typing import NamedTuple

from cds_service.reading.rads_scale import Flag, flag_of

_SEP = r"[\s:#=,()\[\]-]{0,12}+"
_FILL = _SEP + (
    r"(?:(?:acr|assessment|final|overall|score|scored|category|categories|cat\.?|classification|class|grade|version|"
    r"\d\.\d|v\.?\s?\d(?:\.\d)?|v\s?20\d\d|20\d\d|is|of|as|us|mri?|ct|mammo\w*|primary|site|neck|nodes?|nodal|colonic|"
    r"now|upgraded|downgraded|to|the|lesion|type|observation|findings?|at|remains|level|risk|stratification|p)\b"
    + _SEP + r"){0,7}+"
)  # fmt: skip
_END = r"(?!\w|\.\d|/[1-9]\d|[\s-]?(?:mm|cm|ms|points?|th|months?|weeks?|years?)\b)"
_MARK = r"(?:\s?(?:®|™|\(r\)|\(tm\)))?"


def _system(name: str, values: str, end: str = _END) -> re.Pattern[str]:
    return re.compile(rf"\b{name}{_MARK}(?P<between>{_FILL})(?P<value>{values}){end}")


_ROMAN_1_6 = r"i{1,3}|iv\s?[abc]?|vi?"
_RADS = r"[\s-]?rads?"
_RESPONSE = (
    r"(?:complete|partial) (?:metabolic )?response|(?:stable|progressive) (?:metabolic )?disease|disease progression"
    r"|cr|pr|sd|pd"
)
_SYSTEMS: tuple[tuple[str, str, re.Pattern[str]], ...] = (  # name, letters that must stand somewhere, pattern
    ("BI-RADS", "birad", _system(rf"bi{_RADS}(?:-(?:us|mri?))?", rf"4\s?[abc]|[0-6]|{_ROMAN_1_6}")),
    ("Lung-RADS", "lungrad", _system(rf"lung{_RADS}", r"4\s?[abx]|[0-4]", rf"(?:(?=s(?!\w|/\w))|{_END})")),
    (
        "LI-RADS",
        "lirad",
        _system(
            rf"(?:ceus )?(?:us )?li{_RADS}(?:\s?(?:tr|treatment response))?",
            r"(?:lr|us)[\s-]?(?:tr[\s-]{1,3}(?:nonevaluable|nonviable|nonprogressing|viable|equivocal)|[1-5]|m|nc|tiv)"
            r"|[1-5]|m|nc|tiv|nonviable|viable|equivocal",
        ),
    ),
    (
        "LI-RADS",
        "lr",
        re.compile(
            r"\blr(?:(?P<glued>[1-5])|[\s-]{1,2}(?P<value>[1-5]|m|nc|tiv|5v"
            r"|tr[\s-]{1,3}(?:non-?evaluable|non-?viable|non-?progressing|viable|equivocal)))"
            r"(?!\w|\.\d|\s?(?:mm|cm|ms)\b)"
        ),
    ),
    ("PI-RADS", "pirad", _system(rf"pi{_RADS}", r"[1-5](?:/5)?|x")),
    ("TI-RADS", "tr", re.compile(r"\btr\s?-?(?P<value>[1-5])(?!\w|\.\d|/\w|\s?(?:mm|cm|ms|\d))")),
    ("TI-RADS", "tirad", _system(rf"(?<!eu-)(?<!eu )ti{_RADS}", r"(?:tr\s?)?[1-5]|4[abc]")),
    ("EU-TIRADS", "eutirad", _system(rf"eu[\s-]?ti{_RADS}", r"[1-5]")),
    ("O-RADS", "orad", _system(r"o[\s-]?rads?", r"[0-5]")),
    ("NI-RADS", "nirad", _system(rf"ni{_RADS}", r"2\s?[ab]|[0-4]|x")),
    ("C-RADS", "crad", _system(r"c[\s-]rads?", r"c?2\s?[ab]|c?[0-4]|e\s?[0-4]")),
    ("Bosniak", "bosniak", _system(r"bosniak", r"2f|iif|i{1,3}|iv|[1-4]")),
    ("BT-RADS", "btrad", _system(rf"bt{_RADS}", r"1\s?[ab]|3\s?[abc]|[0-4]")),
    ("CAD-RADS", "cadrad", _system(rf"cad{_RADS}", r"4\s?[ab]|[0-5]|n")),
    ("VI-RADS", "virad", _system(rf"vi{_RADS}", r"[1-5]")),
    ("Node-RADS", "noderad", _system(rf"node{_RADS}", r"[1-5]")),
    ("GB-RADS", "gbrad", _system(rf"gb{_RADS}", r"[0-5]")),
    ("Bone-RADS", "bonerad", _system(rf"bone{_RADS}", r"[1-4]")),
    ("MET-RADS", "metrad", _system(rf"met{_RADS}(?:-p)?", r"[1-5]")),
    ("MY-RADS", "myrad", re.compile(r"\bmy[\s-]?rads?\b(?P<between>[^.;\n\d]{0,60}+)(?P<value>[1-5])(?!\w|\.\d)")),
    (
        "PRECISE",
        "precise",
        re.compile(rf"\bprecise (?:score|category|assessment)\b{_SEP}(?:of )?(?P<value>[1-5]){_END}"),
    ),
    (
        "Deauville",
        "deauville",
        _system(
            r"deauville(?: (?:five|5)[\s-]point scale(?: (?:was|is) used)?[;.]?)?(?: criteria)?",
            r"[1-5]|x",
        ),
    ),
    ("RECIST", "recist", _system(r"(?:m|i|ir)?recist(?: (?:1\.[01]|criteria|response|status|category))*+", _RESPONSE)),
    (
        "RECIST",
        "recist",
        re.compile(
            rf"\b(?P<value>{_RESPONSE})[ ,(]{{1,3}}"
            r"(?:(?:by|per|as per|according to|based on|using|on|under|defined by)\s)?(?:m|i|ir)?recist"
        ),
    ),
)
_SITED = ("bi", "li", "pi", "lung", "ti", "o", "ni", "vi", "bt", "gb", "cad", "node", "bone")
_NAME = rf"(?P<name>{'|'.join(_SITED)})[\s-]?rads\b"
_REVERSED = (  # `Category 4B (BI-RADS)`, `Category 2 - Benign (BI-RADS)`, `score 4 PI-RADS lesion`
    re.compile(
        rf"\bcat(?:egory|\.)?\s(?P<value>[0-6]\s?[abcx]?)"
        rf"(?:[ :,-]{{1,3}}[a-z]{{4,20}}(?: [a-z]{{4,20}}){{0,3}})?\s?[(\[]\s?(?:acr )?{_NAME}"
    ),
    re.compile(
        rf"\b(?:score|category|grade)\s(?P<value>[0-6]\s?[abcx]?)(?: on(?: the)?)? (?:acr )?{_NAME}(?!{_SEP}\d)"
    ),
)
_NAMES = {name: f"{name.upper() if len(name) < 4 else name.capitalize()}-RADS" for name in _SITED}
_SECOND = re.compile(
    r"[\s,/;]{1,3}(?:and )?(?P<site>neck|nodes?|nodal|primary(?: site)?|e)\s?:?\s?(?P<value>2\s?[ab]|[0-4]|x)(?!\w)"
)
_SITE = re.compile(r"primary|neck|nod(?:e|al)")
_SITE_BEHIND = re.compile(r"[\s,(]{1,2}(?:at|in|for|of) (?:the )?(?P<site>primary|neck|nod(?:e|al))")
_PARTS = re.compile(  # what CAD-RADS and Lung-RADS put behind the category
    r"(?:[\s/,-]{0,2}(?:p[1-4]|hrp|i[+-]|i±|s|g|e|v))++(?![a-z0-9]|/[a-z])"
)
_PART = re.compile(r"p[1-4]|hrp|i[+-]|i±|[sgev]")
_MEANING = re.compile(r"\s?[:(=,-]{1,2}\s?(?:negative|normal)\b")  # belongs to the category and denies nothing
_SAYS_RADS_WORDS = (
    "rads rad birads birad lirads pirads tirads lungrads orads nirads crads btrads cadrads virads noderads eutirads lr"
    " tr tr1 tr2 tr3 tr4 tr5 lr1 lr2 lr3 lr4 lr5 gbrads bonerads metrads myrads bosniak deauville recist recist1"
    " mrecist irecist precise"
)
_SAYS_RADS = frozenset(_SAYS_RADS_WORDS.split())
_ARABIC = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "VI": "6"}
_ROMAN = {"1": "I", "2": "II", "2F": "IIF", "3": "III", "4": "IV"}
_RESPONSES = {"complete": "CR", "partial": "PR", "stable": "SD", "progressive": "PD", "disease": "PD"}


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
            parts = match.groupdict()
            value = parts.get("value") or parts.get("glued") or ""
            end = match.end()
            if end in found:
                continue
            found[end] = _category(low, match.start(), end, system, value, parts.get("between") or "")
            if system in ("NI-RADS", "C-RADS"):
                second = _SECOND.match(low, end)
                if second and (second["site"] == "e") is (system == "C-RADS"):
                    other = second["value"] if system == "NI-RADS" else f"e{second['value']}"
                    found[second.end()] = _category(
                        low, second.start("site"), second.end(), system, other, second["site"]
                    )
    for pattern in _REVERSED if "rads" in low else ():
        for match in pattern.finditer(low):
            system = _NAMES[match["name"]]
            found.setdefault(match.end(), _category(low, match.start(), match.end(), system, match["value"], ""))
    return sorted(found.values())


def _category(low: str, start: int, end: int, system: str, raw: str, between: str) -> Category:
    value = _VALUE.get(system, _plain)(raw)
    site: str | None = None
    modifiers: tuple[str, ...] = ()
    if system == "NI-RADS":
        behind = _SITE_BEHIND.match(low, end)
        named = _SITE.findall(between) or ([behind["site"]] if behind else [])
        if named:
            site = "primary" if named[-1] == "primary" else "neck"
    elif system == "C-RADS":
        site = "extracolonic" if value[0] == "E" else "colonic"
    elif system in ("CAD-RADS", "Lung-RADS"):
        parts = _PARTS.match(low, end)
        if parts:
            modifiers = tuple(part.upper() for part in _PART.findall(parts[0]))
            end = parts.end()
    meaning = _MEANING.match(low, end)
    start = max(start, low.rfind(";", start, end) + 2)  # `Deauville 5-point scale was used; score 2`
    return Category(start, meaning.end() if meaning else end, system, value, flag_of(system, value), site, modifiers)


def _plain(raw: str) -> str:
    return raw.upper().replace(" ", "").removesuffix("/5")


def _birads(raw: str) -> str:
    value = _plain(raw)
    bare = value.rstrip("ABC")
    return _ARABIC.get(bare, bare) + value[len(bare) :]


def _lirads(raw: str) -> str:
    value = raw.upper().strip()
    for prefix in ("LR", "US"):
        value = value.removeprefix(prefix).lstrip(" -")
    value = value.replace("NON-", "NON")
    if value in ("VIABLE", "NONVIABLE", "EQUIVOCAL"):
        value = f"TR-{value}"
    return "-".join(value.replace("-", " ").split())


def _crads(raw: str) -> str:
    value = _plain(raw)
    return f"C{value}" if value[0].isdigit() else value


def _recist(raw: str) -> str:
    return _RESPONSES.get(raw.split()[0], raw.upper())


_VALUE = {
    "BI-RADS": _birads,
    "Bosniak": lambda raw: _ROMAN.get(_plain(raw), _plain(raw)),
    "LI-RADS": _lirads,
    "TI-RADS": lambda raw: _plain(raw).removeprefix("TR"),
    "C-RADS": _crads,
    "RECIST": _recist,
}
