"""The small content files, read strictly: services, override reasons, site facts, client profiles, evidence.

Every mistake is noted with its line, its column and the nearest right word; the caller raises them all at once.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from cds_service.cards import Client, CompleteStudies, OverrideReason
from cds_service.model import EVERY_RULE, Coding
from cds_service.rules.fields import Field, Vocabulary, read_fields
from cds_service.site import Arm, Offer, Site, SiteStatus
from cds_service.yaml_source import Node, Sheet, read_yaml

_ARM_NAME = re.compile(r"[A-Za-z0-9-]{1,40}")
_EFFECTS = ("quiet-for-study", "quiet-for-encounter", "quiet-for-30-days", "review")
SERVICE = {
    "id": Field("text", "the last part of the service's address", required=True),
    "hook": Field("choice", "the hook it answers", ("order-sign", "order-select"), required=True),
    "title": Field("text", "its name in human words", required=True),
    "description": Field("text", "what it does", required=True),
    "usageRequirements": Field("text", "what it needs of the client"),
    "version": Field("text", "the version of CDS Hooks it speaks"),
    "hookVersion": Field("text", "the published version of the hook"),
    "prefetch": Field("mapping", "key to FHIR query template; left out: as the first service's"),
}
REASON = {
    "code": Field("text", "letters and digits, never changed", required=True),
    "display": Field("text", "what the clinician reads", required=True),
    "hl7": Field("text", "the HL7 non-adherence reason code that says the same", required=True),
    "effect": Field("choice", "what the service does with it", _EFFECTS, required=True),
}
CLIENT = {
    "name": Field("text", "the file's own name", required=True),
    "selection_behavior": Field("choice", "of suggestions", ("at-most-one", "any"), required=True),
    "suggestions": Field("flag", "whether suggestions can be shown", required=True),
    "override_reasons": Field("flag", "whether override reasons can be shown", required=True),
    "detail_characters": Field("number", "the longest detail", required=True),
    "detail_lines": Field("number", "the most lines of a detail", required=True),
    "line_characters": Field("number", "the longest line, 0 for no limit", required=True),
    "order_code": Field("choice", "how the client makes an order", ("standard", "site-key"), required=True),
    "links": Field("choice", "which links reach the user", ("absolute", "none"), required=True),
    "associated_resource": Field("flag", "whether cards name their order in an extension", required=True),
    "issuers": Field("words", "host names of the iss by which the client is known"),
    "extensions": Field("words", "beginnings of extension names by which a request of it is known"),
}
SITE = {
    "label": Field("text", "who speaks: the source label of every card", required=True),
    "url": Field("text", "an absolute address that cards link to, {rule} being the rule's id; else the rule's page"),
    "roster": Field("list", "readers whose subspecialty the EHR does not send"),
    "second_reads": Field("list", "which second reads are offered"),
    "order_keys": Field("list", "the site's own order keys, by client"),
    "exempt": Field("list", "who has opted out, whatever the rules say (x12-site-opt-out)"),
    "groups": Field("list", "named groups of users and places, for statuses and opt-outs"),
    "statuses": Field("list", "the status of a rule here: by client, place or group of users; else as its file says"),
    "arms": Field("list", "experiments: a rule stays silent in a share of the encounters, chosen by a hash"),
    "report_link": Field("text", "https address of a report in the site's viewer; {id} stands for the report's id"),
}
EXEMPT = {
    "reference": Field(
        "text", "a user, or an encounter's or order's organization, location or performer", required=True
    ),
    "why": Field("text", "who asked for it, and why", required=True),
    "until": Field("date", "the last day; absent: until it is taken out"),
}
GROUP = {
    "group": Field("text", "its name", required=True),
    "members": Field("words", "references of users, organizations and locations", required=True),
}
STATUS = {
    "rule": Field("text", "id of the rule, or `all`", required=True),
    "status": Field("choice", "what holds here", ("draft", "silent", "active", "retired"), required=True),
    "why": Field("text", "who decided it, and why", required=True),
    "client": Field("text", "only for calls of this `iss`"),
    "tenant": Field("text", "only for this tenant of the client"),
    "place": Field("text", "only where this organization or location provides the encounter or the order"),
    "group": Field("text", "only for this group"),
}
ARM = {
    "name": Field("text", "its name, recorded with each decision", required=True),
    "rule": Field("text", "id of the rule, or `all`", required=True),
    "silent_percent": Field("number", "the share that sees no card, from 1 to 99", required=True),
    "why": Field("text", "who approved it, and what is to be learnt", required=True),
    "by": Field("choice", "what is chosen by a hash (encounter)", ("encounter", "clinician")),
    "until": Field("date", "the last day"),
}
STUDIES = {
    "system": Field("text", "the code system of all codes below", required=True),
    "by_segment": Field("mapping", "stretch of the spine to study", required=True),
    "by_group": Field("mapping", "group of the operation to study", required=True),
    "by_region": Field("mapping", "body region to study", required=True),
}
STUDY = {
    "code": Field("text", "code of the study", required=True),
    "display": Field("text", "its display, as the code system words it", required=True),
    "says": Field("text", "the text of the order", required=True),
}
ROSTERED = {
    "reader": Field("text", "a FHIR reference or an NPI", required=True),
    "subspecialties": Field("choices", "our subspecialty ids", "subspecialties", required=True),
}
OFFERED = {
    "subspecialty": Field("choice", "our subspecialty id", "subspecialties", required=True),
    "by": Field("text", "who reads"),
    "turnaround": Field("duration", "such as 24 h", required=True),
    "recipient": Field("text", "who gets the answer"),
}
KEYED = {
    "client": Field("text", "a client profile", required=True),
    "subspecialty": Field("choice", "our subspecialty id", "subspecialties", required=True),
    "key": Field("text", "`system|code` of the local order", required=True),
}

SITE_LISTS = {
    "roster": ROSTERED,
    "second_reads": OFFERED,
    "order_keys": KEYED,
    "exempt": EXEMPT,
    "groups": GROUP,
    "statuses": STATUS,
    "arms": ARM,
}


def vocabulary(**lists: frozenset[str]) -> Vocabulary:
    """The words that a small file may refer to."""
    return Vocabulary(lists=lists, value_sets={}, parameters={}, used=set())


def read_services(path: Path, sheet: Sheet) -> tuple[dict[str, Any], ...]:
    """The discovery answer's services, as JSON objects."""
    services: list[dict[str, Any]] = []
    for item, fields in _items(path, sheet, "services", SERVICE, vocabulary()):
        templates = fields.get("prefetch")
        if isinstance(templates, Node):
            fields["prefetch"] = {key: str(value) for key, value in templates.plain().items()}
            for key, template in fields["prefetch"].items():
                if "?" not in template and "/" not in template:
                    sheet.wrong(item, "bad-value", f"prefetch '{key}' is no FHIR query")
        elif services:
            fields["prefetch"] = services[0]["prefetch"]
        services.append(fields)
    return tuple(services)


