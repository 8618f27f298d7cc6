"""POST …/feedback: the specification's shape, Epic's dialect, and batches that are partly bad."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from web.calls import CARD_UUID, PATH, SUGGESTION_UUID, accepted, overridden

from cds_service.errors import LedgerUnavailable
from cds_service.model import Feedback

FEEDBACK = PATH + "/feedback"


def test_acceptance_and_override_are_kept(web: FlaskClient, stage: Any) -> None:
    """Both outcomes reach the ledger with their suggestions, reason and comment before the 200."""
    response = web.post(FEEDBACK, json={"feedback": [accepted(), overridden()]})
    assert response.status_code == 200
    at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert stage.feedback == [
        Feedback(CARD_UUID, "accepted", at, (SUGGESTION_UUID,)),
        Feedback(CARD_UUID, "overridden", at, (), "done", "urn:example:reasons", "read elsewhere"),
    ]


def test_duplicates_are_kept_for_the_ledger_to_judge(web: FlaskClient, stage: Any) -> None:
    """The same card may be reported several times, in one call and in several."""
    for _ in range(2):
        assert web.post(FEEDBACK, json={"feedback": [accepted(), accepted()]}).status_code == 200
    assert len(stage.feedback) == 4


def test_an_empty_batch(web: FlaskClient) -> None:
    """A batch without entries is no fault."""
    assert web.post(FEEDBACK, json={"feedback": []}).status_code == 200


def test_epic_writes_override_reasons_in_the_plural(web: FlaskClient, stage: Any) -> None:
    """Epic's `overrideReasons` object is read like `overrideReason`."""
    entry = overridden(overrideReason=None, overrideReasons=overridden()["overrideReason"])
    assert web.post(FEEDBACK, json={"feedback": [entry]}).status_code == 200
    assert (stage.feedback[0].reason_code, stage.feedback[0].comment) == ("done", "read elsewhere")


def test_epic_writes_its_own_reasons_as_extensions(web: FlaskClient, stage: Any) -> None:
    """An acknowledgement reason native to Epic keeps its category as code, its words and the user's as comment."""
    name = "com.epic.cdshooks.feedback.overrideReason"
    reasons = {
        "extension": {f"{name}.reasonCategory": "45", f"{name}.reasonDisplay": "Does not meet criteria"},
        "userComment": "see note",
    }
    entry = overridden(overrideReasons=reasons)
    del entry["overrideReason"]
    assert web.post(FEEDBACK, json={"feedback": [entry]}).status_code == 200
    (kept,) = stage.feedback
    assert (kept.reason_code, kept.reason_system, kept.comment) == ("45", name, "Does not meet criteria\nsee note")


EPIC = "com.epic.cdshooks.feedback.overrideReason"
OWN = {"code": 45, "system": "urn:oid:1.2.840.114350.1.13.0.1.7.4.000000.1"}
DIALECTS: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    # what is said instead of `overrideReason` -> the code and the comment that are kept
    "a list": ({"overrideReasons": [{"reason": {"code": "urgent", "system": "s"}}]}, "urgent", None),
    "an empty list": ({"overrideReasons": []}, None, None),
    "a list that begins with nothing": ({"overrideReasons": [None, {"userComment": "later"}]}, None, "later"),
    "a number of the client's own": ({"overrideReasons": {"reason": OWN}}, "45", None),
    "an extension of the entry": ({"extension": {f"{EPIC}.reasonCategory": "9"}}, "9", None),
    "a title and a display": (
        {"overrideReasons": {"extension": {f"{EPIC}.reasonTitle": "Not now", f"{EPIC}.reasonDisplay": "Not now"}}},
        None,
        "Not now",
    ),
    "nothing at all": ({}, None, None),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_reasons_in_every_dialect(dialect: str, web: FlaskClient, stage: Any) -> None:
    """Lists, the client's own numbers, extensions in either place, titles said twice: kept, and never a refusal."""
    said, code, comment = DIALECTS[dialect]
    entry = {key: value for key, value in overridden().items() if key != "overrideReason"} | said
    assert web.post(FEEDBACK, json={"feedback": [entry, accepted()]}).status_code == 200
    assert (stage.feedback[0].reason_code, stage.feedback[0].comment) == (code, comment)
    assert len(stage.feedback) == 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21t10:00:00.123456789z", datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-21T12:30:00+02:30", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
    ],
)
def test_timestamps(written: str, meant: datetime, web: FlaskClient, stage: Any) -> None:
    """RFC 3339 in any zone is read; a missing zone is UTC, as the specification says."""
    assert web.post(FEEDBACK, json={"feedback": [accepted(outcomeTimestamp=written)]}).status_code == 200
    assert stage.feedback[0].at == meant


BAD: dict[str, tuple[Any, str]] = {
    "not an object": (3, "$.feedback[1]: expected an object"),
    "no card": ({k: v for k, v in accepted().items() if k != "card"}, "$.feedback[1].card: expected required"),
    "another outcome": (accepted(outcome="ignored"), "$.feedback[1].outcome: expected `accepted` or `overridden`"),
    "accepted what": (accepted(acceptedSuggestions=[]), "$.feedback[1].acceptedSuggestions: expected an array"),
    "accepted nothing": (
        {k: v for k, v in accepted().items() if k != "acceptedSuggestions"},
        "$.feedback[1].acceptedSuggestions: expected required",
    ),
    "an empty reason": (overridden(overrideReason={}), "$.feedback[1].overrideReason: expected an object with reason"),
    "no time": ({k: v for k, v in accepted().items() if k != "outcomeTimestamp"}, "$.feedback[1].outcomeTimestamp"),
    "no such day": (accepted(outcomeTimestamp="2026-02-30T10:00:00Z"), "$.feedback[1].outcomeTimestamp: expected"),
    "no such time zone": (accepted(outcomeTimestamp="2026-02-03T10:00:00+99:00"), "$.feedback[1].outcomeTimestamp"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_entry_is_named_and_costs_no_other(case: str, web: FlaskClient, stage: Any) -> None:
    """The entries around a bad one are kept; the answer is 400, names the bad one and says that others were kept."""
    entry, words = BAD[case]
    response = web.post(FEEDBACK, json={"feedback": [accepted(), entry, overridden()]})
    assert response.status_code == 400
    said = [issue["diagnostics"] for issue in response.get_json()["issue"]]
    assert any(text.startswith(words) for text in said), said
    assert said[-1] == "2 other entries were kept"
    assert len(stage.feedback) == 2


@pytest.mark.parametrize("body", [{}, [], {"feedback": {}}, {"feedback": None}, accepted()])
def test_a_call_without_a_list(body: Any, web: FlaskClient) -> None:
    """A body that is not an object with the array `feedback` is answered with 400."""
    assert web.post(FEEDBACK, json=body).status_code == 400


def test_a_ledger_that_cannot_keep_it(web: FlaskClient, stage: Any) -> None:
    """Feedback that is not durable is refused with 503 and Retry-After, so that the client repeats it."""
    stage.raises = LedgerUnavailable("disk full")
    response = web.post(FEEDBACK, json={"feedback": [accepted()]})
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


def test_a_comment_stays_out_of_logs_and_answers(
    web: FlaskClient, stage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a user wrote goes to the ledger alone, even where the entry is refused."""
    entry = overridden(outcome="ignored", overrideReason={"userComment": "Jane Doe"})
    response = web.post(FEEDBACK, json={"feedback": [entry]})
    assert "Doe" not in response.get_data(as_text=True) + "".join(capsys.readouterr())
