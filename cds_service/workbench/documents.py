"""Reports out of a file, whatever it is: one rendering, or the reports of a FHIR resource or Bundle."""

from collections.abc import Iterator
from typing import Any

import orjson

from cds_service.gather import attachments
from cds_service.gather.accessors import Raw, text
from cds_service.gather.references import contained, index, normal
from cds_service.model import Gap, ReportPart

_BINARY = "Binary"


def reports_in(raw: bytes, name: str) -> Iterator[tuple[str, tuple[ReportPart, ...], tuple[Gap, ...]]]:
    """(name, renderings, gaps) of each report: of the one rendering that the bytes are, or of each DiagnosticReport.

    A Bundle's own Binary, Observation and Composition resources are looked up; nothing is fetched from anywhere.
    """
    resources = _resources(raw)
    if resources is None:
        yield name, (ReportPart("presentedForm", raw),), ()
        return
    by_name, aliases, _ = index([{"resource": one} if "resource" not in one else one for one in resources], None)
    for alias, key in aliases.items():
        by_name.setdefault(alias, by_name[key])
    found = {id(one): key for key, one in by_name.items() if text(one, "resourceType") == "DiagnosticReport"}
    for report in {id(one): one for one in by_name.values() if id(one) in found}.values():
        binaries = {
            normal(url): attachments.from_binary(by_name[normal(url)])
            for url in attachments.needed(report)
            if normal(url) in by_name
        }

        def find(reference: str, report: Raw = report) -> Raw | None:
            return contained(report, reference) if reference.startswith("#") else by_name.get(reference)

        parts, gaps = attachments.with_binaries(report, find, binaries, None)
        yield found[id(report)], parts, gaps


def _resources(raw: bytes) -> list[Any] | None:
    """The resources of FHIR JSON (entries of a Bundle), or None where the bytes are something else."""
    head = raw[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"{") or head.startswith(b"{\\rtf"):
        return None
    try:
        value = orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    kind = text(value, "resourceType")
    if kind == "Bundle":
        entries = value.get("entry")
        return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return [value] if kind == "DiagnosticReport" else None
