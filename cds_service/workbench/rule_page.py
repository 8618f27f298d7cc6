"""docs/rule-file.md: every field and every kind of criterion, from the loader's own tables.

`python -m cds_service.workbench.rule_page > docs/rule-file.md` writes it anew; a test holds the file against this.
"""

from collections.abc import Mapping

from cds_service.rules.fields import Field
from cds_service.rules.inline_tests import EXPECT, TEST
from cds_service.rules.kinds import KINDS
from cds_service.rules.load import EVIDENCE
from cds_service.rules.rule_fields import (
    ATTRIBUTES,
    CARD,
    EXCEPT,
    OWNER,
    PARAMETER,
    PROMOTED,
    ROUTE,
    RULE,
    SILENCE,
)
from cds_service.workbench.examples import FIELDS, KIND_EXAMPLES

_HEAD = """\
# The rule file

One rule is one file, `cards/rules/<area>/<id>.yaml`. This page lists every field. How rules are decided is told in
[cds_service/rules/README.md](../cds_service/rules/README.md); what can be wrong in a file, in
[content-errors.md](content-errors.md). Editors that read `cards/schema/` complete and explain the same fields.
"""
_PARTS: tuple[tuple[str, Mapping[str, Field]], ...] = (
    ("owner", OWNER),
    ("attributes", ATTRIBUTES),
    ("parameters", PARAMETER),
    ("route", ROUTE),
    ("card", CARD),
    ("except_global", EXCEPT),
    ("promoted", PROMOTED),
    ("silence", SILENCE),
    ("tests", TEST),
    ("tests: expect", EXPECT),
    ("An item of evidence.yaml", EVIDENCE),
)
_KINDS_HEAD = """\
# Kinds of criteria

Every line of `criteria`, `exclusions`, `warns_when`, `disagrees_when` and `explained_by` has an `id`, a sentence
`says`, and at least one of these kinds; several kinds in one line are all to hold.
"""


def rule_page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD, "## Fields of a rule\n"]
    parts += [_field(name, of) for name, of in RULE.items()]
    parts += [f"## {name}\n\n{_table(fields)}" for name, fields in _PARTS]
    parts.append("#" + _KINDS_HEAD)
    parts += [_kind(kind, fields) for kind, fields in KINDS.items()]
    return "\n".join(parts)


def _field(name: str, of: Field) -> str:
    needed = "Required" if of.required else "Optional"
    return f"### Field `{name}`\n\n{needed}; {of.shape}: {_means(of)}.\n\n{_example(FIELDS.get(name, ''))}"


def _kind(kind: str, fields: Mapping[str, Field]) -> str:
    told = _table(fields) or "No fields: `{}`.\n"
    return f"### {kind}\n\n{told}\n{_example(KIND_EXAMPLES.get(kind, ''))}"


def _example(text: str) -> str:
    return f"```yaml\n{text}\n```\n" if text else ""


def _table(fields: Mapping[str, Field]) -> str:
    if not fields:
        return ""
    rows = [f"| `{name}`{' *' if of.required else ''} | {of.shape} | {_means(of)} |" for name, of in fields.items()]
    return "\n".join(["| field (* required) | shape | meaning |", "| --- | --- | --- |", *rows, ""])


def _means(of: Field) -> str:
    words = "" if isinstance(of.words, str) else ", ".join(f"`{word}`" for word in of.words)
    return f"{of.means}. One of: {words}" if words else of.means


if __name__ == "__main__":
    print(rule_page(), end="")  # noqa: T201  writing the page is what this is run for
