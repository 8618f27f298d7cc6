"""Who acts in tests: an EHR that signs, a clock that stands still, a client that checks every answer."""

from datetime import datetime
from typing import Any

import builders
from flask.testing import FlaskClient
from web.validity import check_response


class CheckedClient(FlaskClient):
    """Holds every answer against the CDS Hooks schemas."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """The answer, valid."""
        answer = super().open(*args, **kwargs)
        check_response(answer)
        return answer


class Clock:
    """Stands still until moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Ehr:
    """Signs orders and gives feedback, over HTTP."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def post(self, body: Any, path: str = "/cds-services/second-read") -> Any:
        """The raw answer to a body."""
        return self.client.post(path, json=body)

    def sign(
        self, *orders: dict[str, Any], prefetch: dict[str, Any] | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        """The cards returned when these orders are signed."""
        answer = self.post(builders.hook(*orders, prefetch=prefetch, **more))
        assert answer.status_code == 200, answer.get_data(as_text=True)
        cards: list[dict[str, Any]] = answer.get_json()["cards"]
        return cards

    def tell(self, **entry: Any) -> Any:
        """Feedback on one card."""
        return self.post({"feedback": [entry]}, "/cds-services/second-read/feedback")
