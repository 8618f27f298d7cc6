"""Comparison with earlier studies: what a COMPARISON section names, with its date, or that there is none."""

import re

from cds_service.model import Finding, Section
from cds_service.reading.quote import MOST

_NONE = re.compile(
    r"(?:none|no\b|not? available|n/?a\b|nil\b|unavailable|there (?:is|are) no|not? (?:prior|previous|comparison))"
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_DATE = re.compile(
    r"(?=[0-9jfmasond])(?<![\d.])(?:(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"
    r"|(?P<m2>\d{1,2})[-/.](?P<d2>\d{1,2})[-/.](?P<y2>(?:19|20)?\d\d)"
    rf"|(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?[ -](?:of )?{_MONTH}[ ,-]{{1,2}}(?P<y3>(?:19|20)\d\d)"
    rf"|{_MONTH.replace('month', 'month4')} (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y4>(?:19|20)\d\d)"
    rf"|{_MONTH.replace('month', 'month5')},? (?P<y5>(?:19|20)\d\d)"
    r"|(?P<y6>(?:19|20)\d\d))(?![\d/]|[-.]\d)"
)
_MARKS = " \n\t:;.-*>|"


def date_in(low: str) -> str | None:
    """The latest date of a text as YYYY-MM-DD, YYYY-MM or YYYY; `03/12/2025` is read month first, as it is written in
    the United States, unless only the other order is a date."""
    return max((date for match in _DATE.finditer(low) if (date := _iso(match.groupdict()))), default=None)


def _iso(found: dict[str, str | None]) -> str | None:
    year = next((found[name] for name in ("y", "y2", "y3", "y4", "y5", "y6") if found[name]), "") or ""
    if len(year) == 2:
        year = f"20{year}" if int(year) < 70 else f"19{year}"
    named = next((found[name] for name in ("month", "month4", "month5") if found[name]), None)
    month = _MONTHS.index(named) + 1 if named else int(found["m"] or found["m2"] or 0)
    day = int(found["d"] or found["d2"] or found["d3"] or found["d4"] or 0)
    if month > 12 >= day > 0 and found["m2"]:
        month, day = day, month
    if month > 12 or day > 31:
        return None
    return year + (f"-{month:02}" if month else "") + (f"-{day:02}" if day else "")


def comparisons(text: str, low: str, sections: tuple[Section, ...]) -> list[Finding]:
    """One finding a COMPARISON section that says something: present with the latest date it names, or absent."""
    found = []
    for section in sections:
        if section.kind != "comparison":
            continue
        start = section.start + len(section.heading)
        while start < section.end and text[start] in _MARKS:
            start += 1
        end = min(section.end, start + MOST)
        line = text.find("\n\n", start, end)
        end = end if line == -1 else line
        while end > start and text[end - 1] in _MARKS:
            end -= 1
        if start >= end:
            continue
        none = _NONE.match(low, start, end) is not None
        found.append(
            Finding(
                "comparison", "absent" if none else "present", text[start:end], start, end, (start, end),
                section.kind, trigger="none-available" if none else None,
                date=None if none else date_in(low[start:end]),
            )
        )  # fmt: skip
    return found
