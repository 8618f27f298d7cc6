"""`ValueSet/$expand` for all that stands below one code (FHIR R4, Terminology Service; SNOMED CT is-a).

The value set is sent with the question, so that nothing need be stored on the server. A server that takes none is asked
for the implicit value set of SNOMED CT instead (`?fhir_vs=isa/`). `$subsumes` and `$validate-code` compare two codes
that are known; they cannot list those that are not, so they are not asked.

An answer counts when it is whole and about what was asked. Anything else is refused with a reason of fixed words: what
a server writes is not repeated in a log.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import quote

import orjson
import requests
from urllib3.exceptions import HTTPError

from cds_service.outbound import within
from cds_service.terminology.descendants import Below, Key
from cds_service.terminology.index import SNOMED, canonical_code, canonical_system

PAGE = 1_000  # codes
MOST_CODES = 100_000  # below one code; SNOMED CT holds some 25,000 neoplasms
MOST_BYTES = 16 * 1024 * 1024  # of one page
_SHORTEST = 0.05  # seconds; less than this left is not worth a question
_CHUNK = 64 * 1024
_FHIR_JSON = "application/fhir+json"
_CODE = re.compile(r"[^\s\x00-\x1f]{1,64}(?: [^\s\x00-\x1f]{1,64})?")  # FHIR R4, code: no blanks at its ends
_SNOMED_CODE = re.compile(r"[1-9]\d{5,17}")
_LONGEST_DISPLAY = 300
_TAKES_NO_VALUE_SET = frozenset({400, 404, 405, 415, 422, 501})


class Unanswered(Exception):
    """No answer that can be used. `final` where asking about another code would go no better."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        self.reason, self.final = reason, final
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Server:
    """A terminology server: the one base address that is asked, and what proves who asks."""

    base: str
    session: Callable[[], requests.Session]
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Page:
    codes: list[tuple[str, str]]
    total: int | None
    paged: bool
    version: str


def what_is_below(
    key: Key, server: Server, session: requests.Session, until: float, today: date, clock: Callable[[], float]
) -> Below:
    """All codes below one, without it. Raises `Unanswered`; `until` is a moment of `clock`, in seconds."""
    found: dict[str, str] = {}
    version = ""
    for page in _pages(key, server, session, until, clock):
        version = version or page.version
        for code, display in page.codes:
            if code in found:  # pages that go round in a circle begin like this too
                raise Unanswered("a code came twice")
            found[code] = display
        if len(found) > MOST_CODES:
            raise Unanswered(f"more than {MOST_CODES} codes")
        if page.total is not None and len(found) > page.total:
            raise Unanswered("more codes than announced")
        if len(found) == page.total or (page.total is None and not (page.paged and page.codes)):
            break
        if not page.codes:
            raise Unanswered("fewer codes than announced")
    if canonical_code(*key) not in {canonical_code(key[0], code) for code in found}:
        # A concept is itself (is-a is reflexive), so this answer is about something else.
        raise Unanswered("the code itself is missing from what is at or below it")
    below = [(code, display) for code, display in found.items() if canonical_code(key[0], code) != key[1]]
    return Below(tuple(sorted(below)), today, version)


def _pages(
    key: Key, server: Server, session: requests.Session, until: float, clock: Callable[[], float]
) -> Iterator[_Page]:
    """One page after the other, by the one of the two questions that the server takes."""
    implicit = False
    offset = 0
    while True:
        status, raw = _ask(server, session, until, clock, _implicit(key, offset) if implicit else None, key, offset)
        if status in _TAKES_NO_VALUE_SET and not implicit and offset == 0 and key[0] == SNOMED:
            implicit = True
            continue
        if status != 200:
            # The next code would meet the same closed door, or the same illness.
            raise Unanswered(f"HTTP {status}", final=status in (401, 403, 407, 429, 503))
        page = _read(raw, key, offset)
        yield page
        offset += len(page.codes)


def _implicit(key: Key, offset: int) -> str:
    """The question for who takes no value set with it (SNOMED CT and FHIR, implicit value sets)."""
    return f"?url={quote(f'{SNOMED}?fhir_vs=isa/{key[1]}', safe='')}&offset={offset}&count={PAGE}&excludeNested=true"


