"""A storage in memory that is slow, breaks on demand, and notes what it was asked."""

import threading
import time
from dataclasses import dataclass
from typing import IO

import pytest
from django.core.files.base import File
from django.core.files.storage import InMemoryStorage, storages
from django.db import connection
from pytest_django import Settings

from tests.fakes.buckets import use_storage


@dataclass(frozen=True)
class Operation:
    """What was asked, in which thread, and whether that thread had a transaction open."""

    verb: str
    name: str
    thread: str
    is_in_transaction: bool


class FakeStorage(InMemoryStorage):
    """To the site it looks like a bucket: no local folder."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        # Verb and the end of a name ("" for any): these raise, after the fact for "save".
        self.broken: set[tuple[str, str]] = set()
        self.operations: list[Operation] = []
        self._one_at_a_time = threading.Lock()

    def breaks(self, verb: str, end_of_name: str = "") -> None:
        self.broken.add((verb, end_of_name))

    def of(self, verb: str) -> list[Operation]:
        return [operation for operation in self.operations if operation.verb == verb]

    @property
    def names(self) -> set[str]:
        return {
            f"{folder}/{name}"
            for folder in InMemoryStorage.listdir(self, "")[0]
            for name in InMemoryStorage.listdir(self, folder)[1]
        }

    def _begin(self, verb: str, name: str) -> None:
        thread = threading.current_thread().name
        self.operations.append(Operation(verb, name, thread, connection.in_atomic_block))
        time.sleep(self.seconds)

    def _end(self, verb: str, name: str) -> None:
        if any(verb == broken and name.endswith(end) for broken, end in self.broken):
            raise OSError(f"{verb} is broken")

    def open(self, name: str, mode: str = "rb") -> "File[bytes]":
        self._begin("open", name)
        self._end("open", name)
        file: File[bytes] = super().open(name, mode)
        return file

    def save(self, name: str | None, content: IO[bytes], max_length: int | None = None) -> str:
        assert name
        self._begin("save", name)
        with self._one_at_a_time:  # Django's storage may lose a folder that two threads make
            saved = super().save(name, content, max_length)
        self._end("save", name)
        return saved

    def delete(self, name: str) -> None:
        self._begin("delete", name)
        self._end("delete", name)
        super().delete(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        self._begin("list", path)
        self._end("list", path)
        folders, files = super().listdir(path)
        return folders, files


@pytest.fixture
def fake_storage(settings: Settings) -> FakeStorage:
    """What the site keeps its images in."""
    use_storage(settings, "tests.fakes.storage.FakeStorage")
    storage = storages["default"]
    assert isinstance(storage, FakeStorage)
    return storage
