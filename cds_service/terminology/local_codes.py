"""A site's own order codes: CSV files that say which value set and group each belongs to.

Columns: system, code, display, value_set, group, region; match and needs_cancer may follow. Spreadsheets write the
files, so every mistake is named by its line.
"""

import csv
import io
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from cds_service.errors import Problem
from cds_service.model import Member

_NEEDED = ("system", "code", "display", "value_set", "group", "region")
_OPTIONAL = ("match", "needs_cancer")
_TRUTH = {"": False, "no": False, "false": False, "yes": True, "true": True}


@dataclass(frozen=True, slots=True)
class LocalCode:
    """One code of the site, and how it is matched: exact or prefix."""

    member: Member
    match: str


def read_local_codes(
    folder: Path, groups: Mapping[str, AbstractSet[str]], regions: AbstractSet[str]
) -> tuple[list[LocalCode], list[Problem]]:
    """Every code of `folder/*.csv`, and every problem; a folder that is missing or empty of codes is a problem too."""
    files = sorted(folder.glob("*.csv"))
    if not files and not any(folder.glob("*.json")):
        words = "the folder holds no local codes: neither a CSV file nor a FHIR ValueSet"
        return [], [Problem(folder.name, 1, 1, "no-local-codes", words)]
    found: list[LocalCode] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str, str], str] = {}
    for path in files:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(path.name, 1, 1, "unreadable", f"cannot be read as UTF-8: {error}"))
            continue
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
        try:
            header = [name.strip() for name in rows.fieldnames or ()]
            rows.fieldnames = header
            missing = [name for name in _NEEDED if name not in header]
            strange = [name for name in header if name not in (*_NEEDED, *_OPTIONAL)]
            if missing or strange:
                words = (
                    f"missing columns: {', '.join(missing) or 'none'}; unknown columns: {', '.join(strange) or 'none'}"
                )
                problems.append(Problem(path.name, 1, 1, "columns", words))
                continue
            for row in rows:
                _read_row(path.name, rows.line_num, row, groups, regions, seen, found, problems)
        except csv.Error as error:
            problems.append(Problem(path.name, rows.line_num + 1, 1, "not-csv", str(error)))
    return found, problems


def _read_row(
    file: str,
    line: int,
    row: dict[str, str | None],
    groups: Mapping[str, AbstractSet[str]],
    regions: AbstractSet[str],
    seen: dict[tuple[str, str, str], str],
    found: list[LocalCode],
    problems: list[Problem],
) -> None:
    """Add one row to `found`, or say what is wrong with it."""
    if None in row or None in row.values():
        problems.append(Problem(file, line, 1, "cells", "the row has more or fewer cells than the header"))
        return
    cell = {name: (value or "").strip() for name, value in row.items()}
    if not any(cell.values()):
        return

    def wrong(code: str, message: str) -> None:
        problems.append(Problem(file, line, 1, code, message))

    before = len(problems)
    for name in ("system", "code", "value_set"):
        if not cell[name]:
            wrong("empty", f"{name} is empty")
    known = groups.get(cell["value_set"])
    if cell["value_set"] and known is None:
        wrong("unknown-value-set", f"there is no value set '{cell['value_set']}'; known: {', '.join(sorted(groups))}")
    if known is not None and cell["group"] not in known and (cell["group"] or known):
        wrong(
            "unknown-group", f"'{cell['value_set']}' has no group '{cell['group']}'; known: {', '.join(sorted(known))}"
        )
    if cell["region"] and cell["region"] not in regions:
        wrong("unknown-region", f"unknown region '{cell['region']}'; known: {', '.join(sorted(regions))}")
    match = cell.get("match", "") or "exact"
    if match not in ("exact", "prefix"):
        wrong("unknown-match", f"match is '{match}'; expected exact or prefix")
    needs = _TRUTH.get(cell.get("needs_cancer", "").lower())
    if needs is None:
        wrong("not-yes-or-no", "needs_cancer is to be yes, no or empty")
    key = (cell["value_set"], cell["system"], cell["code"])
    if key in seen:
        wrong("duplicate-code", f"'{cell['code']}' stands already at {seen[key]}")
    seen.setdefault(key, f"{file}:{line}")
    if len(problems) == before:
        member = Member(
            value_set=cell["value_set"], group=cell["group"], code=cell["code"], system=cell["system"],
            display=cell["display"], region=cell["region"] or None, needs_cancer=bool(needs), matched_by="local-map",
        )  # fmt: skip
        found.append(LocalCode(member, match))
