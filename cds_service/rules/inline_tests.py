"""The inline tests of a rule: read, spread over `each`, and linted so that no line of a rule stands untested."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from cds_service.model import Outcome
from cds_service.rules.fields import Field, Vocabulary, read_fields
from cds_service.rules.rule import Criterion, InlineTest
from cds_service.yaml_source import Node, Sheet, nearest

TEST: dict[str, Field] = {
    "name": Field("text", "what the surgeon sees", required=True),
    "base": Field("text", "a case of cards/cases", required=True),
    "each": Field("mapping", "one test per value: {slot: [value, …]}, used as {slot} anywhere in the test"),
    "report": Field("anything", "text of the report, or {text, status, issued}; null: it could not be fetched; "
                                "none: there is none"),
    "order": Field("mapping", "what differs in the order: code, status, priority, text, start, authored, …"),
    "study": Field("anything", "what differs in the study: age, modality, region, …; none: there is none"),
    "studies": Field("list", "further imaging studies on file: {modality, region, age}"),
    "born": Field("text", "birth date of the patient, such as 2014-05-01"),
    "reader": Field("anything", "subspecialty id of the first reader, general, or null: not known"),
    "conditions": Field("list", "the conditions on file, instead of those of the base"),
    "procedures": Field("list", "procedures on file"),
    "staging": Field("list", "staging observations on file"),
    "reports": Field("list", "further reports on file"),
    "on_file": Field("list", "orders on file"),
    "basket": Field("list", "other draft orders of the same call"),
    "history": Field("list", "cards returned earlier"),
    "encounter": Field("anything", "class of the encounter; null: not known"),
    "missing": Field("words", "prefetch keys that could not be had; history: the ledger could not be asked"),
    "opted_out": Field("words", "references that the site has opted out"),
    "expect": Field("mapping", "what is decided", required=True),
}  # fmt: skip
EXPECT: dict[str, Field] = {
    "outcome": Field("choice", "what the rule says", tuple(outcome.value for outcome in Outcome), required=True),
    "because": Field("text", "id of the line that decides; required unless the rule speaks"),
    "indicator": Field("choice", "info or warning", ("info", "warning")),
    "info_because": Field("text", "id of the warning check, or of the explained_by line, that keeps it at info"),
    "quote": Field("text", "words that the decisive quote holds"),
    "also": Field("choices", "other rules whose cards this case is known to bring"),
}
WARNING_CHECKS = ("reader-not-right", "priority-routine", "start-not-soon", "unexplained")


def read_tests(items: Sequence[Node], sheet: Sheet, words: Vocabulary) -> tuple[InlineTest, ...]:
    """Every inline test, one for each combination of its `each`."""
    tests: list[InlineTest] = []
    for place, item in enumerate(items):
        where = f"tests[{place}]"
        fields = read_fields(item, TEST, sheet, words, where)
        if "expect" not in fields or "name" not in fields or "base" not in fields:
            continue
        expect = read_fields(fields["expect"], EXPECT, sheet, words, f"{where}.expect")
        if expect.get("outcome") not in ("indicated", None) and "because" not in expect:
            sheet.wrong(fields["expect"], "missing-field", f"{where}.expect lacks 'because': which line is it?")
        changes = {
            key: item.value[key].plain() for key in TEST
            if key in item.value and key not in ("name", "base", "each", "expect")
        }  # fmt: skip
        for slots in _each(fields.get("each"), sheet, where):
            suffix = f" [{', '.join(slots.values())}]" if slots else ""
            base, changed, expected = (_filled(part, slots) for part in (fields["base"], changes, expect))
            tests.append(InlineTest(fields["name"] + suffix, base, changed, expected, item.line))
    return tuple(tests)


def _each(node: Node | None, sheet: Sheet, where: str) -> Iterator[dict[str, str]]:
    if node is None:
        yield {}
        return
    names = list(node.value)
    values: list[list[str]] = []
    for name in names:
        if not isinstance(node.value[name].value, list) or not node.value[name].value:
            sheet.wrong(node.value[name], "type", f"{where}.each.{name} is to be a list")
            return
        values.append([str(item.value) for item in node.value[name].value])
    for combination in product(*values):
        yield dict(zip(names, combination, strict=True))


def _filled(value: Any, slots: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, word in slots.items():
            value = value.replace("{" + name + "}", word)
        return value
    if isinstance(value, dict):
        return {key: _filled(item, slots) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(item, slots) for item in value]
    return value


def lint_tests(
    node: Node, tests: tuple[InlineTest, ...], own: Sequence[Criterion], fields: dict[str, Any], sheet: Sheet
) -> None:
    """Every own line keeps some test quiet, some test speaks, and a rule that can warn is tested both ways."""
    if "tests" not in fields:
        return
    at = node.value["tests"]
    quiet = {test.expect.get("because") for test in tests if test.expect.get("outcome") != "indicated"}
    spoken = [test for test in tests if test.expect.get("outcome") == "indicated"]
    for line in own:
        if line.id not in quiet:
            sheet.wrong((line.line, 1), "untested", f"no test stays quiet because of '{line.id}'")
    if not spoken:
        sheet.wrong(at, "untested", "no test speaks")
    if fields.get("irreversible") and fields.get("warns_when"):
        for indicator in ("warning", "info"):
            if not any(test.expect.get("indicator") == indicator for test in spoken):
                sheet.wrong(at, "untested", f"no test speaks with indicator {indicator}")
        told = {test.expect.get("info_because") for test in spoken}
        ids = [_id(item) for name in ("warns_when", "explained_by") for item in fields.get(name, ())]
        for id in ids:
            if id not in told and id not in {line.id for line in own}:  # a criterion that warns too is tested as one
                sheet.wrong(at, "untested", f"no test is kept at info because of '{id}'")
        for test in tests:
            named = test.expect.get("info_because")
            if named is not None and named not in (*ids, *WARNING_CHECKS):
                sheet.wrong((test.line, 1), "bad-value", f"there is no warning check '{named}'"
                            + nearest(named, (*ids, *WARNING_CHECKS)))  # fmt: skip


def _id(item: Node) -> str:
    node = item.value.get("id") if isinstance(item.value, dict) else None
    return str(node.value) if node is not None else ""
