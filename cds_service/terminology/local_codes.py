"""A site's own order codes: CSV files that say which value set and group each belongs to.

Columns: system, code, display, value_set, group, region; match and needs_cancer may follow. Spreadsheets write the
files, so every mistake is named by its line, its column and the nearest right word.
"""

import csv
import io
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from cds_service.errors import Problem
from cds_service.model import Member
from cds_service.yaml_source import nearest

_NEEDED = ("system", "code", "display", "value_set", "group", "region")
_OPTIONAL = ("match", "needs_cancer")
_MATCHES = ("exact", "prefix", "subsumes")
_TRUTH = {"": False, "no": False, "false": False, "yes": True, "true": True}


@dataclass(frozen=True, slots=True)
class LocalCode:
    """One code of the site, and how it is matched: exact, prefix, or with all that stands below it."""

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
                unknown = ", ".join(f"{name}{nearest(name, (*_NEEDED, *_OPTIONAL))}" for name in strange)
                words = f"missing columns: {', '.join(missing) or 'none'}; unknown columns: {unknown or 'none'}"
                at = cell_starts(text.splitlines()[0])[header.index(strange[0])] if strange else 1
                problems.append(Problem(path.name, 1, at, "columns", words))
                continue
            lines = text.splitlines()
            for row in rows:
                starts = cell_starts(lines[rows.line_num - 1]) if rows.line_num <= len(lines) else []
                at_column = dict(zip(header, starts, strict=False)) if len(starts) == len(header) else {}
                place = _Row(path.name, rows.line_num, at_column)
                _read_row(place, row, groups, regions, seen, found, problems)
        except csv.Error as error:
            problems.append(Problem(path.name, rows.line_num + 1, 1, "not-csv", str(error)))
    return found, problems


def cell_starts(line: str) -> list[int]:
    """The column, from 1, at which each cell of one line of CSV begins; blanks before a cell are not part of it."""
    starts, quoted, at = [1 + len(line) - len(line.lstrip(" "))], False, 0
    for at, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted  # a doubled quote inside a cell closes and opens it again
        elif letter == "," and not quoted:
            rest = line[at + 1 :]
            starts.append(at + 2 + len(rest) - len(rest.lstrip(" ")))
    return starts


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a row stands, and where each of its cells begins (nothing where a cell goes over several lines)."""

    file: str
    line: int
    columns: Mapping[str, int]

    def problem(self, cell: str, code: str, message: str) -> Problem:
        """A problem of one cell."""
        return Problem(self.file, self.line, self.columns.get(cell, 1), code, message)


def _read_row(
    place: _Row,
    row: dict[str, str | None],
    groups: Mapping[str, AbstractSet[str]],
    regions: AbstractSet[str],
    seen: dict[tuple[str, str, str], str],
    found: list[LocalCode],
    problems: list[Problem],
) -> None:
    """Add one row to `found`, or say what is wrong with it."""
    if None in row or None in row.values():
        problems.append(place.problem("", "cells", "the row has more or fewer cells than the header"))
        return
    cell = {name: (value or "").strip() for name, value in row.items()}
    if not any(cell.values()):
        return
    before = len(problems)

    def wrong(name: str, code: str, message: str) -> None:
        problems.append(place.problem(name, code, message))

    def unknown(name: str, what: str, known: AbstractSet[str]) -> None:
        listed = ", ".join(sorted(known)) or "none"
        code = f"unknown-{what.replace(' ', '-')}"
        wrong(name, code, f"no {what} '{cell[name]}'{nearest(cell[name], known)}; known: {listed}")

    for name in ("system", "code", "value_set"):
        if not cell[name]:
            wrong(name, "empty", f"{name} is empty")
    known = groups.get(cell["value_set"])
    if cell["value_set"] and known is None:
        unknown("value_set", "value set", frozenset(groups))
    if known is not None and cell["group"] not in known and (cell["group"] or known):
        unknown("group", "group", known)
    if cell["region"] and cell["region"] not in regions:
        unknown("region", "region", regions)
    match = cell.get("match", "") or "exact"
    if match not in _MATCHES:
        known_words = ", ".join(_MATCHES)
        wrong("match", "unknown-match", f"match is '{match}'{nearest(match, _MATCHES)}; known: {known_words}")
    needs = _TRUTH.get(cell.get("needs_cancer", "").lower())
    if needs is None:
        wrong("needs_cancer", "not-yes-or-no", "needs_cancer is to be yes, no or empty")
    key = (cell["value_set"], cell["system"], cell["code"])
    if key in seen:
        wrong("code", "duplicate-code", f"'{cell['code']}' stands already at {seen[key]}")
    seen.setdefault(key, f"{place.file}:{place.line}")
    if len(problems) == before:
        member = Member(
            value_set=cell["value_set"], group=cell["group"], code=cell["code"], system=cell["system"],
            display=cell["display"], region=cell["region"] or None, needs_cancer=bool(needs), matched_by="local-map",
        )  # fmt: skip
        found.append(LocalCode(member, match))
