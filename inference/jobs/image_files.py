"""The files of a job's images: several at once, since each may be a round trip to an S3 store.

Names stand on the job's row (`inputs`, `preview_file`), so nothing here lists a folder. Each
attempt to submit has names of its own: of two submissions of one job, the one that comes too late
deletes its own files and never the other's.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from inference.images import ImageFile

IMAGES, PREVIEWS = "pictures", "previews"
# Shared by all jobs of the process. Local disks would do with fewer, an S3 store needs them.
_transfers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="files")


def store(job_id: uuid.UUID, images: Sequence[ImageFile]) -> tuple[list[str], str]:
    """Save the images and the first one's preview; returns their names, and the preview's or ""."""
    attempt = uuid.uuid4().hex[:12]
    files = {
        f"{IMAGES}/{job_id}-{attempt}-{index}": image.original for index, image in enumerate(images)
    }
    preview = f"{PREVIEWS}/{job_id}-{attempt}.jpg" if images and images[0].preview else ""
    wanted = {**files, preview: images[0].preview} if preview else files
    try:
        _save(wanted)
    except BaseException:
        delete(wanted)
        raise
    return list(files), preview


def _save(files: Mapping[str, bytes]) -> None:
    if len(files) == 1:  # most jobs: no thread to wait for
        [(name, content)] = files.items()
        default_storage.save(name, ContentFile(content))
        return
    saved = [
        _transfers.submit(default_storage.save, name, ContentFile(content))
        for name, content in files.items()
    ]
    for future in saved:
        future.result()


def delete(names: Iterable[str]) -> None:
    """Delete files; those that are gone already do no harm."""
    wanted = [name for name in names if name]
    if len(wanted) == 1:
        default_storage.delete(wanted[0])
        return
    for _ in _transfers.map(default_storage.delete, wanted):
        pass


def job_of(name: str) -> uuid.UUID | None:
    """Whose file this is: names begin with the job's id. None: nobody's."""
    try:
        return uuid.UUID(name.rpartition("/")[2][:36])
    except ValueError:
        return None
