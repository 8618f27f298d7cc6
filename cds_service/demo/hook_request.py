"""What an EHR does when an order is signed: fill the service's prefetch templates from the chart, and ask.

Only the simple query subset is understood (CDS Hooks, Prefetch query restrictions): an instance read, or a type search
with `patient`, `code`, `_sort` and `_count`. The answers are searchset Bundles, as a FHIR server would give them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from cds_service.demo.charts import Chart

HOOK = "order-sign"
_SORTED_BY = {  # FHIR R4 search parameter -> the elements that hold its value
    "started": ("started",),
    "date": ("effectiveDateTime", "performedDateTime", "issued"),
    "authored": ("authoredOn",),
    "authoredon": ("authoredOn",),
}


def hook_request(
    chart: Chart, templates: Mapping[str, str], hook_instance: str, orders: Sequence[str] = ()
) -> dict[str, Any]:
    """The order-sign request for a chart; `orders` narrows it to some of its draft orders (empty: all of them)."""
    context = {
        "userId": chart.user,
        "patientId": chart.patient.partition("/")[2],
        "encounterId": chart.encounter,
    }
    drafts = [order for order in chart.orders if not orders or order["id"] in orders]
    request: dict[str, Any] = {
        "hook": HOOK,
        "hookInstance": hook_instance,
        "context": {**context, "draftOrders": _bundle("collection", drafts)},
        "prefetch": {key: _answer(chart.resources, _filled(template, context)) for key, template in templates.items()},
    }
    if chart.fhir_server:
        request["fhirServer"] = chart.fhir_server
    return request


def _filled(template: str, context: Mapping[str, str]) -> str:
    for name, value in context.items():
        template = template.replace("{{context." + name + "}}", value)
    return template


def _answer(resources: Iterable[dict[str, Any]], query: str) -> dict[str, Any] | None:
    path, _, search = query.partition("?")
    kind, _, id = path.partition("/")
    of_kind = [resource for resource in resources if resource["resourceType"] == kind]
    if id:
        return next((resource for resource in of_kind if resource["id"] == id), None)
    wanted = dict(parse_qsl(search))
    if "code" in wanted:
        of_kind = [resource for resource in of_kind if _coded(resource, set(wanted["code"].split(",")))]
    if "_sort" in wanted:
        newest_first = wanted["_sort"].startswith("-")
        elements = _SORTED_BY[wanted["_sort"].lstrip("-")]
        of_kind.sort(key=lambda resource: _first(resource, elements), reverse=newest_first)
    return _bundle("searchset", of_kind[: int(wanted.get("_count", "1000"))])


def _coded(resource: Mapping[str, Any], wanted: set[str]) -> bool:
    """FHIR token search: `code`, or `system|code`."""
    return any(
        coding.get("code") in wanted or f"{coding.get('system')}|{coding.get('code')}" in wanted
        for coding in resource.get("code", {}).get("coding", [])
    )


def _first(resource: Mapping[str, Any], elements: Sequence[str]) -> str:
    return next((str(resource[element]) for element in elements if element in resource), "")


def _bundle(kind: str, resources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if kind == "searchset":
        bundle["total"] = len(resources)
    if resources:
        bundle["entry"] = [
            {"resource": resource, **({"search": {"mode": "match"}} if kind == "searchset" else {})}
            for resource in resources
        ]
    elif kind == "collection":
        bundle["entry"] = []
    return bundle
