"""Signing every chart's orders over HTTP, as an EHR does: ask for a composed request, send it, read the answer."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cds_service.demo.expected import differences

if TYPE_CHECKING:
    from requests import Session

SECONDS = 20  # longest wait for one answer; the service's own deadline is far below it


@dataclass(frozen=True, slots=True)
class Signed:
    """One chart whose orders were signed, and what came of it."""

    chart: dict[str, Any]
    cards: tuple[dict[str, Any], ...]
    verdicts: tuple[dict[str, Any], ...]
    millis: float
    problems: tuple[str, ...]


def sign_all(session: "Session", base: str) -> Iterator[Signed]:
    """Each chart in turn, at the service that listens at `base`."""
    service = next(each["id"] for each in _get(session, f"{base}/cds-services")["services"])
    for listed in _get(session, f"{base}/demo/charts"):
        chart = f"{base}/demo/charts/{listed['id']}"
        yield sign(session, base, service, _get(session, chart), _get(session, f"{chart}/request"))


def sign(session: "Session", base: str, service: str, chart: dict[str, Any], request: dict[str, Any]) -> Signed:
    """One call of the real hook, timed on the side of the EHR, and the ledger's reasons for its answer."""
    started = time.perf_counter()
    answer = session.post(f"{base}/cds-services/{service}", json=request, timeout=SECONDS)
    millis = (time.perf_counter() - started) * 1000
    if not answer.ok:
        return Signed(chart, (), (), millis, (f"the service answered {answer.status_code}: {answer.text[:300]}",))
    cards = answer.json()["cards"]
    verdicts = _get(session, f"{base}/demo/why/{request['hookInstance']}")["verdicts"]
    reports = [report.get("text", "") for report in chart["imaging"]]
    problems = differences(chart["expected"], cards, verdicts, reports)
    return Signed(chart, tuple(cards), tuple(verdicts), millis, problems)


def _get(session: "Session", url: str) -> Any:
    answer = session.get(url, timeout=SECONDS)
    answer.raise_for_status()
    return answer.json()
