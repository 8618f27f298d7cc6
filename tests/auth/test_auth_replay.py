"""The store of tokens seen: each opens one call, whoever received it, and forgetting waits until it has expired."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql

from cds_service.auth import SeenTokens
from cds_service.auth.replay import seen_tokens
from cds_service.errors import ReplayStoreUnavailable, SettingsError

ISS = "https://ehr.example.org/r4"


class Time:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    """The clock of the stores."""
    return Time()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A ledger's address."""
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def store(url: str, time: Time) -> Iterator[SeenTokens]:
    """One worker's store."""
    made = SeenTokens(url, now=time)
    yield made
    made.close()


@pytest.fixture
def other(url: str, time: Time) -> Iterator[SeenTokens]:
    """Another worker's store on the same database."""
    made = SeenTokens(url, now=time)
    yield made
    made.close()


def test_a_token_opens_one_call_of_any_worker(store: SeenTokens, other: SeenTokens, time: Time) -> None:
    """What one worker has seen, another refuses; the same jti of another issuer is another token."""
    assert store.remember(ISS, "a", time.now + 300)
    assert not store.remember(ISS, "a", time.now + 300)
    assert not other.remember(ISS, "a", time.now + 300)
    assert other.remember("https://other.example.org", "a", time.now + 300)


def test_it_is_still_known_after_a_restart(store: SeenTokens, url: str, time: Time) -> None:
    """A new process knows what the old one saw."""
    store.remember(ISS, "a", time.now + 300)
    store.close()
    again = SeenTokens(url, now=time)
    assert not again.remember(ISS, "a", time.now + 300)
    again.close()


def test_of_many_at_once_one_is_first(store: SeenTokens, other: SeenTokens, time: Time) -> None:
    """Sixteen threads of two workers with one token: one of them is let in."""
    let_in: list[bool] = []
    start = threading.Barrier(16)

    def call(mine: SeenTokens) -> None:
        start.wait()
        let_in.append(mine.remember(ISS, "same", time.now + 300))

    threads = [threading.Thread(target=call, args=((store, other)[n % 2],)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(let_in) == [False] * 15 + [True]


def test_expired_tokens_are_pruned_and_no_others(store: SeenTokens, time: Time, tmp_path: Path) -> None:
    """What is past its time is deleted; a token that could still be used stays."""
    store.remember(ISS, "short", time.now + 10)
    store.remember(ISS, "long", time.now + 600)
    time.now += 61
    store.prune()
    assert not store.remember(ISS, "long", time.now + 539)
    with sqlite3.connect(tmp_path / "ledger-tokens.db") as database:
        assert database.execute("SELECT count(*) FROM seen_tokens").fetchone() == (1,)
    database.close()


def test_pruning_comes_by_itself(store: SeenTokens, time: Time, tmp_path: Path) -> None:
    """A minute after the last time, a call sets it going, aside."""
    store.remember(ISS, "short", time.now + 10)
    time.now += 61
    store.remember(ISS, "next", time.now + 300)
    for thread in [each for each in threading.enumerate() if each.name == "token-prune"]:
        thread.join(5)
    with sqlite3.connect(tmp_path / "ledger-tokens.db") as database:
        assert database.execute("SELECT count(*) FROM seen_tokens").fetchone() == (1,)
    database.close()


def test_nothing_of_a_token_is_readable(store: SeenTokens, time: Time, tmp_path: Path) -> None:
    """Neither iss nor jti stands in the file, which its owner alone may read."""
    store.remember("https://marked.example.org", "marked-jti", time.now + 300)
    store.close()
    file = tmp_path / "ledger-tokens.db"
    assert file.stat().st_mode & 0o077 == 0
    for each in tmp_path.glob("ledger-tokens.db*"):
        assert b"marked" not in each.read_bytes()


def test_no_call_waits_for_the_disk(store: SeenTokens) -> None:
    """Commits are not synced one by one: write-ahead log, synchronous NORMAL."""
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1


def test_a_lost_store_is_told(store: SeenTokens, time: Time, tmp_path: Path) -> None:
    """When it cannot be known whether a token was seen, that is an error of its own: neither yes nor no."""
    with sqlite3.connect(tmp_path / "ledger-tokens.db") as database:
        database.execute("DROP TABLE seen_tokens")
    database.close()
    for _ in range(2):  # the second is refused at once
        with pytest.raises(ReplayStoreUnavailable):
            store.remember(ISS, "a", time.now + 300)


def test_a_store_that_cannot_be_shared_stops_the_start() -> None:
    """A database in memory would let a token in once for each worker."""
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        SeenTokens("sqlite://")


def test_postgresql_is_asked_the_same() -> None:
    """The one statement of the hot path, as PostgreSQL reads it: an insert that its primary key may refuse quietly."""
    said = str(postgresql.insert(seen_tokens).on_conflict_do_nothing().compile(dialect=postgresql.dialect()))
    assert said.endswith("ON CONFLICT DO NOTHING")
