"""The renderings of one report, taken out as they were sent: base64 becomes bytes, nothing is parsed."""

import base64
import binascii

from cds_service.gather.accessors import Raw, child, children, concept, text
from cds_service.model import Gap, ReportPart

MAX_PART_BYTES = 2 * 1024 * 1024  # of base64: no radiology report comes near it


def parts_of(report: Raw) -> tuple[tuple[ReportPart, ...], tuple[str, ...], tuple[Gap, ...]]:
    """A DiagnosticReport's inline renderings, the Binary addresses of the others, and what could not be taken.

    Order: conclusion, presentedForm, conclusionCode. Addresses are those of attachments that carry no data themselves.
    """
    found, elsewhere, gaps = [], [], []
    language = text(report, "language")
    if conclusion := text(report, "conclusion"):
        found.append(ReportPart("conclusion", conclusion, "text/plain", language))
    for attachment in children(report, "presentedForm"):
        kind, spoken = text(attachment, "contentType"), text(attachment, "language") or language
        if data := text(attachment, "data"):
            part = decoded(data, kind, spoken)
            if isinstance(part, Gap):
                gaps.append(part)
            else:
                found.append(part)
        elif url := text(attachment, "url"):
            elsewhere.append(url)
    codes = [words for item in children(report, "conclusionCode") if (words := concept(item).words)]
    if codes:
        found.append(ReportPart("conclusionCode", "\n".join(codes), "text/plain", language))
    return tuple(found), tuple(elsewhere), tuple(gaps)


def needed(report: Raw) -> dict[str, str]:
    """The Binary addresses worth reading, each with its announced type: of a report whose words did not come inline."""
    if has_words(report):
        return {}
    forms = children(report, "presentedForm")
    return {url: text(form, "contentType") or "text/html" for form in forms if (url := text(form, "url"))}


def has_words(report: Raw) -> bool:
    """Whether a report's own words came with it."""
    return bool(text(report, "conclusion") or any(text(form, "data") for form in children(report, "presentedForm")))


def decoded(data: str, content_type: str, language: str = "") -> ReportPart | Gap:
    """Base64 as bytes, or the gap that names why not."""
    if len(data) > MAX_PART_BYTES:
        return Gap("presentedForm", "reading-limit", "attachment too large")
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return Gap("presentedForm", "attachment-unreadable", "not base64")
    return ReportPart("presentedForm", content, content_type, language)


def from_binary(resource: object) -> ReportPart | Gap:
    """What a Binary read brought; `contentType` is kept as a hint only."""
    if text(resource, "resourceType") != "Binary":
        return Gap("presentedForm", "unreadable", "not a Binary")
    data = text(resource, "data") or text(child(resource, "content"), "data")
    if not data:
        return Gap("presentedForm", "no-narrative", "empty Binary")
    return decoded(data, text(resource, "contentType"))
