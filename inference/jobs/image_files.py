"""The files of a job's images, under names that stand on its row (`inputs`, `preview_file`).

Each attempt to submit has names of its own: of two submissions of one job, the one that comes too
late deletes its own files and never the other's.
"""

import uuid
from collections.abc import Iterable, Sequence

from catalog.infrastructure import storage
from inference.images import ImageFile

IMAGES, PREVIEWS = "pictures", "previews"


def store(job_id: uuid.UUID, images: Sequence[ImageFile]) -> tuple[list[str], str]:
    """Save the images and the first one's preview; returns their names, and the preview's or "".

    Raises storage.StorageUnavailable; then no file stays.
    """
    attempt = uuid.uuid4().hex[:12]
    files = {
        f"{IMAGES}/{job_id}-{attempt}-{index}": image.original for index, image in enumerate(images)
    }
    preview = f"{PREVIEWS}/{job_id}-{attempt}.jpg" if images and images[0].preview else ""
    storage.save({**files, preview: images[0].preview} if preview else files)
    return list(files), preview


def delete(names: Iterable[str]) -> list[str]:
    """As storage.delete; an empty name, of a job without a preview, is no file."""
    return storage.delete(name for name in names if name)


def job_of(name: str) -> uuid.UUID | None:
    """Whose file this is: names begin with the job's id. None: nobody's."""
    try:
        return uuid.UUID(name.rpartition("/")[2][:36])
    except ValueError:
        return None
