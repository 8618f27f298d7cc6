"""Labelled corpora: each line a text with a marked target, answered with what the text says of it.

The answer comes from `reading.assert_span`, the code that a report is read by.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from cds_service.reading import Lexicon, assert_span


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be answered: its number, counted from 1, and why."""

    number: int
    why: str


def answered(lines: Iterable[bytes], lexicon: Lexicon) -> Iterator[dict[str, Any] | BadLine]:
    """Each line with `assertion` and `trigger` added, its other fields kept; empty lines are passed over.

    `end` is exclusive. Where a `target` is given and only an inclusive `end` would cut it out, that is taken.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
            yield row | dict(zip(("assertion", "trigger"), said_of(row, lexicon), strict=True))
        except orjson.JSONDecodeError as error:
            yield BadLine(number, f"not JSON: {error}")
        except (ValueError, TypeError) as error:
            yield BadLine(number, str(error))


def said_of(row: Any, lexicon: Lexicon) -> tuple[str, str | None]:
    """(assertion, trigger) of one line; ValueError says in words what is wrong with it."""
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    text, start, end = row.get("text"), row.get("start"), row.get("end")
    if not isinstance(text, str):
        raise ValueError("'text' is to be a string")
    if type(start) is not int or type(end) is not int:
        raise ValueError("'start' and 'end' are to be whole numbers")
    target = row.get("target")
    if isinstance(target, str) and text[start:end] != target and text[start : end + 1] == target:
        end += 1
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise ValueError(f"{start}:{end} is no stretch of words in a text of {len(text)} characters")
    section = row.get("section")
    if section is not None and not isinstance(section, str):
        raise ValueError("'section' is to be a string")
    return assert_span(text, start, end, section or None, lexicon=lexicon)
