"""Fixtures: each test of a driver has a working directory of its own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty directory: the driver `command` writes there which program runs."""
    monkeypatch.chdir(tmp_path)
