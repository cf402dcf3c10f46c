"""Whether this process can read what the site keeps in its storage.

Whoever stores images leaves a file beside them (`leave_marker`). A process that finds a job's image
missing, and this file, too, looks at another folder than the site does: a disk that is not mounted,
say. Without it nothing is wrong by itself: a new site has stored nothing yet.
"""

import logging
import time

from catalog.infrastructure import storage
from catalog.infrastructure.storage import StorageUnavailable

log = logging.getLogger(__name__)

MARKER = "probe/marker"
CONTENT = b"The workers of gigarouter look for this file.\n"
LEAVE_EVERY_S = 60.0


class Marker:
    """What one process knows of having left it: `left_s`, of time.monotonic, or never."""

    def __init__(self, left_s: float | None = None) -> None:
        self._left_s = left_s

    def leave(self) -> None:
        """At most once in LEAVE_EVERY_S. Raises StorageUnavailable."""
        now_s = time.monotonic()
        if self._left_s is not None and now_s - self._left_s < LEAVE_EVERY_S:
            return
        if not is_marked():
            storage.save({MARKER: CONTENT})
        self._left_s = now_s


leave_marker = Marker().leave


def is_marked() -> bool:
    """Raises StorageUnavailable."""
    try:
        storage.read(MARKER)
    except FileNotFoundError:
        return False
    return True


class Probe:
    """Of a process that reads: `trouble` says why it cannot, and is empty while it can.

    Any thread may use it; the last look counts.
    """

    def __init__(self) -> None:
        self.trouble = ""
        self._misses_files = False

    def note_unread(self, error: Exception) -> None:
        """An image of a job could not be read: look at once, and say in the log what it was."""
        log.error("image storage failed error=%r", error)
        self._misses_files = self._misses_files or isinstance(error, FileNotFoundError)
        self.look()

    def look(self) -> bool:
        """Whether the storage can be read now."""
        try:
            is_other_folder = not is_marked() and self._misses_files
        except StorageUnavailable as error:
            self._set(str(error))
        else:
            self._set("the site's files are not there: is the disk mounted?" * is_other_folder)
        return not self.trouble

    def _set(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.error("image storage cannot be read reason=%s", trouble)
        if not trouble:
            self._misses_files = False
            if self.trouble:
                log.info("image storage can be read again")
        self.trouble = trouble
