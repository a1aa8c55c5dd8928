"""What every test may rely on: one torch thread, and real data only where it lies."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
# the first call of a compiled kernel takes its time: no test is judged by the clock
settings.register_profile("polyrec", deadline=None)
settings.load_profile("polyrec")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real logs; tests that need it are skipped where it is absent."""
    here = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("POLYREC_DATA", here / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set POLYREC_DATA")
    return folder
