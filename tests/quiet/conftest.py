"""A background cohort by clinosim (a generator nobody here wrote), and a service at which orders are signed for it."""

from collections.abc import Callable, Iterator

import pytest
from parts.cohort import AS_OF, Person, Resource, people

from cds_service.app import create_app
from cds_service.config import Settings
from cds_service.ledger import Keyring, open_ledger


@pytest.fixture(scope="session")
def cohort() -> list[Person]:
    """Everyone of the generated population who has a record."""
    return people()


@pytest.fixture(scope="session")
def sign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Person, Resource], list[Resource]]]:
    """Sign an order for a person at the service; returns the cards. The rules are as their files say."""
    folder = tmp_path_factory.mktemp("quiet")
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", Keyring(b"k" * 32), clock=lambda: AS_OF)
    settings = Settings(
        auth="off", rules_mode="as-files", deadline_ms=10_000, cards_per_clinician=0, cards_per_encounter=0
    )
    app = create_app(settings, ledger=ledger, clock=lambda: AS_OF)
    client = app.test_client()

    def signed(person: Person, order: Resource) -> list[Resource]:
        answer = client.post("/cds-services/second-read", json=person.signs(order))
        assert answer.status_code == 200, answer.get_data(as_text=True)[:2000]
        cards: list[Resource] = answer.get_json()["cards"]
        return cards

    yield signed
    ledger.close()
