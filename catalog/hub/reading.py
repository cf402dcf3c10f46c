"""What the Hugging Face hub says of one model, checked before anybody believes it.

HubError
├── Unavailable         nobody there, too slow, too busy, or failing
├── NotShown            the hub does not show us this model
└── Garbled             the answer makes no sense
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx2  # huggingface_hub's own HTTP client: it lets the client's errors through
from huggingface_hub import HfApi, ModelInfo
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

TRIES = 3
MOST_BIGINT = 2**63 - 1
MOST_INTEGER = 2**31 - 1
LONGEST_LICENSE = 60


class HubError(Exception):
    """Nothing was learned of this model; the message says why."""


class Unavailable(HubError):
    """The hub cannot be asked now, neither for this model nor, most likely, for the next."""


class NotShown(HubError):
    """The hub does not know this model, or does not show it to us."""


class Garbled(HubError):
    """The hub's answer is not one that we can read."""


class _Busy(Unavailable):
    """429: the hub wants us to come back later."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True)
class Figures:
    """What the hub states, under the names of the card's fields; None where it says nothing."""

    downloads_per_month: int | None = None
    likes: int | None = None
    license: str | None = None
    revision: str | None = None
    published: date | None = None
    updated: date | None = None

    def stated(self) -> dict[str, Any]:
        """Those that the hub does state: numbers, texts and days."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Hub:
    """A hub at an address, and how patient we are with it.

    `endpoint` None is the hub's own address. `timeout_s` is for each step of a request: connecting,
    and every wait for bytes. `most_wait_s` is the longest wait that the hub may ask of us.
    """

    endpoint: str | None = None
    timeout_s: float = 10
    most_wait_s: float = 60

    @property
    def address(self) -> str:
        return HfApi(endpoint=self.endpoint).endpoint

    def read(self, repo: str) -> Figures:
        """Ask for one model, again after a wait if the hub is busy. Raises HubError."""
        for _ in range(TRIES - 1):
            try:
                return self._read_once(repo)
            except _Busy as busy:
                if busy.after_s > self.most_wait_s:
                    raise
                time.sleep(busy.after_s)
        return self._read_once(repo)

    def _read_once(self, repo: str) -> Figures:
        with _named_errors(repo):
            info = HfApi(endpoint=self.endpoint).model_info(
                repo,
                timeout=self.timeout_s,
                expand=["cardData", "createdAt", "downloads", "lastModified", "likes", "sha"],
            )
            return _figures(repo, info)


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
    except (httpx2.RequestError, httpx2.InvalidURL, OfflineModeIsEnabled) as error:
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


def _seconds_to_wait(headers: httpx2.Headers) -> float:
    """Retry-After in either of its forms, or else the hub's own header; a few seconds if unsaid.

    The hub's own is `RateLimit: "api";r=0;t=55` (an IETF draft): t seconds until it is reset.
    """
    said = headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    if said:
        try:
            until = parsedate_to_datetime(said)
        except ValueError:
            return 5
        # A date without a zone is in UTC (RFC 5322's "-0000").
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(0.0, (aware - datetime.now(UTC)).total_seconds())
    reset = re.search(r";\s*t=(\d+)", headers.get("ratelimit", ""))
    return float(reset[1]) if reset else 5


def _figures(repo: str, info: ModelInfo) -> Figures:
    """The library passes on whatever the answer held: types and ranges are ours to check."""
    if str(info.id).casefold() != repo.casefold():
        raise NotShown(f"the hub calls {repo} by another name now: {info.id!s:.200}")
    return Figures(
        downloads_per_month=_count(info.downloads, most=MOST_BIGINT),
        likes=_count(info.likes, most=MOST_INTEGER),
        license=_license(info.card_data),
        revision=_commit(info.sha),
        published=_day(info.created_at),
        updated=_day(info.last_modified),
    )


# What follows takes what JSON can hold, hence `object`.


def _count(value: object, *, most: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"not a count: {value!r:.40}")
    return value


def _license(card_data: object) -> str | None:
    """`license`, or where that is "other", the name that its authors gave it."""
    plain = getattr(card_data, "license", None)
    named = getattr(card_data, "license_name", None)
    return (_license_name(named) if plain == "other" else None) or _license_name(plain)


def _license_name(value: object) -> str | None:
    if isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_LICENSE and value.isprintable():
        return value.strip()
    return None


def _commit(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{40}", value):
        raise ValueError(f"not a commit: {value!r:.60}")
    return value


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()