def _question(key: Key, offset: int) -> bytes:
    """The value set of all that is at or below the code, and which part of it is wanted."""
    is_a = {"property": "concept", "op": "is-a", "value": key[1]}
    value_set = {
        "resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": key[0], "filter": [is_a]}]},
    }  # fmt: skip
    return orjson.dumps({"resourceType": "Parameters", "parameter": [
        {"name": "valueSet", "resource": value_set},
        {"name": "offset", "valueInteger": offset},
        {"name": "count", "valueInteger": PAGE},
        {"name": "excludeNested", "valueBoolean": True},
        {"name": "includeDesignations", "valueBoolean": False},
    ]})  # fmt: skip


def _ask(
    server: Server, session: requests.Session, until: float, clock: Callable[[], float], query: str | None, key: Key,
    offset: int,
) -> tuple[int, bytes]:  # fmt: skip
    """Status and body of one exchange, bounded in time and size."""
    url = within(f"{server.base}/ValueSet/$expand{query or ''}", server.base)
    if url is None:
        raise Unanswered("a code that fits into no address")
    headers = {"Accept": _FHIR_JSON}
    if server.authorization:
        headers["Authorization"] = server.authorization
    left = until - clock()
    if left < _SHORTEST:
        raise Unanswered("no time is left", final=True)
    try:
        if query:
            answer = session.get(url, headers=headers, timeout=left, stream=True, allow_redirects=False)
        else:
            headers["Content-Type"] = _FHIR_JSON
            answer = session.post(
                url, data=_question(key, offset), headers=headers, timeout=left, stream=True, allow_redirects=False
            )
        with answer:
            body = bytearray()
            while answer.status_code == 200 and (chunk := answer.raw.read1(_CHUNK, decode_content=True)):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Unanswered(f"more than {MOST_BYTES // 1024 // 1024} MiB")
                if clock() > until:
                    raise Unanswered("no time is left", final=True)
            return answer.status_code, bytes(body)
    except requests.TooManyRedirects:
        raise Unanswered("it leads elsewhere", final=True) from None
    except requests.Timeout:
        raise Unanswered("no answer in time", final=True) from None
    except requests.ConnectionError:
        raise Unanswered("not reached", final=True) from None
    except (requests.RequestException, HTTPError, OSError):
        raise Unanswered("the answer broke off") from None


def _read(raw: bytes, key: Key, offset: int) -> _Page:
    """One page of an expansion, every code of it looked at."""
    try:
        resource = orjson.loads(raw)
    except ValueError:
        raise Unanswered("not JSON") from None
    expansion = resource.get("expansion") if isinstance(resource, dict) else None
    if not isinstance(expansion, dict) or resource.get("resourceType") != "ValueSet":
        raise Unanswered("not an expanded ValueSet")
    total, at = expansion.get("total"), expansion.get("offset")
    if total is not None and (type(total) is not int or total < 0):
        raise Unanswered("a total that is no count")
    if at is not None and at != offset:
        raise Unanswered("another page than was asked for")
    codes = list(_contained(expansion.get("contains", []), key[0]))
    return _Page(codes, total, at is not None, _version(expansion.get("parameter")))


def _contained(listed: Any, system: str) -> Iterator[tuple[str, str]]:
    """(code, display) of all entries, those below others too (some servers nest them whatever is asked)."""
    waiting = [listed]
    while waiting:
        entries = waiting.pop()
        if not isinstance(entries, list):
            raise Unanswered("an expansion of another shape")
        for entry in entries:
            if not isinstance(entry, dict):
                raise Unanswered("an expansion of another shape")
            if "contains" in entry:
                waiting.append(entry["contains"])
            code = entry.get("code")
            if code is None and entry.get("abstract") is True:
                continue  # a heading
            if canonical_system(str(entry.get("system", ""))) != system:
                raise Unanswered("a code of another system")
            fits = _SNOMED_CODE if system == SNOMED else _CODE
            if not isinstance(code, str) or not fits.fullmatch(code):
                raise Unanswered("a code that is none")
            display = entry.get("display")
            yield code, display[:_LONGEST_DISPLAY] if isinstance(display, str) else ""


def _version(parameters: Any) -> str:
    """The version of the code system that was used, such as an edition of SNOMED CT; "" where none is named."""
    for one in parameters if isinstance(parameters, list) else ():
        if isinstance(one, dict) and one.get("name") in ("version", "used-codesystem"):
            value = one.get("valueUri") or one.get("valueString")
            if isinstance(value, str) and value.isprintable():
                return value[:200]
    return ""
