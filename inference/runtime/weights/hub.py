"""Downloads from the Hugging Face hub that survive being interrupted."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2  # huggingface_hub's own HTTP client: it lets the client's errors through
from huggingface_hub import (
    HfApi,
    ModelInfo,
    get_hf_file_metadata,
    get_token,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get

from inference.runtime.errors import HubUnreachable, WeightsUnusable
from inference.runtime.weights.provenance import Listing

_SHA256_LENGTH = 64


@dataclass(frozen=True)
class Source:
    """A repository at one commit.

    Every method raises HubUnreachable if the hub does not answer or breaks off, and
    WeightsUnusable if it does not know the repository or the commit.
    """

    repo: str
    revision: str
    endpoint: str

    def listing(self) -> Listing:
        info = self._info()
        files = info.siblings or []
        digests = {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in files}
        return Listing(
            commit=info.sha or "",
            names=frozenset(digests),
            digests={name: digest for name, digest in digests.items() if digest},
        )

    def commit(self) -> str:
        """The commit that `revision` is now, where that is a branch."""
        return str(self._info().sha)

    def _info(self) -> ModelInfo:
        with self._named_errors():
            # One request without retries, so that a missing connection shows at once.
            return HfApi(endpoint=self.endpoint).model_info(
                self.repo, revision=self.revision, files_metadata=True
            )

    def download_small(self, names: list[str], folder: Path) -> None:
        with self._named_errors():
            snapshot_download(
                self.repo,
                revision=self.revision,
                local_dir=folder,
                allow_patterns=names,
                endpoint=self.endpoint,
            )

    def download_big(self, name: str, folder: Path) -> None:
        """One file, resuming behind the bytes that an earlier call left in `folder`.

        What arrives is checked against the hub's SHA-256; raises WeightsUnusable if it differs.
        """
        # huggingface_hub throws those bytes away since 2.x, which hurts for ten gigabytes. So the
        # file is ours, and only the transfer is the library's.
        url = hf_hub_url(self.repo, name, revision=self.revision, endpoint=self.endpoint)
        with self._named_errors():
            metadata = get_hf_file_metadata(url, endpoint=self.endpoint)
            partial = folder / f"{name}.{metadata.etag}.incomplete"
            with partial.open("ab") as file:
                http_get(
                    url,
                    file,
                    resume_size=file.tell(),
                    headers=_headers(),
                    expected_size=metadata.size,
                    displayed_filename=name,
                )
        self._check(partial, metadata.etag)
        partial.rename(folder / name)

    def _check(self, path: Path, etag: str | None) -> None:
        if etag is None or len(etag) != _SHA256_LENGTH:
            return  # not in large-file storage: only there the ETag is the hash
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == etag:
                return
        path.unlink()
        raise WeightsUnusable(
            f"{path.name} of {self.repo} arrived damaged and was deleted: fetch it again."
        )

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise WeightsUnusable(
                f"{self.endpoint} does not show us {self.repo} at revision {self.revision}: "
                "check both, and set HF_TOKEN if the repository is private or gated."
            ) from error
        except (
            httpx2.TransportError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
            OfflineModeIsEnabled,
        ) as error:
            reason = type(error).__name__
            raise HubUnreachable.at(self.endpoint, repo=self.repo, reason=reason) from error


def _headers() -> dict[str, str]:
    token = get_token()
    return {"authorization": f"Bearer {token}"} if token else {}
