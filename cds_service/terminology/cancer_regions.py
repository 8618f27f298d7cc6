"""Which body region a cancer condition points to, by ICD-10-CM category (cards/cancer-regions.yaml)."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from cds_service.errors import ContentError, Problem
from cds_service.terminology.index import ICD10CM, Codes, canonical_code
from cds_service.yaml_source import read_plain

_RANGE = re.compile(r"([A-Z])(\d{2})-\1(\d{2})")
_CODE = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")


def place_cancers(path: Path, codes: Codes, regions: AbstractSet[str]) -> None:
    """Give the ICD-10-CM members of cancer-conditions their region; ContentError with every problem at once."""
    source = read_plain(path)
    problems: list[Problem] = source.unknown_keys((), source.value, frozenset({"icd10cm"}))
    if not problems:
        problems = source.unknown_keys(("icd10cm",), source.value.get("icd10cm"), frozenset(regions))
    if problems:
        raise ContentError(tuple(problems))
    placed: dict[str, str] = {}
    for region, listed in source.value["icd10cm"].items():
        for index, text in enumerate(listed or ()):
            place = ("icd10cm", region, index)
            named = _codes_of(str(text))
            if not named:
                problems.append(source.problem(place, "bad-range", f"'{text}' is no code and no range such as C00-C14"))
            known = [code for code in named if _listed(codes, code)]
            if named and not known:
                problems.append(source.problem(place, "unknown-code", f"cancer-conditions lists nothing of '{text}'"))
            for code in known:
                if code in placed:
                    problems.append(source.problem(place, "duplicate-code", f"'{code}' is {placed[code]} already"))
                placed[code] = region
    if problems:
        raise ContentError(tuple(problems))
    for table in (codes.exact, codes.prefixes):
        for key, member in table.items():
            if key[0] == ICD10CM and key[1] in placed:
                table[key] = replace(member, region=placed[key[1]])


def _codes_of(text: str) -> list[str]:
    """The codes of `C00-C14` or of `D35.2`, as they are indexed; empty where the text is neither."""
    span = _RANGE.fullmatch(text)
    if span:
        return [f"{span[1]}{number:02d}" for number in range(int(span[2]), int(span[3]) + 1)]
    return [canonical_code(ICD10CM, text)] if _CODE.fullmatch(text) else []


def _listed(codes: Codes, code: str) -> bool:
    return (ICD10CM, code) in codes.exact or (ICD10CM, code) in codes.prefixes
