"""The fixture by which tests of other rooms judge the orders that cards create."""

from collections.abc import Callable
from typing import Any

import pytest
from profiles import validity


@pytest.fixture(scope="session")
def assert_valid_second_read_order() -> Callable[[dict[str, Any]], None]:
    """Fails with every fault of a second-read ServiceRequest."""
    return validity.assert_valid_second_read_order
