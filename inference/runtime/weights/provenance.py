"""Which commit weights are known to be of, and not only said to be.

`store.fetch` compares every file with the hub's own hash of it at that commit, and records what it
found. Files count as that commit's for as long as they are the recorded ones.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.runtime import cache_files
from inference.runtime.weights.fingerprint import fingerprint, hashes

# Not *.json: `layout.files_read` takes those for the model's.
RECORD = "VERIFIED"
_SHA256_LENGTH = 64
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Listing:
    """A repository's files at a commit, as the hub names them.

    `digests` has those that the hub tells hashes of: SHA-256 of large files, git's blob id of
    others.
    """

    commit: str
    names: frozenset[str]
    digests: Mapping[str, str]

    def matches(self, path: Path, folder: Path) -> bool | None:
        """Whether it is the commit's file of this name; None: the hub tells no hash of it.

        So it is for the configuration of a text tower, which comes from another repository.
        """
        digest = self.digests.get(_name(path, folder))
        if digest is None:
            return None
        return digest == (_sha256(path) if len(digest) == _SHA256_LENGTH else _blob_id(path))


def record(folder: Path, *, repo: str, commit: str, files: Sequence[Path]) -> None:
    """Write down that these files are the commit's; the caller has compared them."""
    content = {
        "repo": repo,
        "commit": commit,
        "sha256": {_name(p, folder): _sha256(p) for p in files},
    }
    (folder / RECORD).write_text(json.dumps(content))


def is_recorded(folder: Path) -> bool:
    return (folder / RECORD).is_file()


def revision_of(repo: str, folder: Path, files: Sequence[Path], cache_dir: Path) -> str:
    """The commit if `fetch` has verified all these files; else `local:` and their fingerprint."""
    found = hashes(files, cache_dir)
    stored = cache_files.read_json(folder / RECORD)
    match stored:
        case {"repo": of, "commit": str(commit), "sha256": dict(verified)} if of == repo:
            if all(verified.get(_name(path, folder)) == digest for path, digest in found.items()):
                return commit
    return local_revision(files, cache_dir)


def local_revision(files: Sequence[Path], cache_dir: Path) -> str:
    """What files are called that are no commit's, or nobody has verified."""
    return f"local:{fingerprint(files, cache_dir)}"


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blob_id(path: Path) -> str:
    # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects: git's name of a file's content.
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
