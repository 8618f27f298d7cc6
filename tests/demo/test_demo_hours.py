"""The demo holds at any hour of any day: no chart depends on when it is shown."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from actors import Clock, Ehr

from cds_service.content import Content
from cds_service.demo.charts import load_charts
from cds_service.demo.expected import differences
from cds_service.demo.hook_request import hook_request as compose
from cds_service.demo.pages import expected


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 22, 0, 5, tzinfo=UTC),
        datetime(2027, 2, 28, 6, 59, tzinfo=UTC),
        datetime(2027, 3, 1, 12, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 55, tzinfo=UTC),
    ],
    ids=str,
)
def test_every_chart_holds_at_any_hour(moment: datetime, clock: Clock, ehr: Ehr, content: Content) -> None:
    """Just after midnight, before dawn, at noon and on New Year's Eve, each chart gets what it expects."""
    clock.now = moment
    ledger = ehr.client.application.extensions["second-read"]["ledger"]
    wrong = {}
    for chart in load_charts(moment):
        request = compose(chart, content.prefetch, str(uuid4()))
        cards = ehr.post(request).get_json()["cards"]
        verdicts = ledger.verdicts(request["hookInstance"])
        if found := differences(expected(chart, content), cards, verdicts, []):
            wrong[chart.id] = [each for each in found if "stands in no report" not in each]
    assert not {id: found for id, found in wrong.items() if found}
