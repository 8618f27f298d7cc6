"""What `explain` explains: a base case, a demo chart, or a recorded hook request, as requests at one moment."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cds_service import gather, quiet
from cds_service.content import Content
from cds_service.demo.charts import find_chart, load_charts
from cds_service.demo.hook_request import hook_request
from cds_service.errors import BadRequest
from cds_service.model import AuthenticatedClient, Case, HookRequest, PastCard, State
from cds_service.service import read_case
from cds_service.web.order_sign import read_order_sign, request_of
from cds_service.workbench.base_cases import read_plain, situation
from cds_service.workbench.trying import at_site, codes_of
from cds_service.yaml_source import nearest

_INSTANCE = "00000000-0000-4000-8000-000000000000"


class NoSuchCase(Exception):
    """There is no case of that name; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The read cases of one situation, and the orders that no value set recognises."""

    name: str
    cases: tuple[Case, ...]
    unrecognised: tuple[str, ...]  # human words of each


def explained(name: str, content: Content, now: datetime, changes: dict[str, Any] | None = None) -> Explained:
    """The situation of that name: a file, a base case of cards/cases, or a chart of the demo.

    `changes` are those of an inline test and fit a base case alone. Raises `NoSuchCase`.
    """
    base = content.file(f"cards/cases/{name}.yaml")
    history: tuple[PastCard, ...] | None = ()
    if name != "codes" and "/" not in name and base.is_file():
        built = situation(read_plain(base), changes or {}, codes_of(content), "")
        request, history, now, content = built.request, built.history, built.as_of, at_site(built, content)
    elif changes:
        raise NoSuchCase(f"only a base case can be changed, and '{name}' is none{nearest(name, base_names(content))}")
    elif Path(name).is_file():
        request = _recorded(Path(name))
    else:
        request = _of_chart(name, content, now)
    basket = gather.orders(request, content.value_sets)
    # As the site says; what is switched off now is no property of a case (`rules status` tells it).
    standings = quiet.standings_for(content.site, State(), request, AuthenticatedClient(""), now)
    found = gather.cases(request, basket, content=content, history=history, now=now, standings=standings)
    known = {order.reference for order in basket.relevant}
    others = tuple(order.concept.words or order.reference for order in basket.orders if order.reference not in known)
    return Explained(name, tuple(read_case(case, content) for case in found), others)


def base_names(content: Content) -> list[str]:
    """The base cases of this content."""
    return sorted(path.stem for path in content.files("cards/cases", "*.yaml") if path.stem != "codes")


def _recorded(path: Path) -> HookRequest:
    try:
        return read_order_sign(path.read_bytes())
    except BadRequest as error:
        raise NoSuchCase(f"{path} is no order-sign request: {error}") from None


def _of_chart(name: str, content: Content, now: datetime) -> HookRequest:
    chart = find_chart(name, now)
    if chart is None:
        charts, bases = [chart.id for chart in load_charts(now)], base_names(content)
        raise NoSuchCase(f"there is no file, base case or demo chart '{name}'{nearest(name, [*bases, *charts])}\n"
                         f"base cases: {', '.join(bases)}\ndemo charts: {', '.join(charts)}")  # fmt: skip
    return request_of(hook_request(chart, content.prefetch, _INSTANCE))
