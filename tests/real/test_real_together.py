"""Several machines on one PostgreSQL: started at once on an empty one, with one store of tokens for all workers."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import requests
from parts.issuers import Issuer, clients_file, issuer
from parts.postgresql import Server
from parts.processes import Served, served

from cds_service.auth import SeenTokens
from cds_service.errors import ReplayStoreUnavailable
from cds_service.ledger import Keyring, open_ledger
from cds_service.unmatched import UnmatchedOrders

BASE = "https://cds.hospital.example"
PATH = "/cds-services/second-read"
AT_ONCE, ROUNDS = 8, 5


def _ledger(url: str) -> None:
    open_ledger(url, Keyring(b"a key of the test site, 32 bytes")).close()


def _tokens(url: str) -> None:
    SeenTokens(url).close()


def _orders(url: str) -> None:
    orders = UnmatchedOrders(url, lambda: datetime.now(UTC))
    orders.count([("urn:codes", "1")])
    assert orders.write(), "its table could not be made"
    orders.close()


@pytest.mark.parametrize("opened", [_ledger, _tokens, _orders])
def test_tables_that_many_make_at_once_are_made_once(opened: Callable[[str], None], postgresql: Server) -> None:
    """On an empty database the ledger, the store of tokens and the counts of codes open for all who come together."""
    for _ in range(ROUNDS):
        url, start = postgresql.new_database(), threading.Barrier(AT_ONCE)

        def together(url: str = url, start: threading.Barrier = start) -> None:
            start.wait(10)
            opened(url)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            for each in [threads.submit(together) for _ in range(AT_ONCE)]:
                each.result(30)


@pytest.fixture(scope="module")
def database(postgresql: Server) -> str:
    """An empty database."""
    return postgresql.new_database()


@pytest.fixture(scope="module")
def machines(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Served], Issuer]]:
    """Two machines of two workers each, started at the same moment on that database, and a caller of theirs."""
    caller, folder = issuer("ES384"), tmp_path_factory.mktemp("together")
    shared = {
        "AUTH": "jwt",
        "CLIENTS_FILE": str(clients_file(folder, [caller])),
        "PUBLIC_URLS": BASE,
        "DATABASE_URL": database.replace("postgresql+psycopg://", "postgresql://"),  # as docs/settings.md writes it
        "LEDGER_KEY_FILE": str(folder / "ledger.key"),
        "WORKERS": "2",
    }
    with ExitStack() as running, ThreadPoolExecutor(2) as threads:
        starts = [threads.submit(running.enter_context, served(folder / name, **shared)) for name in ("one", "two")]
        yield [each.result(60) for each in starts], caller


def test_a_token_opens_one_call_of_any_machine(machines: tuple[list[Served], Issuer]) -> None:
    """Sent to both machines many times at once, each token is taken once, whichever worker receives it."""
    services, caller = machines
    for _ in range(5):
        bearer = {"Authorization": f"Bearer {caller.token(BASE + PATH)}"}

        def call(number: int, bearer: dict[str, str] = bearer) -> int:
            url = services[number % 2].url + PATH
            return requests.post(url, json={}, headers=bearer, timeout=10).status_code

        with ThreadPoolExecutor(8) as threads:
            assert Counter(threads.map(call, range(16))) == {400: 1, 401: 15}  # 400: let in, and the call is empty


def test_neither_machine_restarted_to_start(machines: tuple[list[Served], Issuer], database: str) -> None:
    """Both say what they serve and nothing of a failure; the tables stand in the database."""
    services, _ = machines
    for each in services:
        assert requests.get(f"{each.url}/readyz", timeout=5).status_code == 200
        assert "Traceback" not in each.log.read_text()
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        tables = {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert {"seen_tokens", "calls", "alembic_version"} <= tables


@pytest.fixture
def clock() -> dict[str, float]:
    """Seconds since the epoch, moved by hand."""
    return {"now": 1_795_000_000.0}


@pytest.fixture
def store(postgresql: Server, clock: dict[str, float]) -> Iterator[tuple[SeenTokens, Callable[[str], list[Any]]]]:
    """A store on PostgreSQL, and how to ask its database."""
    url = postgresql.new_database()
    made = SeenTokens(url, now=lambda: clock["now"])
    with psycopg.connect(postgresql.plain(url), autocommit=True) as connection:

        def ask(statement: str) -> list[Any]:
            answer = connection.execute(statement)  # type: ignore[call-overload]
            return answer.fetchall() if answer.description else []

        yield made, ask
    made.close()


def test_expired_tokens_are_pruned_and_no_others(store: Any, clock: dict[str, float]) -> None:
    """What is past its `exp` is forgotten, what still lives is not, and nothing of it can be read."""
    seen, ask = store
    assert seen.remember("https://ehr", "short", clock["now"] + 10)
    assert seen.remember("https://ehr", "long", clock["now"] + 600)
    clock["now"] += 60
    seen.prune()
    ((digest, until),) = ask("SELECT digest, until FROM seen_tokens")
    assert until == int(clock["now"] + 540) + 1
    assert "long" not in digest
    assert not seen.remember("https://ehr", "long", clock["now"] + 540)


def test_a_lost_or_stuck_store_is_told(store: Any, clock: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is locked or gone is neither yes nor no: the call is refused, soon; and it comes back by itself."""
    seen, ask = store
    monkeypatch.setattr("cds_service.auth.replay.REST_SECONDS", 0.0)
    ask("BEGIN")
    ask("LOCK TABLE seen_tokens")
    began = datetime.now(UTC)
    with pytest.raises(ReplayStoreUnavailable):
        seen.remember("https://ehr", "a", clock["now"] + 300)
    assert (datetime.now(UTC) - began).total_seconds() < 2
    ask("ROLLBACK")
    assert seen.remember("https://ehr", "a", clock["now"] + 300)
    ask("DROP TABLE seen_tokens")
    with pytest.raises(ReplayStoreUnavailable):
        seen.remember("https://ehr", "b", clock["now"] + 300)
