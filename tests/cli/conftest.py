"""One small run of each of two models, shared by the tests that only read it."""

from pathlib import Path

import pytest
from tests.experiment.orders import train


@pytest.fixture(scope="session")
def dr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ComiRec-DR."""
    return train(tmp_path_factory.mktemp("dr"))


@pytest.fixture(scope="session")
def sa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ComiRec-SA on the same data."""
    return train(tmp_path_factory.mktemp("sa"), variant="sa")
