"""The renderings of one report, taken out as they were sent: base64 becomes bytes, nothing is parsed.

FHIR R4 DiagnosticReport.conclusion, .presentedForm, .conclusionCode, .text, .result; R5 .composition and .note.
"""

import base64
import binascii
import re
from dataclasses import replace

from cds_service.gather.accessors import Raw, child, children, concept, text
from cds_service.gather.narrative import MOST_RESULTS, Find, compositions, results, structured
from cds_service.gather.references import contained, normal
from cds_service.model import Gap, ReportPart

MAX_PART_BYTES = 11 * 1024 * 1024  # of base64; what reading takes of an attachment, as it is sent
_URLSAFE = str.maketrans("-_", "+/")
_EMBEDDED = re.compile(r"data:([\w.+-]*/?[\w.+-]*)(?:;[\w=.-]+)*?;base64,", re.IGNORECASE)
_READ_AT_ONCE = ("Observation/", "Composition/")


def parts_of(
    report: Raw, find: Find | None = None, base: str | None = None
) -> tuple[tuple[ReportPart, ...], tuple[str, ...], tuple[Gap, ...]]:
    """A DiagnosticReport's renderings at hand, the Binary addresses of the others, and what could not be taken.

    `find` gives the resource that a reference names, where it is known; what the report contains needs none. Order:
    conclusion, presentedForm, structured narrative, text.div, conclusionCode. The narrative of the resource itself is
    taken only where no presentedForm came inline: elsewhere it repeats that.
    """
    found, elsewhere, gaps = [], [], []
    language = text(report, "language")
    if conclusion := text(report, "conclusion"):
        found.append(ReportPart("conclusion", conclusion, "text/plain", language))
    for attachment in children(report, "presentedForm"):
        kind, spoken = text(attachment, "contentType"), text(attachment, "language") or language
        url = text(attachment, "url")
        embedded = _EMBEDDED.match(url)
        data = text(attachment, "data") or (url[embedded.end() :] if embedded else "")
        inside = contained(report, url) if url.startswith("#") else None
        if data:
            part: ReportPart | Gap = decoded(data, kind, spoken)
        elif inside is not None:
            part = from_binary(inside)
        elif url:
            elsewhere.append(url)
            continue
        else:
            continue
        if isinstance(part, Gap):
            gaps.append(part)
        else:
            found.append(replace(part, language=part.language or spoken))

    def known(reference: str) -> Raw | None:
        return contained(report, reference) if reference.startswith("#") else find(reference) if find else None

    inline = any(part.origin == "presentedForm" for part in found)
    found += structured(report, known, base)
    narrative = child(report, "text")
    if not inline and text(narrative, "status") != "empty" and (div := text(narrative, "div")):
        found.append(ReportPart("text", div, "application/xhtml+xml", language))
    codes = [words for item in children(report, "conclusionCode") if (words := concept(item).words)]
    if codes:
        found.append(ReportPart("conclusionCode", "\n".join(codes), "text/plain", language))
    return tuple(found), tuple(elsewhere), tuple(gaps)


def needed(report: Raw) -> dict[str, str]:
    """The Binary addresses worth reading, each with its announced type: of a report whose words did not come inline."""
    if has_words(report):
        return {}
    forms = children(report, "presentedForm")
    told = {url: text(form, "contentType") or "text/html" for form in forms if (url := text(form, "url"))}
    return {url: kind for url, kind in told.items() if not url.startswith(("#", "data:"))}


def narrated(report: Raw, find: Find, base: str | None = None) -> tuple[str, ...]:
    """The Observations and the Composition worth reading: of a report whose words did not come inline.

    What the report contains needs no read, and an address elsewhere, or of another type, is not followed.
    """
    if has_words(report):
        return ()
    wanted = (*compositions(report, base)[:1], *results(report, base))
    return tuple(r for r in wanted if r.startswith(_READ_AT_ONCE) and find(r) is None)[:MOST_RESULTS]


def has_words(report: Raw) -> bool:
    """Whether a report's own words came with it."""
    return bool(text(report, "conclusion") or any(text(form, "data") for form in children(report, "presentedForm")))


def decoded(data: str, content_type: str, language: str = "") -> ReportPart | Gap:
    """Base64 (of either alphabet, in lines or not) as bytes, or the gap that names why not."""
    if len(data) > MAX_PART_BYTES:
        return Gap("presentedForm", "attachment-too-large", "too much base64")
    packed = "".join(data.split())
    if "-" in packed or "_" in packed:
        packed = packed.translate(_URLSAFE)
    try:
        content = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return Gap("presentedForm", "attachment-unreadable", "not base64, or cut short")
    return ReportPart("presentedForm", content, content_type, language)


def from_binary(resource: object) -> ReportPart | Gap:
    """What a Binary read brought; `contentType` is kept as a hint only."""
    if text(resource, "resourceType") != "Binary":
        return Gap("presentedForm", "unreadable", "not a Binary")
    data = text(resource, "data") or text(child(resource, "content"), "data")
    if not data:
        return Gap("presentedForm", "no-narrative", "empty Binary")
    return decoded(data, text(resource, "contentType"))


def with_binaries(
    raw: Raw, find: Find, binaries: dict[str, ReportPart | Gap], base: str | None
) -> tuple[tuple[ReportPart, ...], tuple[Gap, ...]]:
    """A report's renderings, those among them that were read from Binaries, and what is still missing.

    Several addresses are one content in several formats (FHIR R4 §DiagnosticReport): one that came makes up for those
    that did not.
    """
    parts, elsewhere, gaps = parts_of(raw, find, base)
    brought = [binaries[name] for url in elsewhere if (name := normal(url, base)) in binaries]
    read = tuple(part for part in brought if isinstance(part, ReportPart))
    if not read:
        gaps += tuple(gap for gap in brought if isinstance(gap, Gap))
    return parts + read, gaps
