"""`fhirpath:` criteria, for what the typed kinds cannot say: asked of one FHIR R4 resource as it was received.

Expressions are compiled when rules are loaded, and asked after every other kind. The library is imported by the first
rule that uses one, so that nobody else pays for it.
"""

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Any

from cds_service.rules.facts import absent, no, yes
from cds_service.rules.rule import Answer, Facts, Question

_KEYS = {"order": (), "study": ("imagingStudies",), "report": ("diagnosticReports",), "patient": ("patient",)}
_one_at_a_time = Lock()  # the library keeps the time of an evaluation in a variable of its module

Evaluate = Callable[[Mapping[str, Any]], list[Any]]


class BadExpression(ValueError):
    """The text is no FHIRPath expression that can be evaluated; `column` counts from 1."""

    def __init__(self, says: str, column: int = 1) -> None:
        self.column = column
        super().__init__(says)


def fhirpath(fields: dict[str, Any]) -> Question:
    """What the expression finds in the resource is true, or is anything but false."""
    source, evaluate = fields["on"], compiled(fields["expression"])

    def ask(facts: Facts) -> Answer:
        resource = facts.case.raw.get(source)
        found = evaluate(resource) if resource is not None else []
        if not found:
            because = "the expression finds nothing" if resource is not None else f"there is no {source}"
            return absent(facts.case, because, *_KEYS[source])
        if all(item is False for item in found):
            return no("the expression is false")
        return yes("the expression is true" if found == [True] else "the expression finds something")

    return ask


@cache
def compiled(expression: str) -> Evaluate:
    """The expression as a function of a resource; raises `BadExpression` for what is none."""
    from fhirpathpy import compile as compile_path
    from fhirpathpy.models import models

    _check_grammar(expression)
    if "single(" in expression:
        raise BadExpression("single() answers false where it should fail; use first(), or count() = 1")
    ask = compile_path(expression, models["r4"])
    try:
        ask({}, None)  # the library finds an unknown function only when it comes to it
    except Exception as error:  # noqa: BLE001  it raises plain exceptions
        if "Not implemented" in str(error):
            raise BadExpression(str(error).replace("Not implemented", "there is no function")) from None

    def evaluate(resource: Mapping[str, Any]) -> list[Any]:
        with _one_at_a_time:
            found: list[Any] = ask(resource, None)
        return found

    return evaluate


def _check_grammar(expression: str) -> None:
    """The library's own grammar, strictly: by itself it mends what is wrong, and an expression would mean another."""
    from antlr4 import CommonTokenStream, InputStream
    from antlr4.error.ErrorListener import ErrorListener
    from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
    from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

    class Strict(ErrorListener):  # type: ignore[misc]  # no annotations there
        def syntaxError(self, _r: Any, _s: Any, _line: int, column: int, msg: str, _e: Any) -> None:
            raise BadExpression(msg, column + 1)

    lexer = FHIRPathLexer(InputStream(expression))
    lexer.removeErrorListeners()
    lexer.addErrorListener(Strict())
    parser = FHIRPathParser(CommonTokenStream(lexer))
    parser.removeErrorListeners()
    parser.addErrorListener(Strict())
    parser.expression()
    rest = parser.getCurrentToken()
    if rest is not None and rest.type != rest.EOF:
        raise BadExpression(f"nothing can be made of {rest.text!r}", rest.column + 1)
