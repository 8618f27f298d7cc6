"""What the terminology tests share: the shipped content, loaded once."""

from pathlib import Path

import pytest

from cds_service.routing import Routing, load_routing
from cds_service.terminology import ValueSets, load_value_sets

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def value_sets() -> ValueSets:
    """The shipped value sets."""
    return load_value_sets(ROOT / "fhir_profiles" / "valuesets")


@pytest.fixture(scope="session")
def routing() -> Routing:
    """The shipped routing table."""
    return load_routing(ROOT / "cards" / "routing.yaml")
