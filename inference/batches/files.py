"""Files in chunks of whole lines: stored, read and deleted.

FileRefused     root; `code` is the API's, `str(error)` a sentence for people
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.models import User
from catalog.infrastructure import storage
from catalog.infrastructure.retention import Retention
from inference.models import ApiFile, ApiFileQuerySet, FileChunk, FilePurpose

FOLDER = "files"
# A chunk is what one step has in memory, and what one hold of credit is for.
LINES_PER_CHUNK = 100
BYTES_PER_CHUNK = 1024 * 1024
# Inputs make the answers long, whatever the lines are: a vector takes ten kilobytes. Lists are not
# read here, but what separates their members can be counted.
MARKS_PER_CHUNK = 1500
MARKS = (b'",', b"},", b"],")
# Images that have to be fetched for a chunk lie in storage together, up to 10 MB each.
URLS_PER_CHUNK = 32
URL_MARK = b"http"


class FileRefused(Exception):
    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Piece:
    """Some whole lines; `line_count` is without blank ones."""

    text: bytes
    line_count: int


def store(owner: User, *, name: str, content: BinaryIO, kept_for: timedelta) -> ApiFile:
    """Keep an uploaded file, line by line; raises FileRefused and storage.StorageUnavailable.

    Then nothing of it stays. `content` is read from where it stands to its end.
    """
    file = ApiFile(owner=owner, name=name, purpose=FilePurpose.INPUT)
    chunks: list[FileChunk] = []
    try:
        for piece in split(content):
            chunks.append(save_chunk(file.pk, len(chunks), piece))
        _insert(file, chunks, kept_for)
    except BaseException:
        storage.delete(chunk.stored_as for chunk in chunks)
        raise
    return file


def split(content: BinaryIO) -> Iterator[Piece]:
    """Chunks of whole lines, as they stand in the file; raises FileRefused."""
    size = total_lines = 0
    chunk = _Growing()
    max_bytes = int(settings.API_MAX_BODY_BYTES)
    while line := content.readline(max_bytes + 1):
        size += len(line)
        total_lines += bool(line.strip())
        if len(line) > max_bytes:
            raise FileRefused(
                f"A line is longer than {max_bytes // 2**20} MB, the most that a request may have.",
                code="line_too_long",
            )
        _check_size(size, total_lines)
        if chunk.is_full_with(line):
            yield chunk.piece
            chunk = _Growing()
        chunk.add(line)
    if not total_lines:
        raise FileRefused("The file has no lines.", code="empty_file")
    yield chunk.piece


def _check_size(size: int, line_count: int) -> None:
    if size > settings.BATCH_FILE_BYTES:
        raise too_large()
    if line_count > settings.BATCH_LINES:
        raise FileRefused(
            f"The file has more than {settings.BATCH_LINES:,} lines. Split it into several files.",
            code="too_many_lines",
        )


def too_large() -> FileRefused:
    return FileRefused(
        f"The file is larger than {settings.BATCH_FILE_BYTES // 2**20} MB. Split it into several"
        " files, or name images by URL.",
        code="file_too_large",
    )


class _Growing:
    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.size = self.marks = self.urls = self.line_count = 0

    @property
    def piece(self) -> Piece:
        return Piece(b"".join(self.lines), self.line_count)

    def is_full_with(self, line: bytes) -> bool:
        return self.line_count > 0 and (
            self.line_count >= LINES_PER_CHUNK
            or self.size + len(line) > BYTES_PER_CHUNK
            or self.marks + _marks_of(line) > MARKS_PER_CHUNK
            or self.urls + line.count(URL_MARK) > URLS_PER_CHUNK
        )

    def add(self, line: bytes) -> None:
        self.lines.append(line)
        self.size += len(line)
        self.marks += _marks_of(line)
        self.urls += line.count(URL_MARK)
        self.line_count += bool(line.strip())


def _marks_of(line: bytes) -> int:
    return sum(map(line.count, MARKS))


def save_chunk(file_id: uuid.UUID, number: int, piece: Piece) -> FileChunk:
    """Store it; the row is not saved. Raises storage.StorageUnavailable."""
    # Of two steps that write the same chunk, the one that comes too late deletes its own.
    stored_as = f"{FOLDER}/{file_id}-{number:05}-{uuid.uuid4().hex[:12]}"
    storage.save({stored_as: piece.text})
    return FileChunk(
        file_id=file_id,
        number=number,
        stored_as=stored_as,
        size_bytes=len(piece.text),
        line_count=piece.line_count,
    )


@transaction.atomic
def _insert(file: ApiFile, chunks: list[FileChunk], kept_for: timedelta) -> None:
    """Of two uploads of an account that would fill its space together, the later one is refused."""
    User.objects.select_for_update(no_key=True).get(pk=file.owner_id)
    file.size_bytes = sum(chunk.size_bytes for chunk in chunks)
    file.line_count = sum(chunk.line_count for chunk in chunks)
    check_space(file.owner_id, file.size_bytes)
    file.expires_at = Now() + kept_for
    file.save(force_insert=True)
    FileChunk.objects.bulk_create(chunks)
    file.refresh_from_db(fields=["created_at", "expires_at"])


def check_space(owner_id: int, more_bytes: int) -> None:
    """Raises FileRefused where an account's files would be more than it may keep."""
    if space_left(owner_id) < more_bytes:
        raise FileRefused(
            f"Your files would be more than {settings.BATCH_STORED_BYTES // 2**20:,} MB together."
            " Delete some that you no longer need.",
            code="storage_full",
        )


