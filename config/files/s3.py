"""An S3 bucket as Django's storage: django-storages' backend, set up for many small private files.

Loaded only where AWS_STORAGE_BUCKET_NAME is set (the extra `s3` of pyproject.toml).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from storages.backends.s3 import S3Storage

# A bucket that hangs holds a web thread for about 15 s, two attempts; botocore's own defaults are
# five attempts of up to two minutes each.
CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 5
ATTEMPTS = 2
# As many as there are threads that touch storage: its own 16, the API's, and some of pages.
CONNECTIONS = 32
LARGEST_BYTES = 128 * 1024 * 1024
# S3 spells it one way in answers with a body, another in answers to HEAD.
MISSING = {"NoSuchKey", "404"}


class Bucket(S3Storage):  # type: ignore[misc]  # it has no types
    """Raises what Django's FileSystemStorage does: FileNotFoundError, or another OSError."""

    def get_default_settings(self) -> dict[str, Any]:
        return {
            **super().get_default_settings(),
            # No ACL: objects of a bucket are private, and new buckets refuse ACLs.
            "default_acl": None,
            # Names are unique (inference.jobs.image_files); asking first whether there is such a
            # file would be a second round trip.
            "file_overwrite": True,
            # Files are sent in our own threads; boto3 would start ten for each. In one request
            # each, the largest being what inference.outbound hands over.
            "transfer_config": TransferConfig(use_threads=False, multipart_threshold=LARGEST_BYTES),
        }

    def __init__(self, **options: Any) -> None:
        is_amazon = not options.get("endpoint_url")
        super().__init__(**{"client_config": _client_config(is_amazon=is_amazon)} | options)

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        # One request; S3File asks for the object's size first, and writes a temporary file.
        with _os_errors(name):
            answer = self.bucket.Object(self._normalize_name(name)).get()
            return ContentFile(answer["Body"].read(), name)

    def _save(self, name: str, content: "File[bytes]") -> str:
        with _os_errors(name):
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with _os_errors(name):
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _os_errors(name):
            return bool(super().exists(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _os_errors(path):
            folders, files = super().listdir(path)
            return folders, files

    def get_modified_time(self, name: str) -> datetime:
        with _os_errors(name):
            time: datetime = super().get_modified_time(name)
            return time


def _client_config(*, is_amazon: bool) -> Config:
    options: dict[str, object] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
        "max_pool_connections": CONNECTIONS,
    }
    if not is_amazon:
        # Others answer at ENDPOINT/BUCKET, not at BUCKET.ENDPOINT, and not all of them know the
        # checksums that botocore has added to each upload since 1.36.
        options |= {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    return Config(**options)


@contextmanager
def _os_errors(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"].get("Code") in MISSING:
            raise FileNotFoundError(f"no such object: {name}") from error
        raise OSError(f"S3 refused {name}: {error}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise OSError(f"S3 away at {name}: {error}") from error
