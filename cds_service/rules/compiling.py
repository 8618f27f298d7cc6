"""One criterion of a rule file, from its place in the tree to a closure: case -> truth."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal

from cds_service.model import Truth
from cds_service.rules import (
    disagreement_criteria,
    imaging_criteria,
    order_criteria,
    raw_criteria,
    reading_criteria,
    record_criteria,
    second_read_criteria,
)
from cds_service.rules.facts import days, no, yes
from cds_service.rules.fields import Field, Vocabulary, read_fields
from cds_service.rules.kinds import CATEGORIES, EARLY, KINDS, OF_RULE
from cds_service.rules.rule import Answer, Criterion, Facts, Question
from cds_service.yaml_source import Node, Sheet, nearest

COMPILE: dict[str, Callable[[dict[str, Any]], Question]] = {
    "order": order_criteria.order,
    "fhirpath": raw_criteria.fhirpath,
    "encounter": order_criteria.encounter,
    "rule": order_criteria.rule,
    "lead_time": order_criteria.lead_time,
    "repeat": order_criteria.repeat,
    "history": order_criteria.history,
    "acknowledged": order_criteria.acknowledged,
    "opted_out": order_criteria.opted_out,
    "on_file": order_criteria.on_file,
    "study": imaging_criteria.study,
    "imaged": imaging_criteria.imaged,
    "report": imaging_criteria.report,
    "window": imaging_criteria.window,
    "images": imaging_criteria.images,
    "reader": imaging_criteria.reader,
    "reports": record_criteria.reports,
    "condition": record_criteria.condition,
    "procedure": record_criteria.procedure,
    "stage": record_criteria.stage,
    "reason": record_criteria.reason,
    "second_read": record_criteria.second_read,
    "finding": reading_criteria.finding,
    "disagreement": disagreement_criteria.disagreement,
    "lesion": disagreement_criteria.lesion,
    "incidental": disagreement_criteria.incidental,
    "conflict": second_read_criteria.conflict,
}
_COMMON = {
    "id": Field("text", "name of this line, used in tests and in the ledger", required=True),
    "says": Field("text", "one plain sentence: what is true when this line is met", required=True),
}
_UNKNOWN = Field("choice", "what an unknown answer means: go on, or withhold the card", ("proceed", "withhold"))
_WITHHOLD = Field("mapping", "a criterion; where it is met, an unknown answer withholds")
_EARLY = Field("flag", "request and prefetch can decide it; then it is tried first")
ROLES: dict[str, dict[str, Field]] = {
    "criterion": _COMMON,
    "warning": _COMMON,
    "exclusion": {**_COMMON, "if_unknown": _UNKNOWN, "withhold_when": _WITHHOLD, "early": _EARLY},
}


def compile_criterion(
    node: Node,
    role: Literal["criterion", "exclusion", "warning"],
    sheet: Sheet,
    words: Vocabulary,
    where: str,
    everywhere: bool = False,
) -> Criterion | None:
    """One line of a rule (or of every rule), or None with everything wrong noted on the sheet."""
    if not isinstance(node.value, dict):
        sheet.wrong(node, "type", f"{where} is to be a mapping with id, says and one kind")
        return None
    allowed = {*ROLES[role], *KINDS, "any_of"}
    for key in node.value:
        if key not in allowed:
            sheet.wrong(node.keys[key], "unknown-key", f"{where} has no field '{key}'{nearest(key, allowed)}")
    own = Node({k: v for k, v in node.value.items() if k in ROLES[role]}, node.line, node.column, node.keys)
    fields = read_fields(own, ROLES[role], sheet, words, where)
    kinds, ask = _question(node, sheet, words, where)
    if role == "exclusion" and "if_unknown" not in node.value:
        sheet.wrong(node, "unknown-undecided", f"{where} does not say if_unknown: proceed or withhold")
    withhold = None
    if "withhold_when" in fields:
        withhold = _question(fields["withhold_when"], sheet, words, f"{where}.withhold_when")[1]
    if ask is None or "id" not in fields:
        return None
    early = bool(fields.get("early", False))
    if early and not set(kinds) <= EARLY:
        sheet.wrong(node.keys["early"], "bad-value", f"{where} needs the report, so it cannot be early")
    return Criterion(
        fields["id"], fill_parameters(fields.get("says", ""), words, sheet, node), role, ask, node.line, kinds,
        fields.get("if_unknown"), withhold, early, not everywhere or bool(set(kinds) & OF_RULE),
        set(kinds) <= EARLY - {"reader"},  # the right reader is asked whether the report stands against the order
        {key: _filled(value, words) for key, value in node.value.items() if key in KINDS or key == "any_of"},
    )  # fmt: skip


def _filled(node: Node, words: Vocabulary) -> Any:
    """What was written, without positions, and with the value of each parameter in place of its name."""
    if isinstance(node.value, dict):
        return {key: _filled(value, words) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [_filled(item, words) for item in node.value]
    name = node.value[1:] if isinstance(node.value, str) and node.value.startswith("$") else ""
    value = words.parameters.get(name)
    if isinstance(value, timedelta):
        hours = value.total_seconds() / 3600
        return f"{hours / 24:g} d" if hours % 24 == 0 else f"{hours:g} h"
    return node.value if value is None else value


def _question(
    node: Node, sheet: Sheet, words: Vocabulary, where: str, nested: bool = False
) -> tuple[tuple[str, ...], Question | None]:
    """The kinds under one mapping, all of which are to hold; `any_of` one level deep."""
    kinds: list[str] = []
    asks: list[Question] = []
    for key, value in sorted(node.value.items(), key=lambda item: item[0] == "fhirpath"):  # the dear one last
        if key == "any_of":
            if nested:
                sheet.wrong(node.keys[key], "bad-value", f"{where}: any_of goes one level deep; write a second rule")
                continue
            inner, ask = _any_of(value, sheet, words, f"{where}.any_of")
            kinds += inner
        elif key in KINDS:
            before = len(sheet.problems)
            fields = read_fields(value, KINDS[key], sheet, words, f"{where}.{key}")
            kinds.append(key)
            ask = COMPILE[key](fields) if len(sheet.problems) == before and _sane(value, key, fields, sheet) else None
        elif nested:
            sheet.wrong(node.keys[key], "unknown-key", f"{where} has no kind '{key}'{nearest(key, KINDS)}")
            continue
        else:
            continue
        if ask is not None:
            asks.append(ask)
    if not kinds:
        sheet.wrong(node, "missing-field", f"{where} says nothing: give one of {', '.join(KINDS)}")
    if not asks:
        return tuple(kinds), None
    return tuple(kinds), asks[0] if len(asks) == 1 else _all(tuple(asks))


def _compiles(at: Node, fields: Mapping[str, Any], sheet: Sheet) -> bool:
    try:
        raw_criteria.compiled(fields["expression"])
    except raw_criteria.BadExpression as error:
        told = f"this is no FHIRPath, at its character {error.column}: {error}"
        sheet.wrong(at.value["expression"], "bad-fhirpath", told)
        return False
    return True


def _sane(at: Node, kind: str, fields: Mapping[str, Any], sheet: Sheet) -> bool:
    if kind == "fhirpath":
        return _compiles(at, fields, sheet)
    if kind == "disagreement":
        return _sane_disagreement(at, fields, sheet)
    organs = fields.get("organ_modality")
    if organs is None:
        return True
    for name, listed in organs.value.items():
        for item in listed.value if isinstance(listed.value, list) else [listed]:
            if item.value not in imaging_criteria.ORGANS:
                known = ", ".join(imaging_criteria.ORGANS)
                near = nearest(item.value, imaging_criteria.ORGANS)
                message = f"organ_modality.{name}: no organ {item.value!r}; there are {known}{near}"
                sheet.wrong(item, "bad-value", message)
                return False
    return True


def _sane_disagreement(at: Node, fields: Mapping[str, Any], sheet: Sheet) -> bool:
    """Categories are of systems and values that reports state."""
    if not {"about", "categories", "elsewhere"} & set(fields):
        sheet.wrong(at, "missing-field", "disagreement says nothing: give about, categories or elsewhere")
        return False
    node = fields.get("categories")
    if node is None:
        return True
    for name, listed in node.value.items():
        known = CATEGORIES.get(name)
        if known is None:
            sheet.wrong(node.keys[name], "bad-value", f"categories: no system {name!r}; there are "
                        f"{', '.join(CATEGORIES)}{nearest(name, CATEGORIES)}")  # fmt: skip
            return False
        for item in listed.value if isinstance(listed.value, list) else [listed]:
            if str(item.value) not in known:
                message = f"categories.{name}: no value {str(item.value)!r}; there are {', '.join(known)}"
                sheet.wrong(item, "bad-value", message)
                return False
    return True


def _any_of(node: Node, sheet: Sheet, words: Vocabulary, where: str) -> tuple[tuple[str, ...], Question | None]:
    if not isinstance(node.value, list) or not node.value:
        sheet.wrong(node, "type", f"{where} is to be a list of kinds")
        return (), None
    kinds: list[str] = []
    asks: list[Question] = []
    for place, item in enumerate(node.value):
        if not isinstance(item.value, dict):
            sheet.wrong(item, "type", f"{where}[{place}] is to be a mapping with one kind")
            continue
        inner, ask = _question(item, sheet, words, f"{where}[{place}]", nested=True)
        kinds += inner
        if ask is not None:
            asks.append(ask)
    return tuple(kinds), _any(tuple(asks)) if asks else None


def _all(asks: tuple[Question, ...]) -> Question:
    """False beats unknown, unknown beats true."""

    def ask(facts: Facts) -> Answer:
        open_answer: Answer | None = None
        answer = yes()
        for one in asks:
            got = one(facts)
            if got[0] is Truth.FALSE:
                return got
            if got[0] is Truth.UNKNOWN and open_answer is None:
                open_answer = got
            if answer[2] is None:
                answer = got
        return open_answer or answer

    return ask


def _any(asks: tuple[Question, ...]) -> Question:
    """True beats unknown, unknown beats false."""

    def ask(facts: Facts) -> Answer:
        open_answer: Answer | None = None
        answer = no()
        for one in asks:
            answer = one(facts)
            if answer[0] is Truth.TRUE:
                return answer
            if answer[0] is Truth.UNKNOWN and open_answer is None:
                open_answer = answer
        return open_answer or answer

    return ask


def fill_parameters(text: str, words: Vocabulary, sheet: Sheet, at: Node) -> str:
    """`$name` in a sentence becomes the parameter's value in words."""
    out = []
    for word in text.split(" "):
        name = word[1:].rstrip(".,;:)") if word.startswith("$") else ""
        if name and name in words.parameters:
            value = words.parameters[name]
            said = f"{value:g}" if isinstance(value, (int, float)) else days(value)
            out.append(word.replace(f"${name}", said))
        else:
            if name:
                sheet.wrong(at, "unknown-parameter", f"the sentence uses ${name}, which is no parameter"
                            + nearest(name, words.parameters))  # fmt: skip
            out.append(word)
    return " ".join(out)
