"""A stated clinical stage: TNM, or `stage IIIA`. A lone T is no stage (`T2 hyperintense`, `T3 vertebral body`)."""

import re
from typing import Literal, NamedTuple

_T = r"T(?:[0-4](?:is|mi)?[a-d]?|is|x)"
_TNM = re.compile(
    rf"(?<![A-Za-z0-9])(?P<basis>[cpyra]{{0,2}}){_T}[ ,/]{{0,2}}[cp]?N[0-3x][a-c]?(?:mi)?(?:["
    rf" ,/]{{0,2}}[cp]?M[01x][a-d]?)?(?![A-Za-z0-9])"
    rf"|(?<![A-Za-z0-9])(?P<basis2>[cpyra]{{0,2}}){_T}[ ,/]{{1,2}}[cp]?M[01x][a-d]?(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_STAGE = re.compile(
    rf"(?<![a-z0-9])(?P<word>clinical |pathologic(?:al)? |c|p)?stage[ :]{{1,2}}(?P<value>i{{1,3}}[abc]?[1-3]?"
    rf"|iv[abc]?|[1-4][abc]|(?P<t>{_T}))(?![a-z0-9-])",
    re.IGNORECASE,
)


_SPREAD = ("n0", "n1", "n2", "n3", "nx", "m0", "m1", "mx")  # a lone T is no stage, so one of these must stand


class Stage(NamedTuple):
    """One stated stage; `basis` c (clinical, also when not said) or p (pathologic)."""

    start: int
    end: int
    basis: Literal["c", "p"]
    value: str


def stages(text: str, low: str) -> list[Stage]:
    """Every stated stage, in order."""
    found: list[Stage] = []
    for match in _TNM.finditer(text) if any(mark in low for mark in _SPREAD) else ():
        basis = (match["basis"] or match["basis2"] or "").lower()
        value = " ".join(re.sub(r"(?<=[0-9a-dxX])[ ,/]{0,2}(?=[cp]?[NM])", " ", match[0]).split())
        found.append(Stage(match.start(), match.end(), "p" if "p" in basis else "c", value))
    if "stage" in low:
        for match in _STAGE.finditer(text):
            word = (match["word"] or "").lower()
            value = match["value"].upper() if match["t"] is None else match["value"]
            found.append(Stage(match.start(), match.end(), "p" if word.startswith("p") else "c", f"stage {value}"))
    return sorted(found)