def read_override_reasons(path: Path, sheet: Sheet) -> dict[str, OverrideReason]:
    """The override reasons by code; more than six are refused."""
    reasons = {}
    found = _items(path, sheet, "reasons", REASON, vocabulary())
    for item, fields in found:
        if not str(fields.get("code", "")).isalnum():
            sheet.wrong(item, "bad-value", "an override code holds letters and digits only: every EHR must map it")
        elif len(fields) == len(REASON):
            reasons[fields["code"]] = OverrideReason(fields["code"], fields["display"], fields["hl7"], fields["effect"])
    if len(found) > 6:
        sheet.wrong((1, 1), "bad-value", f"{len(found)} override reasons; at most six are read by anybody")
    return reasons


def read_client(path: Path, sheet: Sheet) -> Client | None:
    """One client profile; its name is its file's."""
    root = read_yaml(path, sheet)
    if root is None:
        return None
    fields = read_fields(root, CLIENT, sheet, vocabulary(), "client")
    if any(of.required and name not in fields for name, of in CLIENT.items()):
        return None
    if fields["name"] != path.stem:
        sheet.wrong(root, "file-name", f"the file is called {path.name}, the client {fields['name']}")
    fields |= {name: int(fields[name]) for name in ("detail_characters", "detail_lines", "line_characters")}
    return Client(**fields)


