"""`second-read ledger`: what an administrator runs, and what is said when something is wrong."""

import csv
import io
import json

import pytest
from click.testing import CliRunner

from cds_service.__main__ import main
from cds_service.ledger import open_ledger
from cds_service.model import Feedback


@pytest.fixture
def command(file, key):
    """Run `second-read ledger …` on the test's SQLite ledger."""
    env = {
        "SECOND_READ_AUTH": "off",
        "SECOND_READ_DATABASE_URL": f"sqlite:///{file}",
        "SECOND_READ_LEDGER_KEY": key.current.decode().replace(" ", "-"),
    }

    def run(*words, **more):
        return CliRunner().invoke(main, ["ledger", *words], env=env | more)

    return run


@pytest.fixture
def written(command, file, clock, caller, request_of, decision_of, card_of):
    """One call with a card and an answer, written with the key of `command`."""
    from cds_service.ledger import Keyring

    ledger = open_ledger(f"sqlite:///{file}", Keyring(b"a-key-of-the-test-site,-32-bytes"), clock=clock)
    ledger.record(request_of(), caller, (decision_of(),), (card_of("c1"),), {})
    ledger.record_feedback(
        caller, [Feedback("c1", "overridden", clock.now, reason_code="noChange", comment="no, thanks")]
    )
    ledger.close()


def test_verify_says_that_all_is_well(command, written):
    """A ledger nobody touched verifies, with counts and an anchor to note; in JSON too."""
    told = command("verify")
    assert told.exit_code == 0, told.output
    assert "the ledger is as it was written" in told.output
    found = json.loads(command("verify", "--json").output)
    assert (found["sealed"], found["rows"], found["problems"]) == (1, 5, [])
    assert found["anchor"] in told.output


def test_export_gives_rows_with_what_is_sealed_shut_or_open(command, written):
    """NDJSON and CSV; a user's own words only where they are asked for, and only for the days asked for."""
    (row,) = [json.loads(line) for line in command("export", "--table", "feedback").output.splitlines()]
    assert (row["card"], row["reason_code"]) == ("c1", "noChange")
    assert "thanks" not in json.dumps(row)
    (row,) = [json.loads(line) for line in command("export", "--table", "feedback", "--open").output.splitlines()]
    assert row["comment_sealed"] == "no, thanks"
    (row,) = csv.DictReader(io.StringIO(command("export", "--table", "calls", "--format", "csv", "--open").output))
    assert row["user_sealed"] == "Practitioner/u1"
    assert command("export", "--table", "cards", "--since", "2026-11-04").output == ""
    assert command("export", "--table", "cards", "--until", "2026-11-03").output.count("\n") == 1


def test_prune_removes_what_is_older(command, written):
    """`prune --before` takes the segment; afterwards the ledger still verifies."""
    assert "removed 0 segments" in command("prune", "--before", "2026-11-03").output
    assert "removed 1 segments with 5 rows" in command("prune", "--before", "2026-11-04").output
    assert command("export", "--table", "cards").output == ""
    assert "1 pruned" in command("verify").output
    assert command("prune", "--before", "soon").exit_code == 1


def test_the_wrong_key_is_told_in_words(command, written):
    """With another key nothing is shown, and the message names the key, not a traceback."""
    told = command("verify", SECOND_READ_LEDGER_KEY="another-key-of-thirty-two-bytes!!")
    assert told.exit_code == 1
    assert "not a key this ledger was made with" in told.output


def test_rotate_key_puts_a_new_one_first(command, tmp_path):
    """The key file keeps the old key behind the new one and its mode; a key in the setting is not touched."""
    file = tmp_path / "ledger.key"
    assert command("rotate-key", SECOND_READ_LEDGER_KEY="", SECOND_READ_LEDGER_KEY_FILE=str(file)).exit_code == 0
    old, _ = (
        file.read_text().split()[-1],
        command("rotate-key", SECOND_READ_LEDGER_KEY="", SECOND_READ_LEDGER_KEY_FILE=str(file)),
    )
    keys = file.read_text().split()
    assert len(keys) == 3
    assert keys[-1] == old
    assert file.stat().st_mode & 0o777 == 0o600
    assert "stands in the setting" in command("rotate-key").output