def space_left(owner_id: int) -> int:
    """Bytes; negative once results have taken more than there was."""
    return int(settings.BATCH_STORED_BYTES) - ApiFile.objects.of(owner_id).total_bytes()


def append(file: ApiFile, chunk: FileChunk) -> None:
    """Add a chunk that is stored; part of the caller's transaction."""
    chunk.file_id = file.pk
    chunk.save(force_insert=True)
    ApiFile.objects.filter(pk=file.pk).update(
        size_bytes=F("size_bytes") + chunk.size_bytes, line_count=F("line_count") + chunk.line_count
    )


def read(file: ApiFile) -> Iterator[bytes]:
    """Its content, a chunk at a time; raises as storage.read."""
    for stored_as in chunk_names(file):
        yield storage.read(stored_as)


def chunk_names(file: ApiFile) -> list[str]:
    return list(file.chunks.order_by("number").values_list("stored_as", flat=True))


def delete(files: ApiFileQuerySet) -> int:
    """Delete rows and what is stored, unless a batch needs it; how many there were."""
    with transaction.atomic():
        # First the locks, then a look of its own: a batch that was just made holds the same lock.
        locked = list(files.select_for_update(of=("self",)).values_list("pk", flat=True))
        rows = list(ApiFile.objects.filter(pk__in=locked).unused())
        _delete_stored(rows)
        ApiFile.objects.filter(pk__in=[file.pk for file in rows]).delete()
    return len(rows)


def _delete_stored(rows: Iterable[object]) -> None:
    names = FileChunk.objects.filter(file__in=list(rows)).values_list("stored_as", flat=True)
    # Not before the rows are gone: a rolled back deletion would leave a file without content. What
    # a crash leaves here is found by the hourly look for orphans.
    stored = list(names)
    transaction.on_commit(lambda: storage.delete(stored))


@transaction.atomic
def delete_some(files: ApiFileQuerySet, limit: int) -> int:
    """As `delete`, whether or not a batch needs them; for the erasure of a person."""
    rows = list(files.order_by("pk")[:limit])
    _delete_stored(rows)
    ApiFile.objects.filter(pk__in=[file.pk for file in rows]).delete()
    return len(rows)


RETENTION = Retention(
    "files", lambda: ApiFile.objects.unused(), "expires_at", before=_delete_stored
)
