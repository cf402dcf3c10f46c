"""Local files, a bucket and a storage that breaks: the same verbs, the same errors."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.utils import timezone
from pytest_django import Settings

from catalog.infrastructure import storage
from catalog.infrastructure.storage import StorageUnavailable
from config.files import s3
from tests.fakes.buckets import Bucket, use_storage
from tests.fakes.storage import FakeStorage

TWO = {"pictures/a": b"cat", "previews/b.jpg": b"dog"}


@pytest.fixture(params=["folder", "bucket", "fake_storage"])
def any_storage(request: pytest.FixtureRequest) -> None:
    """Each storage that the site may have; local files are every test's default."""
    if request.param != "folder":
        request.getfixturevalue(request.param)


@pytest.mark.usefixtures("any_storage")
def test_what_is_saved_can_be_read_listed_and_deleted() -> None:
    storage.save(TWO)

    assert [storage.read(name) for name in TWO] == list(TWO.values())
    assert storage.names_in("pictures") == ["pictures/a"]
    assert storage.delete(TWO) == list(TWO)
    assert storage.names_in("pictures") == storage.names_in("previews") == []


@pytest.mark.usefixtures("any_storage")
def test_a_file_that_is_gone_is_no_failure_of_the_storage() -> None:
    with pytest.raises(FileNotFoundError):
        storage.read("pictures/none")

    assert storage.delete(["pictures/none"]) == ["pictures/none"]
    assert not storage.is_older("pictures/none", timezone.now())
    assert storage.names_in("no-such-folder") == []


@pytest.mark.usefixtures("any_storage")
def test_age_is_by_the_storages_clock() -> None:
    storage.save(TWO)
    hour = timedelta(hours=1)

    assert storage.is_older("pictures/a", timezone.now() + hour)
    assert not storage.is_older("pictures/a", timezone.now() - hour)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_files_are_saved_all_or_none(fake_storage: FakeStorage, count: int) -> None:
    fake_storage.breaks("save", f"-{count - 1}")

    with pytest.raises(StorageUnavailable, match="save is broken"):
        storage.save({f"pictures/x-{index}": b"x" for index in range(count)})

    assert fake_storage.names == set()


def test_a_disk_that_fails_in_between_keeps_nothing(settings: Settings, tmp_path: Path) -> None:
    use_storage(settings, "django.core.files.storage.FileSystemStorage", location=tmp_path)
    storage.save({"pictures": b"a file where the folder should be"})

    with pytest.raises(StorageUnavailable):
        storage.save({"a": b"cat", "pictures/b": b"dog"})

    assert storage.names_in(".") == ["./pictures"]


def test_what_cannot_be_deleted_is_logged_and_the_rest_goes(
    fake_storage: FakeStorage, caplog: pytest.LogCaptureFixture
) -> None:
    storage.save(TWO)
    fake_storage.breaks("delete", "a")

    assert storage.delete(TWO) == ["previews/b.jpg"]

    assert fake_storage.names == {"pictures/a"}
    assert "file not deleted file=pictures/a" in caplog.text


def test_several_files_go_to_a_bucket_at_once_and_one_without_a_thread(
    fake_storage: FakeStorage,
) -> None:
    storage.save({"pictures/a": b"cat"})
    storage.save(TWO)

    first, *others = [operation.thread for operation in fake_storage.of("save")]
    assert first == threading.current_thread().name
    assert all(thread.startswith("files") for thread in others)


def test_local_files_are_written_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handing a small file to a thread takes longer than writing it."""
    threads: list[threading.Thread] = []
    save = FileSystemStorage.save

    def noting(self: FileSystemStorage, *arguments: object) -> str:
        threads.append(threading.current_thread())
        return save(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FileSystemStorage, "save", noting)

    storage.save(TWO)

    assert set(threads) == {threading.current_thread()}


# --- a bucket ---------------------------------------------------------------------------------


def test_a_file_takes_one_request_each_way(bucket: Bucket) -> None:
    requests: list[str] = []
    ours = s3.Bucket(**bucket.options)
    ours.connection.meta.client.meta.events.register(
        "before-call.s3", lambda model, **_: requests.append(model.name)
    )

    ours.save("pictures/a", ContentFile(b"x" * 20_000_000))
    ours.open("pictures/a").read()

    assert requests == ["PutObject", "GetObject"]


def test_objects_are_private(bucket: Bucket) -> None:
    storage.save(TWO)

    grants = bucket.client.get_object_acl(Bucket=bucket.name, Key="pictures/a")["Grants"]

    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_a_bucket_that_is_not_there_is_a_failure(bucket: Bucket, settings: Settings) -> None:
    use_storage(settings, "config.files.s3.Bucket", **bucket.options | {"bucket_name": "other"})

    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        storage.save(TWO)
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        storage.read("pictures/a")


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_bucket_that_hangs_is_given_up(
    silent_endpoint: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (s3.CONNECT_TIMEOUT_S + s3.READ_TIMEOUT_S) * s3.ATTEMPTS < 20
    monkeypatch.setattr(s3, "READ_TIMEOUT_S", 0.1)
    options = {"bucket_name": "images", "access_key": "test", "secret_key": "test"}
    use_storage(settings, "config.files.s3.Bucket", endpoint_url=silent_endpoint, **options)

    with pytest.raises(StorageUnavailable, match="timeout"):
        storage.save({"pictures/a": b"cat"})
    with pytest.raises(StorageUnavailable, match="timeout"):
        storage.read("pictures/a")
    assert storage.delete(["pictures/a"]) == []


# --- settings ---------------------------------------------------------------------------------

TRY = """
import django; django.setup()
from catalog.infrastructure import storage
storage.save({"pictures/a": b"cat"})
print(storage.read("pictures/a"))
"""


def run_with(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """A process that reads its settings from these variables, as one of the site does."""
    return subprocess.run(
        [sys.executable, "-c", TRY],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"} | environment,
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )


def documented() -> dict[str, str]:
    """The variables of docs/scaling.md."""
    text = (django_settings.BASE_DIR / "docs" / "scaling.md").read_text()
    [section] = re.findall(r"^## Images on S3\n(.*?)^## ", text, re.M | re.S)
    return dict(re.findall(r"^(AWS_\w+)=(\S+)$", section, re.M))


def test_the_documented_variables_name_a_bucket(bucket: Bucket) -> None:
    variables = documented()
    assert len(variables) == 5
    variables |= {"AWS_STORAGE_BUCKET_NAME": bucket.name, "AWS_S3_ENDPOINT_URL": bucket.endpoint}

    done = run_with(variables)

    assert (done.stdout, done.returncode) == ("b'cat'\n", 0), done.stderr
    assert bucket.keys == {"pictures/a"}


def test_without_a_bucket_files_are_below_the_data_folder(tmp_path: Path) -> None:
    done = run_with({"AWS_STORAGE_BUCKET_NAME": "", "DATA_DIR": str(tmp_path)})

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "media" / "pictures" / "a").exists()
