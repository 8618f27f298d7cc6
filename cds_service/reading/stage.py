"""A stated clinical stage: TNM, or `stage IIIA`, `FIGO IB2`. A lone T is no stage (`T2 hyperintense`, `T3 vertebra`).

Letters as in the AJCC and UICC notation: prefix c, p, y, r or a; T with its subdivision, N, M; groups 0 to IVC.
"""

import re
from typing import Literal, NamedTuple

from cds_service.model import StatedStage

_T = r"T(?:[0-4](?:is|mi)?[a-d]?|is|x)"
_N = r"N(?:[0-3][a-c]?(?:mi)?|x)"
_M = r"M[01x][a-d]?"
_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_TNM = re.compile(
    rf"{_START}(?P<basis>(?:mr|[cpyrau]{{0,2}}))(?P<t>{_T})(?:[ ,/]{{0,2}}(?:mr|[cpyrau]{{0,2}})(?P<n>{_N})"
    rf"(?:[ ,/]{{0,2}}[cp]?(?P<m>{_M}))?|[ ,/]{{1,2}}[cp]?(?P<m2>{_M})){_END}"
    rf"|{_START}(?P<basis2>[cpyra]{{0,2}})(?P<n2>{_N})[ ,/]{{0,2}}[cp]?(?P<m3>{_M}){_END}",
    re.IGNORECASE,
)
_CANCER = r"(?=\s(?:\w+ ){0,3}(?:cancer|carcinoma|disease|tumou?r|lymphoma|melanoma|malignancy|nsclc))"
_GROUP = rf"i{{1,3}}[abc]?[1-3]?|iv[abc]?[12]?|[1-4][abc][1-3]?|[0-4]{_CANCER}"
_STAGE = re.compile(
    rf"{_START}(?P<word>clinical |pathologic(?:al)? |c|p)?(?P<ajcc>(?:ajcc|uicc)(?: \d(?:th)?(?: ed(?:ition|\.)?)?)? )?"
    rf"(?P<figo>figo(?: \d{{4}})? )?(?:stage(?: group(?:ing)?)?|(?<=figo ))(?: is| of)?(?: (?P<figo2>figo))?[ :]{{0,2}}"
    rf"(?P<value>{_GROUP}|(?P<t>[cp]?{_T}))(?![a-z0-9-])(?! (?:\w+ ){{0,2}}(?:kidney|renal|ckd|pressure|ulcer|copd"
    r"|hypertension|fibrosis|sarcoidosis|necrosis|arthr\w+|osteo\w+|decubitus|sleep))"
    r"(?P<figo3> \(?figo\b)?",
    re.IGNORECASE,
)
_SPREAD = ("n0", "n1", "n2", "n3", "nx", "m0", "m1", "mx")  # a lone T is no stage, so one of these must stand


class Stage(NamedTuple):
    """One stated stage; `basis` c (clinical, also when not said) or p (pathologic)."""

    start: int
    end: int
    basis: Literal["c", "p"]
    value: str
    parts: StatedStage = StatedStage()


def stages(text: str, low: str) -> list[Stage]:
    """Every stated stage, in order."""
    found: list[Stage] = []
    for match in _TNM.finditer(text) if any(mark in low for mark in _SPREAD) else ():
        basis = (match["basis"] or match["basis2"] or "").lower()
        value = " ".join(re.sub(r"(?<=[0-9a-dxX])[ ,/]{0,2}(?=[cp]?[NM])", " ", match[0]).split())
        t, n = _part(match["t"]), _part(match["n"] or match["n2"])
        m = _part(match["m"] or match["m2"] or match["m3"])
        found.append(Stage(match.start(), match.end(), _basis("p" in basis), value, StatedStage(t, n, m)))
    if "stage" in low or "figo" in low:
        for match in _STAGE.finditer(text):
            word = (match["word"] or "").lower()
            figo = match["figo"] or match["figo2"] or match["figo3"]
            scheme: Literal["AJCC", "FIGO"] | None = "FIGO" if figo else "AJCC" if match["ajcc"] else None
            if match["t"]:
                value, parts = match["value"], StatedStage(t=_part(match["t"].lstrip("cpCP")), scheme=scheme)
            else:
                value = match["value"].upper()
                parts = StatedStage(group=value, scheme=scheme)
            found.append(Stage(match.start(), match.end(), _basis(word.startswith("p")), f"stage {value}", parts))
    return sorted(found, key=lambda stage: (stage.start, stage.end))


def _basis(pathologic: bool) -> Literal["c", "p"]:
    return "p" if pathologic else "c"


def _part(written: str | None) -> str | None:
    """`t1A` as it is written in the tables: T1a."""
    return written[0].upper() + written[1:].lower() if written else None
