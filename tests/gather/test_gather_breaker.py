"""The circuit breaker: opens after five dead waves, rests, lets one call try, and closes on an answer."""

import pytest

from cds_service.gather.breaker import Breaker


class Hands:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def turns() -> list[str]:
    """Every state the breaker told of."""
    return []


@pytest.fixture
def hands() -> Hands:
    """The clock of the breaker."""
    return Hands()


@pytest.fixture
def breaker(hands: Hands, turns: list[str]) -> Breaker:
    """A breaker of five failures and ten seconds."""
    return Breaker(failures=5, rest=10, clock=hands, on_change=turns.append)


def test_it_opens_after_failures_in_a_row_alone(breaker: Breaker, turns: list[str]) -> None:
    """Four failures and an answer, over and over, leave it closed; the fifth in a row opens it."""
    for _ in range(3):
        for _ in range(4):
            breaker.failed()
        breaker.answered()
    assert breaker.admits()
    for _ in range(5):
        assert breaker.admits()
        breaker.failed()
    assert not breaker.admits()
    assert turns == ["open"]


def test_one_call_tries_after_the_rest(breaker: Breaker, hands: Hands, turns: list[str]) -> None:
    """Half-open lets one through; its failure opens again for a full rest, its answer closes."""
    for _ in range(5):
        breaker.failed()
    hands.now += 9.9
    assert not breaker.admits()
    hands.now += 0.2
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.failed()
    hands.now += 9.9
    assert not breaker.admits()
    hands.now += 0.2
    assert breaker.admits()
    breaker.answered()
    assert all(breaker.admits() for _ in range(3))
    assert turns == ["open", "half-open", "open", "half-open", "closed"]


def test_a_lost_probe_is_replaced(breaker: Breaker, hands: Hands) -> None:
    """A probe that never reports does not keep a server out for ever."""
    for _ in range(5):
        breaker.failed()
    hands.now += 11
    assert breaker.admits()
    hands.now += 11
    assert breaker.admits()
