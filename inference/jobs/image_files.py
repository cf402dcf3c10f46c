"""The files of a job's images, under names that stand on its row (`inputs`, `preview_file`).

Each attempt to submit has names of its own: of two submissions of one job, the one that comes too
late deletes its own files and never the other's. So has each attempt to run it.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence

from catalog.infrastructure import storage, storage_probe
from inference.images import ImageFile

IMAGES, PREVIEWS = "pictures", "previews"


def store(job_id: uuid.UUID, images: Sequence[ImageFile]) -> list[str]:
    """Save the images; returns their names.

    Raises storage.StorageUnavailable; then no file stays.
    """
    storage_probe.leave_marker()
    attempt = _attempt()
    files = {
        f"{IMAGES}/{job_id}-{attempt}-{index}": image.original for index, image in enumerate(images)
    }
    storage.save(files)
    return list(files)


def store_previews(previews: Mapping[uuid.UUID, bytes]) -> dict[uuid.UUID, str]:
    """Save what a page shows of a job, by the job's id; returns their names.

    Raises storage.StorageUnavailable; then no file stays.
    """
    names = {job_id: f"{PREVIEWS}/{job_id}-{_attempt()}.jpg" for job_id in previews}
    storage.save({name: previews[job_id] for job_id, name in names.items()})
    return names


def _attempt() -> str:
    return uuid.uuid4().hex[:12]


def delete(names: Iterable[str]) -> list[str]:
    """As storage.delete; an empty name, of a job without a preview, is no file."""
    return storage.delete(name for name in names if name)


def job_of(name: str) -> uuid.UUID | None:
    """Whose file this is: names begin with the job's id. None: nobody's."""
    try:
        return uuid.UUID(name.rpartition("/")[2][:36])
    except ValueError:
        return None
