"""docs/conformance.md from requirements.yaml and the tests: `python -m conformance.table`, in tests/, prints it."""

import ast
import re
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TESTS = Path(__file__).parents[1]
SERVICE = frozenset(
    {*range(1, 15), 16, 27, 28, 29, 34, 35, 36, 52, *range(54, 62), *range(74, 79), *range(80, 86), *range(87, 91),
     *range(92, 97), 98, 99, 100, *range(103, 114), *range(115, 126), *range(127, 137), *range(138, 143),
     *range(144, 149), 168, 175, 176, 177, 179, 195, 199, 200, 201, 203, *range(205, 209), *range(210, 221)}
)  # fmt: skip  # the numbers whose actor is "Service" or "Client, Service": 105 and 15


def sections() -> dict[str, list[dict[str, Any]]]:
    """The rows, by section."""
    found: dict[str, list[dict[str, Any]]] = YAML(typ="safe").load(
        (Path(__file__).parent / "requirements.yaml").read_text(encoding="utf-8")
    )["sections"]
    return found


@cache
def functions(file: Path) -> dict[str, str]:
    """The tests of a file, with their docstrings."""
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def claimed() -> dict[int, list[str]]:
    """By requirement number, the tests whose docstring names it (`cds-hooks_2.0@12, @16`, `@55 to @59`)."""
    found: dict[int, list[str]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        for name, promise in functions(file).items():
            if "cds-hooks_2.0@" not in promise:
                continue
            for first, last in re.findall(r"(?<!library_1\.0\.1)@(\d+)(?: to @(\d+))?", promise):
                for number in range(int(first), int(last or first) + 1):
                    found[number].append(f"{file.relative_to(TESTS)}::{name}")
    return found


def shown_by(row: dict[str, Any]) -> list[str]:
    """The tests of one row, each once."""
    by_number = claimed()
    named = [test for number in row.get("req", ()) for test in by_number.get(number, ())]
    return list(dict.fromkeys([*named, *row.get("tests", ())]))


def exists(test: str) -> bool:
    """Whether that file, and that test in it, are there."""
    file, _, name = test.partition("::")
    return (TESTS / file).exists() and (not name or name in functions(TESTS / file))


def page() -> str:
    """docs/conformance.md."""
    lines = [
        "# Conformance to CDS Hooks 2.0",
        "",
        "Every requirement that binds a CDS service, and the test that shows it, or why it does not apply. Made from",
        "`tests/conformance/requirements.yaml` and the docstrings of the tests; a test fails when this page is stale.",
        "Numbers are those of the set `cds-hooks_2.0` of the public requirement list of Inferno's CRD test kit (actors",
        "Service, and Client with Service); letters are requirements that the list leaves unnumbered.",
    ]
    for title, rows in sections().items():
        lines += ["", f"## {title}", "", "| requirement | says | shown by |", "| --- | --- | --- |"]
        for row in rows:
            name = ", ".join(f"@{number}" for number in row.get("req", ())) or row["item"]
            tests = [f"[{_short(test)}](../tests/{test.partition('::')[0]})" for test in shown_by(row)]
            lines.append(f"| {name} | {row['says']} | {'<br>'.join(tests) or 'not applicable: ' + row['why_not']} |")
    return "\n".join(lines) + "\n"


def _short(test: str) -> str:
    file, _, name = test.partition("::")
    return name or Path(file).stem


if __name__ == "__main__":
    sys.stdout.write(page())
