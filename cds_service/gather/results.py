"""A report whose words stand in Observations: Epic sends narrative and impression as `DiagnosticReport.result`.

Which Observations are read, and what words they hold. Codes are those of LOINC for the parts of a radiology report.
"""

from collections.abc import Callable

from cds_service.gather.accessors import Raw, children, codings, text
from cds_service.gather.attachments import has_words
from cds_service.gather.references import normal, references_to
from cds_service.model import ReportPart

MOST = 20  # reads for one report
_HEADINGS = {"19005-8": "IMPRESSION:\n", "59776-5": "FINDINGS:\n"}
_FIRST = ("59776-5", "18782-3", "19005-8")


def needed(report: Raw, base: str | None) -> tuple[str, ...]:
    """The Observations to read for a report whose words did not come with it."""
    if "result" not in report or has_words(report):
        return ()
    found = [r for r in references_to(report, "result", base) if r.startswith("Observation/")]
    return tuple(dict.fromkeys(found))[:MOST]


def parts_of(report: Raw, find: Callable[[str], Raw | None], base: str | None) -> tuple[ReportPart, ...]:
    """The words of the results that are known, findings before impression; values and units are no narrative."""
    if "result" not in report or has_words(report):
        return ()
    told: list[tuple[int, str]] = []
    for item in children(report, "result"):
        observation = find(normal(text(item, "reference"), base))
        if words := text(observation, "valueString"):
            codes = [c.code for c in codings((observation or {}).get("code"))]
            heading = next((_HEADINGS[code] for code in codes if code in _HEADINGS), "")
            rank = next((_FIRST.index(code) for code in codes if code in _FIRST), 1)
            told.append((rank, words if words.upper().startswith(heading[:-1] or "\n") else heading + words))
    told.sort(key=lambda each: each[0])
    whole = "\n\n".join(words for _, words in told)
    return (ReportPart("result", whole, "text/plain", text(report, "language")),) if whole else ()
