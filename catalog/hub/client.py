"""Asks the Hugging Face hub about models, and names what can go wrong.

HubError
├── Unavailable         nobody there, too slow, too busy, or failing
├── NotShown            the hub does not show us this model
└── Garbled             the answer makes no sense
    └── TooLong         more bytes than were agreed to
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx2  # huggingface_hub's own HTTP client: it lets the client's errors through
from django.conf import settings
from huggingface_hub import HfApi, ModelInfo, get_token, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from catalog.hub.metadata import Figures, figures_of

TRIES = 3
UNSTATED_WAIT_S = 5


class HubError(Exception):
    """Nothing was learned of this model; the message says why."""


class Unavailable(HubError):
    """The hub cannot be asked now, neither for this model nor, most likely, for the next."""


class NotShown(HubError):
    """The hub does not know this model, or does not show it to us."""


class Garbled(HubError):
    """The hub's answer is not one that we can read."""


class TooLong(Garbled):
    """A file is longer than the caller would read."""


class _Busy(Unavailable):
    """429: the hub wants us to come back later."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True)
class Hub:
    """A hub at an address, and how patient we are with it.

    `endpoint` None is the hub's own address. `timeout_s` is for each step of a request: connecting,
    and every wait for bytes. `most_wait_s` is the longest wait that the hub may ask of us.
    """

    endpoint: str | None = None
    timeout_s: float = 10
    most_wait_s: float = 60

    @classmethod
    def from_settings(cls, *, timeout_s: float, most_wait_s: float = 60) -> "Hub":
        return cls(settings.HF_ENDPOINT or None, timeout_s=timeout_s, most_wait_s=most_wait_s)

    @property
    def address(self) -> str:
        return HfApi(endpoint=self.endpoint).endpoint

    def figures(self, repo: str) -> Figures:
        """Ask for one model, again after a wait if the hub is busy. Raises HubError."""
        for _ in range(TRIES - 1):
            try:
                return self._figures(repo)
            except _Busy as busy:
                if busy.after_s > self.most_wait_s:
                    raise
                time.sleep(busy.after_s)
        return self._figures(repo)

    def _figures(self, repo: str) -> Figures:
        # What `expand` names is all that the answer holds.
        facts = ["cardData", "createdAt", "downloads", "lastModified", "likes", "sha"]
        with _named_errors(repo):
            info = self._model_info(repo, expand=facts)
            if str(info.id).casefold() != repo.casefold():
                raise NotShown(f"the hub calls {repo} by another name now: {info.id!s:.200}")
            return figures_of(info)

    def model_info(self, repo: str) -> ModelInfo:
        """All that the hub says of a model, with the sizes of its files. Raises HubError."""
        with _named_errors(repo):
            return self._model_info(repo, files_metadata=True)

    def _model_info(self, repo: str, **options: Any) -> ModelInfo:
        api = HfApi(endpoint=self.endpoint)
        return api.model_info(repo, timeout=self.timeout_s, **options)

    def json_file(
        self, repo: str, name: str, *, revision: str | None, most_bytes: int
    ) -> Mapping[str, Any]:
        with _named_errors(repo):
            document = json.loads(self._file(repo, name, revision=revision, most_bytes=most_bytes))
            if not isinstance(document, Mapping):
                raise ValueError(f"{name} holds no JSON object")
            return document

    def _file(self, repo: str, name: str, *, revision: str | None, most_bytes: int) -> bytes:
        url = hf_hub_url(repo, name, revision=revision, endpoint=self.endpoint)
        token = get_token()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = bytearray()
        with httpx2.stream(
            "GET", url, headers=headers, timeout=self.timeout_s, follow_redirects=True
        ) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > most_bytes:
                    raise TooLong(f"{name} of {repo} has more than {most_bytes:,} bytes")
        return bytes(body)


@contextmanager
def _named_errors(repo: str) -> Iterator[None]:
    try:
        yield
    except GatedRepoError as error:
        raise NotShown(f"{repo} is gated: set HF_TOKEN") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise NotShown(f"the hub does not show us {repo}") from error
    except HfHubHTTPError as error:
        raise _refusal(repo, error.response) from error
    except httpx2.HTTPStatusError as error:
        raise _refusal_of_file(repo, error.response) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OfflineModeIsEnabled) as error:
        raise Unavailable(f"the hub cannot be reached ({type(error).__name__})") from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Garbled(f"the hub's answer for {repo} makes no sense ({error!r:.80})") from error


def _refusal(repo: str, response: httpx2.Response) -> HubError:
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _Busy("the hub is busy (429)", after_s=_seconds_to_wait(response.headers))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"the hub is failing ({status})")
    return NotShown(f"the hub does not show us {repo} ({status})")


def _refusal_of_file(repo: str, response: httpx2.Response) -> HubError:
    refusal = _refusal(repo, response)
    if isinstance(refusal, NotShown):
        # Garbled, since it has just shown us the model: to ask again would bring the same.
        return Garbled(f"the hub keeps back a file that it lists of {repo}")
    return refusal


def _seconds_to_wait(headers: httpx2.Headers) -> float:
    """Retry-After in either of its forms, or else the hub's own header; a few seconds if unstated.

    The hub's own is `RateLimit: "api";r=0;t=55` (an IETF draft): t seconds until it is reset.
    """
    retry_after = headers.get("retry-after", "")
    if retry_after.isdecimal():
        return float(retry_after)
    if retry_after:
        try:
            until = parsedate_to_datetime(retry_after)
        except ValueError:
            return UNSTATED_WAIT_S
        # A date without a zone is in UTC (RFC 5322's "-0000").
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(0.0, (aware - datetime.now(UTC)).total_seconds())
    reset = re.search(r";\s*t=(\d+)", headers.get("ratelimit", ""))
    return float(reset[1]) if reset else UNSTATED_WAIT_S
