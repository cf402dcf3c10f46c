"""A pytest plugin: what the stand-in answers now is written into the kinds' folders `answers`.

python -m pytest -p tests.inference.api.clients.record_answers \
    tests/inference/api/clients/test_answers.py
"""

import pytest

IS_RECORDING = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[IS_RECORDING] = True
