"""Mutation testing of the catalogue: which wrong change of a rule would no inline test notice?

Each test's case is gathered and its report read once; a mutant then costs one compilation of its rule and as many
decisions as it takes for a test to notice it. Rules are shared out over processes.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cds_service.content import Content
from cds_service.errors import Problem
from cds_service.model import Truth
from cds_service.rules.deciding import facts_of
from cds_service.rules.load import compile_exclusions, read_evidence, read_exclusions
from cds_service.rules.rule import Answer, Criterion, Evidence, Facts, Names, Question, Rule, ruleset
from cds_service.rules.rule_file import read_rule
from cds_service.workbench.mutants import Mutant, mutants_of
from cds_service.workbench.trying import Prepared, codes_of, judge, prepare
from cds_service.yaml_source import Node, Sheet, nearest, read_yaml

EVERY_RULE = "exclusions"  # the rule name under which mutants of the global exclusions are told
_INVERSE = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Held:
    """What became of one mutant; `by` names the test that noticed it, and is "" for a survivor."""

    rule: str
    mutant: str
    file: str
    at: int
    by: str
    why: str = ""  # of a listed survivor


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a worker needs; made once, inherited by the processes."""

    content: Content
    names: Names
    rules: tuple[Rule, ...]
    prepared: dict[str, tuple[Prepared, ...]]
    everywhere: tuple[Criterion, ...]
    evidence: dict[str, Evidence]


_bench: _Bench | None = None


def mutate(
    rules: Sequence[Rule], content: Content, names: Names, *, only: Sequence[str] = (), jobs: int = 1, every: int = 1
) -> tuple[Held, ...]:
    """Every mutant of these rules and of the global exclusions, held or not, in order of rule and file.

    `only` names the rules whose mutants are made (`exclusions` for the global ones); `every` takes each n-th mutant
    alone, the same ones every time. Raises ValueError where a test fails before anything is changed.
    """
    global _bench
    codes = codes_of(content)
    prepared = {rule.id: tuple(prepare(rule, test, content, codes) for test in rule.tests) for rule in rules}
    evidence, _ = read_evidence(content.file("cards/evidence.yaml"))
    everywhere, _ = read_exclusions(content.file("cards/exclusions.yaml"), names)
    _bench = _Bench(content, names, tuple(rules), prepared, everywhere, dict(evidence))
    for rule in rules:
        failing = _noticed(prepared[rule.id], rule)
        if failing:
            raise ValueError(f"{rule.id}: the test '{failing}' fails before anything is changed")
    targets = [name for name in (*(rule.id for rule in rules), EVERY_RULE) if not only or name in only]
    parts = [(name, share, jobs, every) for name in targets for share in range(jobs)]
    try:
        if jobs == 1:
            found = [_tried(part) for part in parts]
        else:
            with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
                found = list(pool.map(_tried, parts))
    finally:
        _bench = None
    order = {name: place for place, name in enumerate(targets)}
    return tuple(sorted((held for part in found for held in part), key=lambda h: (order[h.rule], h.at, h.mutant)))


def _tried(part: tuple[str, int, int, int]) -> list[Held]:
    """One share of one rule's mutants."""
    name, share, shares, every = part
    assert _bench is not None  # noqa: S101  set before the fork
    return list(_of_exclusions(_bench, share, shares, every) if name == EVERY_RULE
                else _of_rule(_bench, name, share, shares, every))  # fmt: skip


def _of_rule(bench: _Bench, name: str, share: int, shares: int, every: int) -> Iterator[Held]:
    rule = next(rule for rule in bench.rules if rule.id == name)
    for mutant in _shared(_tree(rule.file), share, shares, every):
        changed = _mutated(rule, mutant, bench)
        if changed is not None:
            by = _noticed(_likely(bench.prepared[name], mutant.line), changed)
            yield Held(name, mutant.id, rule.file, mutant.at, by)


def _of_exclusions(bench: _Bench, share: int, shares: int, every: int) -> Iterator[Held]:
    path = bench.content.file("cards/exclusions.yaml")
    for mutant in _shared(_tree(str(path)), share, shares, every):
        if mutant.tree is None:
            lines = tuple(_negated(line) if line.id == mutant.line else line for line in bench.everywhere)
        else:
            sheet = Sheet(str(path))
            lines = compile_exclusions(mutant.tree, sheet, bench.names)
            if any(problem.severity == "error" for problem in sheet.problems):
                continue
        changed = ((rule, _with_exclusions(rule, lines, bench.everywhere)) for rule in bench.rules)
        noticed = ((rule.id, _noticed(_touched(bench, rule, mutant, lines), other)) for rule, other in changed)
        by = next((f"{id}: {name}" for id, name in noticed if name), "")
        yield Held(EVERY_RULE, mutant.id, str(path), mutant.at, by)


def _touched(bench: _Bench, rule: Rule, mutant: Mutant, lines: Sequence[Criterion]) -> Iterable[Prepared]:
    """The rule's tests whose verdict the change of one global exclusion can reach: asking one line costs a fraction of
    deciding. A parameter may be used by several lines, and its mutants go to every test."""
    if not mutant.line or any(mutant.line == line.id for line in rule.criteria):
        return bench.prepared[rule.id]
    old = next((line for line in (*rule.early, *rule.late) if line.id == mutant.line), None)
    new = next((line for line in lines if line.id == mutant.line), None)
    if old is None:
        return ()  # the rule is exempt from it
    return [one for one in bench.prepared[rule.id] if _weighs(old, one, rule, bench) != _weighs(new, one, rule, bench)]