def read_site(path: Path, sheet: Sheet, subspecialties: frozenset[str]) -> Site:
    """Site facts; what could not be read is left at its default, with the problem noted."""
    words = vocabulary(subspecialties=subspecialties)
    root = read_yaml(path, sheet)
    fields = read_fields(root, SITE, sheet, words, "site") if root else {}
    roster = [read_fields(n, ROSTERED, sheet, words, "roster") for n in fields.get("roster", ())]
    offered = [read_fields(n, OFFERED, sheet, words, "second_reads") for n in fields.get("second_reads", ())]
    keyed = [read_fields(n, KEYED, sheet, words, "order_keys") for n in fields.get("order_keys", ())]
    offers = {o["subspecialty"]: _offer(o) for o in offered if "subspecialty" in o and "turnaround" in o}
    exempt = [read_fields(n, EXEMPT, sheet, words, "exempt") for n in fields.get("exempt", ())]
    link = fields.get("report_link", "")
    if link and not (link.startswith("https://") and "{id}" in link):
        sheet.wrong(root or (1, 1), "bad-value", "report_link is to be an https address with {id} in it")
    grouped = [read_fields(n, GROUP, sheet, words, "groups") for n in fields.get("groups", ())]
    groups = {g["group"]: frozenset(g["members"]) for g in grouped if len(g) == len(GROUP)}
    keys: dict[str, dict[str, str]] = {}
    for entry in (k for k in keyed if len(k) == len(KEYED)):
        keys.setdefault(entry["client"], {})[entry["subspecialty"]] = entry["key"]
    return Site(
        label=fields.get("label", "Second Read"),
        url=fields.get("url"),
        roster={r["reader"]: r["subspecialties"] for r in roster if len(r) == len(ROSTERED)},
        offers=offers if "second_reads" in fields else None,
        exempt={e["reference"]: e.get("until") for e in exempt if "reference" in e and "why" in e},
        groups=groups,
        statuses=_statuses(fields, groups, sheet, words),
        arms=_arms(fields, sheet, words),
        report_link=link,
        order_keys=keys,
    )


def _statuses(
    fields: Mapping[str, Any], groups: Mapping[str, Any], sheet: Sheet, words: Vocabulary
) -> tuple[SiteStatus, ...]:
    found = []
    for node in fields.get("statuses", ()):
        told = read_fields(node, STATUS, sheet, words, "statuses")
        if told.get("group", next(iter(groups), "")) not in (*groups, ""):
            sheet.wrong(node, "bad-value", f"statuses.group: this file has no group '{told['group']}'")
        elif all(name in told for name, of in STATUS.items() if of.required):
            found.append(SiteStatus(**told | {"rule": _rule(told["rule"])}))
    return tuple(found)


def _arms(fields: Mapping[str, Any], sheet: Sheet, words: Vocabulary) -> tuple[Arm, ...]:
    found = []
    for node in fields.get("arms", ()):
        told = read_fields(node, ARM, sheet, words, "arms")
        if not 1 <= told.get("silent_percent", 1) <= 99:
            sheet.wrong(node, "bad-value", "arms.silent_percent is to be from 1 to 99")
        elif not _ARM_NAME.fullmatch(told.get("name", "a")):
            sheet.wrong(node, "bad-value", "arms.name holds letters, digits and hyphens only: it is recorded as it is")
        elif all(name in told for name, of in ARM.items() if of.required):
            found.append(Arm(**told | {"rule": _rule(told["rule"]), "silent_percent": int(told["silent_percent"])}))
    return tuple(found)


def _rule(named: str) -> str:
    return EVERY_RULE if named == "all" else named


def read_complete_studies(path: Path, sheet: Sheet) -> CompleteStudies:
    """Which complete study is offered where, each with its code and the words of its order."""
    words = vocabulary()
    root = read_yaml(path, sheet)
    fields = read_fields(root, STUDIES, sheet, words, "complete-studies") if root else {}
    tables: list[dict[str, tuple[Coding, str]]] = []
    for name in ("by_segment", "by_group", "by_region"):
        given = fields[name].value.items() if name in fields else ()
        read = {key: read_fields(node, STUDY, sheet, words, f"{name}.{key}") for key, node in given}
        tables.append({
            key: (Coding(fields.get("system", ""), study["code"], study["display"]), study["says"])
            for key, study in read.items() if len(study) == len(STUDY)
        })  # fmt: skip
    return CompleteStudies(*tables)


def _offer(fields: Mapping[str, Any]) -> Offer:
    hours = int(cast(timedelta, fields["turnaround"]).total_seconds() // 3600)
    return Offer(fields.get("by", ""), hours, fields.get("recipient", Offer.__dataclass_fields__["recipient"].default))


def _items(
    path: Path, sheet: Sheet, name: str, fields: Mapping[str, Field], words: Vocabulary
) -> list[tuple[Node, dict[str, Any]]]:
    """The entries of a file that is one list under one name."""
    root = read_yaml(path, sheet)
    if root is None:
        return []
    whole = {name: Field("list", f"the {name}", required=True)}
    listed = read_fields(root, whole, sheet, words, path.name).get(name, [])
    return [(item, read_fields(item, fields, sheet, words, f"{name}[{i}]")) for i, item in enumerate(listed)]
