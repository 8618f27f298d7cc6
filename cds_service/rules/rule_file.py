"""One rule file, strictly read and compiled (reference: cds_service/rules/README.md and cards/schema)."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from cds_service.model import Speech
from cds_service.rules.card_text import check_card, check_summary, check_text
from cds_service.rules.compiling import compile_criterion
from cds_service.rules.fields import Field, Vocabulary, duration, read_fields
from cds_service.rules.inline_tests import lint_tests, read_tests
from cds_service.rules.lints import lint_rule, silence
from cds_service.rules.rule import Criterion, Evidence, Names, Rule
from cds_service.rules.rule_fields import ATTRIBUTES, CARD, EXCEPT, OWNER, PARAMETER, PROMOTED, ROUTE, RULE, SILENCE
from cds_service.rules.satisfiable import check_satisfiable
from cds_service.yaml_source import Node, Sheet, nearest

_TOLD = (
    "catalogue", "attributes", "owner", "signed", "reviewed", "rationale", "evidence", "known_false_positives",
    "parameters", "changes",
)  # fmt: skip


WINDOWED = "x5-study-window"  # the exclusion that asks for the rule's window


def read_rule(
    node: Node,
    sheet: Sheet,
    stem: str,
    names: Names,
    evidence: Mapping[str, Evidence],
    everywhere: tuple[Criterion, ...],
    with_tests: bool = True,
) -> Rule | None:
    """The rule, or None with everything wrong on the sheet."""
    words = vocabulary(names, everywhere, read_parameters(node, sheet))
    fields = read_fields(node, RULE, sheet, words, "rule")
    if "id" in fields and fields["id"] != stem:
        sheet.wrong(node.value["id"], "file-name", f"the file is named '{stem}' and the rule '{fields['id']}'")
    for name, table in (("owner", OWNER), ("route", ROUTE), ("card", CARD), ("attributes", ATTRIBUTES)):
        if name in fields:
            fields[name] = read_fields(fields[name], table, sheet, words, name)
    _check_route(node, fields, sheet)
    _check_card(node, fields, sheet)
    _check_evidence(fields, sheet, evidence, names)
    _check_changes(fields, sheet)
    criteria = read_lines(fields, "criteria", "criterion", sheet, words)
    own = read_lines(fields, "exclusions", "exclusion", sheet, words)
    excepted = [read_fields(item, EXCEPT, sheet, words, "except_global") for item in fields.get("except_global", ())]
    globals_ = tuple(e for e in everywhere if e.id not in {item.get("id") for item in excepted})
    warns = read_lines(fields, "warns_when", "warning", sheet, words)
    disagrees = read_lines(fields, "disagrees_when", "warning", sheet, words)
    explained = read_lines(fields, "explained_by", "warning", sheet, words)
    for name in sorted(set(words.parameters) - words.used):
        sheet.wrong(node.value["parameters"].keys[name], "unused-parameter", f"nothing uses ${name}", "warning")
    _check_ids(sheet, (*criteria, *own), everywhere)
    trigger = _trigger(node, fields, sheet, words)
    exempt = {str(item.get("id")) for item in excepted}
    if "window" not in fields and any(line.id == WINDOWED for line in globals_):
        sheet.wrong(node, "missing-field", f"rule lacks 'window': how old the study may be ({WINDOWED})")
    check_satisfiable(fields, trigger[0] if trigger else frozenset(), exempt, sheet, words)
    if isinstance(node.value, dict):
        lint_rule(node, fields, criteria, sheet)
    for place, item in enumerate(fields.get("promoted", ())):
        read_fields(item, PROMOTED, sheet, words, f"promoted[{place}]")
    tests = read_tests(fields.get("tests", []), sheet, words) if with_tests else ()
    if with_tests:
        lint_tests(node, tests, (*criteria, *own), fields, sheet)
    if any(problem.severity == "error" for problem in sheet.problems) or trigger is None:
        return None
    exclusions = (*globals_, *own)
    return Rule(
        id=stem, title=fields["title"], version=fields["version"], status=fields["status"], service=fields["service"],
        concern=fields["concern"], rank=int(fields["rank"]), irreversible=fields["irreversible"],
        review_by=fields["review_by"], window=fields.get("window"), route=fields["route"].get("subspecialty"),
        by_lesion=fields["route"].get("by") == "lesion", trigger=trigger[0], needs_cancer=trigger[1], criteria=criteria,
        early=tuple(e for e in exclusions if e.early),
        late=tuple(sorted((e for e in exclusions if not e.early), key=_dear)),
        warns_when=warns, disagrees_when=disagrees, explained_by=explained, speech=_speech(stem, fields),
        turnaround=fields["route"]["turnaround"], own=frozenset(line.id for line in (*criteria, *own)), tests=tests,
        file=sheet.file,
        about={key: node.value[key].plain() for key in _TOLD if key in node.value},
    )  # fmt: skip


def silence_lints(node: Node, sheet: Sheet) -> None:
    """Take out the warnings that the file silences with a reason."""
    listed = node.value.get("silence") if isinstance(node.value, dict) else None
    items = listed.value if listed is not None and isinstance(listed.value, list) else []
    words = Vocabulary({}, {}, {}, set())
    silence([(item, read_fields(item, SILENCE, sheet, words, "silence")) for item in items], sheet)


def vocabulary(
    names: Names, everywhere: tuple[Criterion, ...], parameters: Mapping[str, timedelta | float]
) -> Vocabulary:
    """The words that a rule file may refer to."""
    lists = {
        "concepts": names.concepts | {"rads"},  # a stated category is a finding like any other
        "subspecialties": names.subspecialties,
        "override-reasons": names.override_reasons,
        "global-exclusions": frozenset(line.id for line in everywhere),
    }
    return Vocabulary(lists, names.value_sets, parameters, set())


def read_parameters(node: Node, sheet: Sheet) -> dict[str, timedelta | float]:
    """`{name: {value, unit, why}}` as durations and numbers."""
    given = node.value.get("parameters") if isinstance(node.value, dict) else None
    found: dict[str, timedelta | float] = {}
    if given is None or not isinstance(given.value, dict):
        return found
    for name, item in given.value.items():
        fields = read_fields(item, PARAMETER, sheet, Vocabulary({}, {}, {}, set()), f"parameters.{name}")
        if "value" in fields and "unit" in fields:
            length = duration(f"{fields['value']} {fields['unit']}")
            found[name] = length if length is not None else float(fields["value"])
    return found


def read_lines(fields: dict[str, Any], name: str, role: Any, sheet: Sheet, words: Vocabulary) -> tuple[Criterion, ...]:
    """The criteria or exclusions of one list."""
    lines = (
        compile_criterion(item, role, sheet, words, f"{name}[{place}]")
        for place, item in enumerate(fields.get(name, ()))
    )
    return tuple(sorted((line for line in lines if line is not None), key=_dear))


def _dear(line: Criterion) -> bool:
    """Whether a line is asked after the others: FHIRPath costs a hundred times what a typed kind does."""
    return "fhirpath" in line.kinds


def _trigger(
    node: Node, fields: dict[str, Any], sheet: Sheet, words: Vocabulary
) -> tuple[frozenset[tuple[str, str]], bool | None] | None:
    """The codes that wake the rule: those of its one `order` criterion with `in`."""
    found = [
        item.value["order"] for item in fields.get("criteria", ())
        if isinstance(item.value, dict) and "order" in item.value and isinstance(item.value["order"].value, dict)
        and "in" in item.value["order"].value
    ]  # fmt: skip
    if len(found) != 1:
        sheet.wrong(node, "no-trigger", f"a rule has one criterion order: {{in: …}}; here are {len(found)}")
        return None
    quiet = Sheet(sheet.file)
    of = {"in": Field("members", "trigger"), "needs_cancer": Field("flag", "trigger")}
    part = Node({k: v for k, v in found[0].value.items() if k in of}, found[0].line, found[0].column, found[0].keys)
    read = read_fields(part, of, quiet, words, "trigger")
    return read.get("in", frozenset()), read.get("needs_cancer")


def _check_ids(sheet: Sheet, lines: tuple[Criterion, ...], everywhere: tuple[Criterion, ...]) -> None:
    seen: dict[str, int] = {line.id: 0 for line in everywhere}
    for line in lines:
        if line.id in seen:
            first = seen[line.id]
            where = f"first on line {first}" if first else "it is a global exclusion"
            sheet.wrong((line.line, 1), "duplicate-id", f"'{line.id}' is used twice; {where}")
        seen[line.id] = line.line


def _check_route(node: Node, fields: dict[str, Any], sheet: Sheet) -> None:
    route = fields.get("route", {})
    if fields.get("route") and ("subspecialty" in route) == ("by" in route):
        sheet.wrong(node.value["route"], "bad-value", "route gives either a subspecialty or by: organ or lesion")


def _check_card(node: Node, fields: dict[str, Any], sheet: Sheet) -> None:
    card = fields.get("card", {})
    for name in ("summary", "why", "question", "reason"):
        if name in card:
            check_text(node.value["card"].value[name], card[name], sheet, f"card.{name}")
    if "summary" in card:
        check_summary(node.value["card"].value["summary"], card["summary"], sheet)
    if "card" in fields:
        check_card(node.value["card"], card, sheet)


def _check_evidence(fields: dict[str, Any], sheet: Sheet, evidence: Mapping[str, Evidence], names: Names) -> None:
    """Only what is marked safe may stand on a card; a spine card never cites a surgical second opinion as a re-read."""
    known = {*evidence, *names.evidence}
    for item in fields.get("evidence", ()):
        id = str(item.value)
        if id not in known:
            sheet.wrong(item, "unknown-evidence", f"there is no evidence '{id}'{nearest(id, known)}")
            continue
        of = evidence.get(id)
        if of is not None and not of.card_safe:
            sheet.wrong(item, "evidence-not-safe", f"'{id}' is not card_safe: {of.limits or of.claim}")
        elif of is not None and fields.get("concern") == "spine" and of.about == "surgical-opinion":
            sheet.wrong(item, "evidence-not-safe", f"'{id}' is about second surgical opinions, not about re-reads")


def _check_changes(fields: dict[str, Any], sheet: Sheet) -> None:
    changes, version = fields.get("changes"), fields.get("version")
    if changes is not None and version is not None and version not in changes.value:
        sheet.wrong(changes, "no-change-note", f"changes says nothing of version {version}")


def _speech(id: str, fields: dict[str, Any]) -> Speech:
    card, route = fields["card"], fields["route"]
    return Speech(
        id, fields["version"], fields["title"], fields["concern"], int(fields["rank"]), card["summary"], card["why"],
        card["question"], card["reason"], tuple(str(item.value) for item in fields["evidence"]),
        route.get("subspecialty"), int(route["turnaround"].total_seconds() // 3600), card["override_reasons"],
        card.get("offer", "second-read"),
    )  # fmt: skip


def overdue(rule: Rule, as_of: date) -> bool:
    """Past its review date: the rule is decided, and says nothing."""
    return rule.review_by < as_of