def _weighs(line: Criterion | None, one: Prepared, rule: Rule, bench: _Bench) -> str:
    """What an exclusion makes of a test's case: excluded, withheld or nothing."""
    case = next((case for case in one.cases if case.order.reference == one.order), None)
    if line is None or case is None:
        return ""
    check = line.check(facts_of(rule, case, bench.content.routing))
    if check.truth is Truth.TRUE:
        return "excluded"
    return "withheld" if check.truth is Truth.UNKNOWN and check.if_unknown == "withhold" else ""


def _shared(root: Node, share: int, shares: int, every: int) -> Iterator[Mutant]:
    taken = [mutant for place, mutant in enumerate(mutants_of(root)) if place % every == 0]
    return (mutant for place, mutant in enumerate(taken) if place % shares == share)


@cache
def _tree(file: str) -> Node:
    node = read_yaml(Path(file), Sheet(file))
    assert node is not None  # noqa: S101  it was read before
    return node


def _mutated(rule: Rule, mutant: Mutant, bench: _Bench) -> Rule | None:
    """The rule with the change, or None where the loader refuses it."""
    if mutant.tree is None:
        changes: dict[str, Any] = {
            name: tuple(_negated(line) if line.id == mutant.line else line for line in getattr(rule, name))
            for name in _OF[mutant.id.partition(".")[0]]
        }
        return replace(rule, **changes)
    sheet = Sheet(rule.file)
    return read_rule(mutant.tree, sheet, rule.id, bench.names, bench.evidence, bench.everywhere, with_tests=False)


_OF = {"criteria": ("criteria",), "exclusions": ("early", "late"), "warns_when": ("warns_when",),
       "disagrees_when": ("disagrees_when",), "explained_by": ("explained_by",)}  # fmt: skip


def _with_exclusions(rule: Rule, lines: tuple[Criterion, ...], before: tuple[Criterion, ...]) -> Rule:
    """The rule with other global exclusions in place of those it has."""
    now, known = {line.id: line for line in lines}, {line.id for line in before}

    def swapped(old: Iterable[Criterion]) -> tuple[Criterion, ...]:
        return tuple(now.get(line.id, line) for line in old if line.id in now or line.id not in known)

    return replace(rule, early=swapped(rule.early), late=swapped(rule.late))


def _negated(line: Criterion) -> Criterion:
    return replace(line, ask=_inverse(line.ask), made={})


def _inverse(ask: Question) -> Question:
    def asked(facts: Facts) -> Answer:
        truth, because, finding, gap = ask(facts)
        return (_INVERSE[truth], because, finding, gap)

    return asked


def _likely(tests: Sequence[Prepared], line: str) -> Iterable[Prepared]:
    """The tests that name the line first: they are the likeliest to notice."""
    return sorted(
        tests, key=lambda one: line not in (one.test.expect.get("because"), one.test.expect.get("info_because"))
    )


def _noticed(tests: Iterable[Prepared], rule: Rule) -> str:
    """The first test that fails with this rule, alone, in place of the one it was written for; "" where none does."""
    assert _bench is not None  # noqa: S101  set before the fork
    alone = replace(_bench.content, rules=ruleset((replace(rule, status="active"),), ""))
    return next((one.test.name for one in tests if next(judge(one, rule, alone), None) is not None), "")


def read_survivors(path: Path) -> tuple[dict[tuple[str, str], tuple[str, int]], tuple[Problem, ...]]:
    """The listed survivors: (rule, mutant) -> (why, line). Each has to give its reason."""
    if not path.is_file():
        return {}, ()
    sheet = Sheet(str(path))
    node = read_yaml(path, sheet)
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for rule, listed in (node.value if node is not None and isinstance(node.value, dict) else {}).items():
        for mutant, why in (listed.value if isinstance(listed.value, dict) else {}).items():
            if not isinstance(why.value, str) or not why.value.strip():
                sheet.wrong(why, "missing-field", f"'{mutant}' survives without a reason")
            found[(rule, mutant)] = (str(why.value), listed.keys[mutant][0])
    return found, tuple(sheet.problems)


def explain_survivors(
    held: Iterable[Held], listed: dict[tuple[str, str], tuple[str, int]], path: Path, stale: bool = True
) -> tuple[tuple[Held, ...], tuple[Problem, ...]]:
    """The mutants with the reasons of listed survivors; a survivor that is not listed is a warning, an entry that fits
    no survivor an error (where all mutants were made: `stale`)."""
    told = tuple(replace(one, why=listed.get((one.rule, one.mutant), ("", 0))[0]) for one in held)
    problems = [
        Problem(one.file, one.at, 1, "survived-mutant", f"{one.rule}: no test notices '{one.mutant}'", "warning")
        for one in told if not one.by and not one.why
    ]  # fmt: skip
    alive, tried = {(one.rule, one.mutant) for one in told if not one.by}, {one.rule for one in told}
    for (rule, mutant), (_, line) in listed.items():
        if stale and rule in tried and (rule, mutant) not in alive:
            near = nearest(mutant, [m for r, m in alive if r == rule])
            told_so = f"{rule}: '{mutant}' is noticed by a test, or is no mutant any more{near}"
            problems.append(Problem(str(path), line, 3, "stale-survivor", told_so))
    return told, tuple(problems)


def totals(held: Iterable[Held]) -> dict[str, Any]:
    """Counts and share: mutants, held, survivors."""
    all_ = list(held)
    kept = sum(bool(one.by) for one in all_)
    return {"mutants": len(all_), "held": kept, "survived": len(all_) - kept,
            "share": round(kept / len(all_), 4) if all_ else 1.0}  # fmt: skip
