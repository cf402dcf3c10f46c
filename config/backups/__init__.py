"""Backups of the database and the pictures, and the proof that one can be restored.

    folder = backups.make(Path("/var/backups/gigarouter"))      # .../20261130T032000Z
    backups.check(folder)                                       # restores it elsewhere, and adds up

A backup is a folder: `database.dump` (pg_dump's custom format), `media.tar` (unless pictures are in
a bucket) and `manifest.json`, which is written last and names the checksums of both.
"""

from config.backups.checking import CheckFailed, check
from config.backups.making import BackupFailed, complete, make, remove_old

__all__ = ["BackupFailed", "CheckFailed", "check", "complete", "make", "remove_old"]
