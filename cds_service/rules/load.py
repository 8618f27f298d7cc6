"""A folder of rule files, the global exclusions and the evidence beside it -> RuleSet, or every problem at once."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from cds_service.errors import ContentError, Problem
from cds_service.layers import Folders, layered, topmost
from cds_service.rules.card_text import FORBIDDEN
from cds_service.rules.changing import changed, read_changes
from cds_service.rules.compiling import compile_criterion
from cds_service.rules.fields import Field, read_fields
from cds_service.rules.rule import Criterion, Evidence, Names, Rule, RuleSet, ruleset
from cds_service.rules.rule_file import overdue, read_parameters, read_rule, silence_lints, vocabulary
from cds_service.yaml_source import Node, Sheet, read_yaml

DUE = timedelta(days=60)
EVIDENCE: dict[str, Field] = {
    "claim": Field("text", "what was found", required=True),
    "figure": Field("text", "the numbers as published", required=True),
    "population": Field("text", "in whom, where and how many", required=True),
    "year": Field("text", "year of publication", required=True),
    "citation": Field("text", "where it can be read", required=True),
    "card": Field("text", "the one line a card may show: one number with its setting and year"),
    "card_safe": Field("flag", "a card may show it", required=True),
    "about": Field("choice", "what was studied", ("re-read", "surgical-opinion", "guideline", "background"),
                   required=True),
    "limits": Field("text", "what it does not show"),
    "fits": Field("words", "concerns or regions it speaks of"),
}  # fmt: skip


def load_rules(folder: Folders, names: Names, *, as_of: date | None = None, tests: bool = False) -> RuleSet:
    """Every rule of `folder` (cards/rules, of each layer), with exclusions.yaml and evidence.yaml of its parent.

    Raises ContentError with all problems. `as_of` adds the warnings about review dates; inline tests are read and
    linted only where `tests` asks for it, since a service that starts has no use for them.
    """
    rules, problems = check_rules(folder, names, as_of=as_of, tests=tests)
    errors = tuple(problem for problem in problems if problem.severity == "error")
    if errors:
        raise ContentError(errors)
    return ruleset(rules, _digest(folder), problems)


def check_rules(
    folder: Folders, names: Names, *, as_of: date | None = None, tests: bool = True
) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """The rules that could be read, and everything wrong or worth a warning, in order of file and line."""
    problems: list[Problem] = []
    cards = [each.parent for each in ((folder,) if isinstance(folder, Path) else folder)]
    evidence, found = read_evidence(topmost(cards, "evidence.yaml"))
    problems += found
    everywhere, found = read_exclusions(topmost(cards, "exclusions.yaml"), names)
    problems += found
    rules: list[Rule] = []
    seen: dict[str, str] = {}
    paths = [path for path in layered(folder, "*.y*ml") if path.suffix in (".yaml", ".yml")]
    if not paths:
        problems.append(Problem(str(cards[0] / "rules"), 1, 1, "no-rules", "there is no rule file in this folder"))
    changes, changing = read_changes([each / "changes" for each in cards], (path.stem for path in paths))
    for path in paths:
        sheet = Sheet(str(path))
        if path.stem in seen:
            sheet.wrong((1, 1), "duplicate-id", f"rule '{path.stem}' stands in {seen[path.stem]} too")
        seen[path.stem] = str(path)
        node = read_yaml(path, sheet, without="" if tests else "tests")
        here = changes.get(path.stem, [])
        if node is not None and isinstance(node.value, dict):
            node = changed(node, here)
        if node is not None:
            rule = read_rule(node, sheet, path.stem, names, evidence, everywhere, tests)
            if rule is not None:
                made = [(of.file, str(change.value["why"].value)) for change, of in here]
                rules.append(replace(rule, about={**rule.about, "changed_by": made}) if made else rule)
                _check_review(rule, sheet, as_of)
            silence_lints(node, sheet)
        problems += sorted(sheet.problems, key=lambda p: (p.line, p.column))
    return tuple(rules), (*problems, *(problem for sheet in changing for problem in sheet.problems))


def read_exclusions(path: Path, names: Names) -> tuple[tuple[Criterion, ...], list[Problem]]:
    """The exclusions that every rule has unless it gives a reason not to."""
    sheet = Sheet(str(path))
    node = read_yaml(path, sheet)
    return ((), sheet.problems) if node is None else (compile_exclusions(node, sheet, names), sheet.problems)


def compile_exclusions(node: Node, sheet: Sheet, names: Names) -> tuple[Criterion, ...]:
    """As `read_exclusions`, of a tree; what is wrong with it stands on the sheet."""
    words = vocabulary(names, (), read_parameters(node, sheet))
    table = {"parameters": Field("mapping", "numbers with unit and reason"),
             "exclusions": Field("list", "ANY one that is met keeps every rule quiet", required=True)}  # fmt: skip
    fields = read_fields(node, table, sheet, words, "exclusions.yaml")
    lines: list[Criterion] = []
    for place, item in enumerate(fields.get("exclusions", ())):
        line = compile_criterion(item, "exclusion", sheet, words, f"exclusions[{place}]", everywhere=True)
        if line is None:
            continue
        if any(line.id == other.id for other in lines):
            sheet.wrong(item, "duplicate-id", f"'{line.id}' is used twice")
        lines.append(line)
    for name in sorted(set(words.parameters) - words.used):
        sheet.wrong(node.value["parameters"].keys[name], "unused-parameter", f"nothing uses ${name}", "warning")
    return tuple(lines)


def read_evidence(path: Path) -> tuple[Mapping[str, Evidence], list[Problem]]:
    """The studies that cards may cite, by id."""
    sheet = Sheet(str(path))
    node = read_yaml(path, sheet)
    found: dict[str, Evidence] = {}
    if node is None or not isinstance(node.value, dict):
        return found, sheet.problems
    words = vocabulary(Names({}, frozenset(), frozenset(), frozenset()), (), {})
    for id, item in node.value.items():
        fields = read_fields(item, EVIDENCE, sheet, words, id)
        if any(name not in fields for name, of in EVIDENCE.items() if of.required):
            continue
        if fields["card_safe"] and not re.search(r"\d{4}", fields.get("card", "")):
            sheet.wrong(item, "missing-field", f"{id} is card_safe, so it needs a card line with its year")
        if said := FORBIDDEN.search(fields.get("card", "")):
            sheet.wrong(item.value["card"], "forbidden-word", f"{id} says {said[0]!r}; a card considers and suggests")
        fields.setdefault("card", "")
        found[id] = Evidence(id, **{key: fields[key] for key in fields})
    return found, sheet.problems


def _check_review(rule: Rule, sheet: Sheet, as_of: date | None) -> None:
    if as_of is None or rule.status in ("draft", "retired"):
        return
    if overdue(rule, as_of):
        sheet.wrong((1, 1), "review-overdue", f"the review was due on {rule.review_by}; the rule is silent", "warning")
    elif overdue(rule, as_of + DUE):
        sheet.wrong((1, 1), "review-due", f"the review is due on {rule.review_by}", "warning")


def _digest(folder: Folders) -> str:
    """Of every file that decides: the rules and the exclusions, as they hold."""
    digest = hashlib.sha256()
    cards = [each.parent for each in ((folder,) if isinstance(folder, Path) else folder)]
    own = [path for each in cards for path in sorted((each / "changes").glob("*.yaml"))]
    for path in (*layered(folder, "*.y*ml"), topmost(cards, "exclusions.yaml"), *own):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
