"""What rules cost: how deciding one case grows with the rules in the set, and with the rules that are relevant to it.

`python benchmarks/rules.py` prints both curves and ends with status 1 if 1,000 rules of which the same 20 are relevant
cost more than twice what those 20 cost alone. No network, no service: the case is gathered and read once.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from statistics import median

from cds_service.content import Content, load_content
from cds_service.model import Case
from cds_service.rules.rule import RuleSet, ruleset
from cds_service.service import decide_case
from cds_service.workbench.situations import explained

RELEVANT, SIZES, LIMIT = 20, (20, 100, 300, 1000), 2.0


def rules_of(content: Content, relevant: int, others: int) -> RuleSet:
    """A set of copies of the fusion rule: so many that a fusion wakes, and so many that other orders wake."""
    rule = next(rule for rule in content.rules.rules if rule.id == "spine-fusion")
    made = [replace(rule, id=f"fusion-{n}", rank=n) for n in range(relevant)]
    made += [replace(rule, id=f"other-{n}", trigger=_trigger(n), rank=n) for n in range(others)]
    return ruleset(tuple(made), content.rules.digest)


def _trigger(n: int) -> frozenset[tuple[str, str]]:
    """Codes of other operations, many rules to each, as a catalogue of many areas has."""
    return frozenset({("high-stakes-surgery", f"group {n % 25}"), ("radiotherapy", f"group {n % 10}")})


def fusion(content: Content) -> Case:
    """The case of the base case, read."""
    from datetime import UTC, datetime

    (case,) = explained("lumbar-fusion", content, datetime.now(UTC)).cases
    return case


def micros(decide: Callable[[], object], rounds: int = 7, calls: int = 10) -> float:
    """CPU time of one call in microseconds, the median of rounds."""
    decide()
    spent = []
    for _ in range(rounds):
        started = time.process_time_ns()
        for _ in range(calls):
            decide()
        spent.append((time.process_time_ns() - started) / calls / 1000)
    return median(spent)


def curve(content: Content, sizes: Iterable[tuple[int, int]]) -> list[tuple[int, int, float]]:
    """(relevant, in all, microseconds) for each (relevant, others)."""
    case, found = fusion(content), []
    for relevant, others in sizes:
        sized = replace(content, rules=rules_of(content, relevant, others))
        found.append((relevant, relevant + others, micros(lambda sized=sized: decide_case(case, sized))))
    return found


def main() -> int:
    """Print both curves; 1 if the limit is passed."""
    content = load_content()
    same = curve(content, [(RELEVANT, size - RELEVANT) for size in SIZES])
    print(f"the same {RELEVANT} rules relevant\n{'in the set':>12}{'µs a case':>12}{'ratio':>8}")
    for _, total, spent in same:
        print(f"{total:>12}{spent:>12.0f}{spent / same[0][2]:>8.2f}")
    print(f"\nall rules relevant\n{'in the set':>12}{'µs a case':>12}{'µs a rule':>12}")
    for _, total, spent in curve(content, [(size, 0) for size in SIZES]):
        print(f"{total:>12}{spent:>12.0f}{spent / total:>12.1f}")
    ratio = same[-1][2] / same[0][2]
    print(f"\n{SIZES[-1]} rules cost {ratio:.2f} times what {RELEVANT} cost; the limit is {LIMIT:g}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
