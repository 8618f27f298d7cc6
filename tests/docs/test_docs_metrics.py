"""docs/metrics.md and the dashboard are held against the metrics that the code has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Histogram

from cds_service import telemetry

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
ROW = re.compile(r"^\| `(second_read_\w+)` \|([^|]*)\|", re.M)
GIVEN_BY_SCRAPING = {"le", "instance", "job"}


def metrics() -> dict[str, tuple[str, ...]]:
    """Name as scraped -> labels, of every metric in the code."""
    found = [each for each in vars(telemetry).values() if isinstance(each, Counter | Histogram)]
    return {
        each._name + ("_total" if isinstance(each, Counter) else ""): tuple(each._labelnames) for each in found
    }  # the library has no public way to ask


def queries() -> list[str]:
    """Every query of the dashboard."""
    return [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]


def test_the_page_lists_every_metric_with_its_labels() -> None:
    """No metric is missing, none is left over, and the labels are right."""
    listed = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(PAGE)}
    assert listed == metrics()


def test_the_dashboard_shows_every_metric() -> None:
    """Whoever imports it sees all there is."""
    told = " ".join(queries())
    assert [name for name in metrics() if name not in told] == []


@pytest.mark.parametrize("query", queries())
def test_a_query_of_the_dashboard_fits_the_code(query: str) -> None:
    """It names metrics and labels that exist."""
    known = metrics()
    names = re.findall(r"second_read_\w+", query)
    assert names
    for name in names:
        assert name in known or re.sub(r"_(bucket|count|sum)$", "", name) in known
    allowed = {label for name in names for label in known.get(re.sub(r"_(bucket|count|sum)$", "", name), ())}
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}
    matched = set(re.findall(r"[{,]\s*(\w+)\s*[=!]~?", query))
    assert grouped | matched <= allowed | GIVEN_BY_SCRAPING


def test_the_dashboard_has_what_grafana_asks_for() -> None:
    """Panels have distinct ids and places that do not overlap in a row of 24; the data source is chosen on import."""
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert all(panel["datasource"]["uid"] == "${DS_PROMETHEUS}" for panel in panels if panel["type"] != "row")
    assert [each["name"] for each in BOARD["__inputs"]] == ["DS_PROMETHEUS"]
