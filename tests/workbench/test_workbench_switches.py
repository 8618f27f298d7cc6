"""The verbs beside a running service: off, on, opt-out and status, on a real ledger."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.__main__ import main
from cds_service.workbench.status_verb import interval, share

BY = ("--by", "Ada", "--reason", "reviewed in committee")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Runs a command with a ledger of its own."""
    environ = {
        "SECOND_READ_AUTH": "off",
        "SECOND_READ_DATABASE_URL": f"sqlite:///{tmp_path}/ledger.db",
        "SECOND_READ_LEDGER_KEY_FILE": str(tmp_path / "key"),
        "SECOND_READ_RULES_MODE": "as-files",
        "COLUMNS": "110",
    }
    return lambda *words: CliRunner(env=environ).invoke(main, list(words))


def test_what_is_switched_off_stands_in_the_status_until_it_is_on(run: Callable[..., Result]) -> None:
    """`off` names who and why; `on` of one rule says that all are off still; `on all` ends it."""
    assert run("rules", "off", "spine-fusion", *BY).exit_code == 0
    assert run("rules", "off", "all", *BY, "--until", str(datetime.now(UTC).date() + timedelta(days=2))).exit_code == 0
    told = json.loads(run("rules", "status", "--json").output)
    assert {each["rule"]: each["by"] for each in told["switches"]} == {"spine-fusion": "Ada", "all": "Ada"}
    assert {each["in_force"] for each in told["rules"] if each["status"] == "active"} == {"switched-off"}
    left = run("rules", "on", "spine-fusion", *BY)
    assert "still off: all" in left.output
    run("rules", "on", "all", *BY)
    assert json.loads(run("rules", "status", "--json").output)["switches"] == []
    shown = run("rules", "status").output
    assert "returned is not shown" in shown
    assert "spine-fusion" in shown


def test_a_rule_that_is_not_there_is_refused(run: Callable[..., Result]) -> None:
    """With the nearest right name, and nothing is written."""
    refused = run("rules", "off", "spine-fuson", *BY)
    assert refused.exit_code == 1
    assert "spine-fusion" in refused.output + refused.stderr
    assert run("rules", "off", "spine-fusion", *BY, "--until", "2020-01-01").exit_code == 1
    assert json.loads(run("rules", "status", "--json").output)["switches"] == []


def test_an_opt_out_has_an_owner_and_an_end(run: Callable[..., Result]) -> None:
    """Added, listed, ended by its id; without an end, for both or for an unknown group it is refused."""
    until = str(datetime.now(UTC).date() + timedelta(days=30))
    about = ("--owner", "chief of spine", "--reason", "trial")
    assert run("opt-out", "add", "--user", "Practitioner/7", *about, "--until", until).exit_code == 0
    (found,) = json.loads(run("opt-out", "list", "--json").output)["opt_outs"]
    assert (found["reference"], found["owner"], found["rule"]) == ("Practitioner/7", "chief of spine", "all")
    assert "Practitioner/7" in run("opt-out", "list").output
    assert run("opt-out", "add", "--user", "Practitioner/7", *about).exit_code == 2
    assert run("opt-out", "add", "--group", "nobody", *about, "--until", until).exit_code == 1
    assert run("opt-out", "end", "unknown", *BY).exit_code == 1
    assert run("opt-out", "end", found["id"], *BY).exit_code == 0
    assert json.loads(run("opt-out", "list", "--json").output)["opt_outs"] == []


def test_no_share_is_told_of_few() -> None:
    """Below 30 only the counts; from 30 on a percentage with its interval (Wilson: 15 of 30 is 33 to 67 %)."""
    assert share(14, 29) == "14 of 29"
    assert share(15, 30) == "15 of 30, 50 % (33-67)"
    assert interval(0, 29) is None
    low, high = interval(0, 30) or (9, 9)
    assert (low, round(high, 3)) == (0.0, 0.114)
