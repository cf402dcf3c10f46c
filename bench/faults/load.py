"""Paying clients: each sends jobs through HTTP, again with the same key until it has an answer."""

import io
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
from PIL import Image

from bench.abuse.pictures import data_url
from catalog.models import ModelCard, Stage

PATH = "/v1/classify"
LABELS = ("a cat", "a dog", "a rocket")
TIMEOUT_S = 20.0
PAUSE_S = 0.5
# What a client may be told to try again.
TRY_AGAIN = {409, 429, 500, 502, 503, 504}
# One in so many jobs: sent again though it was accepted, cancelled, or of a damaged picture.
RESENT, CANCELLED, DAMAGED = 20, 50, 100


class GaveUp(Exception):
    """An answer that no client should get, or none for too long."""


@dataclass
class Record:
    """What clients were told. Any thread may write."""

    accepted: dict[uuid.UUID, str] = field(default_factory=dict)  # job -> its idempotency key
    statuses: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, job: uuid.UUID, key: str) -> None:
        with self.lock:
            other = self.accepted.setdefault(job, key)
        if other != key:
            self.broken.append(f"I11 keys {other} and {key} were both given job {job}")

    def note(self, status: object) -> None:
        with self.lock:
            self.statuses[str(status)] += 1


class Client:
    """One person with one key; of use to one thread."""

    def __init__(
        self,
        address: str,
        api_key: str,
        model: str,
        record: Record,
        *,
        seed: int,
        patience_s: float = 300.0,
    ) -> None:
        self._http = httpx.Client(
            base_url=address,
            timeout=TIMEOUT_S,
            headers={"Authorization": f"Bearer {api_key}", "Prefer": "respond-async"},
        )
        self._model = model
        self._record = record
        self._random = random.Random(seed)  # noqa: S311
        self._patience_s = patience_s

    def close(self) -> None:
        self._http.close()

    def send(self, number: int) -> uuid.UUID:
        """One job more; now and then once more, or a change of mind. Returns its id."""
        key = uuid.uuid4().hex
        body = self._body(is_damaged=number % DAMAGED == 1)
        job = self._submit(key, body)
        self._record.accept(job, key)
        if number % RESENT == 0:
            again = self._submit(key, body)
            if again != job:
                self._record.broken.append(f"I11 key {key} was given jobs {job} and {again}")
        if number % CANCELLED == 0:
            self._until_answered("POST", f"/v1/jobs/{job}/cancel", wanted={200, 409, 404})
        return job

    def _submit(self, key: str, body: object) -> uuid.UUID:
        headers = {"Idempotency-Key": key}
        answer = self._until_answered("POST", PATH, wanted={200, 202}, json=body, headers=headers)
        return uuid.UUID(answer.json()["id"])

    def _body(self, *, is_damaged: bool) -> object:
        picture = small_photo(self._random.randrange(40, 120))
        if is_damaged:  # its header is whole, so that it is accepted
            picture = picture[: len(picture) // 2]
        image = {"image": data_url(picture, "jpeg")}
        return {"model": self._model, "input": [image], "labels": list(LABELS)}

    def _until_answered(
        self,
        method: str,
        path: str,
        *,
        wanted: set[int],
        json: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        end_s = time.monotonic() + self._patience_s
        while True:
            answer = self._ask(method, path, json=json, headers=headers)
            if answer is not None and answer.status_code in wanted:
                return answer
            if answer is not None and answer.status_code not in TRY_AGAIN:
                raise GaveUp(f"{path}: {answer.status_code} {answer.text[:500]}")
            if time.monotonic() > end_s:
                raise GaveUp(f"{path}: refused for {self._patience_s:.0f} s")
            time.sleep(PAUSE_S)

    def _ask(
        self, method: str, path: str, *, json: object, headers: dict[str, str] | None
    ) -> httpx.Response | None:
        try:
            answer = self._http.request(method, path, json=json, headers=headers)
        except httpx.TransportError as error:
            self._record.note(type(error).__name__)
            return None
        self._record.note(answer.status_code)
        if answer.status_code == 500:
            self._record.broken.append(f"{path}: 500 {answer.text[:200]}")
        return answer


def sell(*repos: str) -> None:
    """Live, so that keys may call them, and at a price, so that the ledger is in the way."""
    ModelCard.objects.filter(repo__in=repos).update(
        stage=Stage.LIVE,
        launch_price_nano_usd_per_image=94_000,
        launch_price_nano_usd_per_token=100,
    )


def small_photo(width: int) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, 48)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def send_all(
    clients: Sequence[Client], jobs: int, *, record: Record, until: Callable[[], bool]
) -> list[threading.Thread]:
    """Start one thread a client; together they send `jobs`, or until there is a reason to stop."""
    numbers = iter(range(1, jobs + 1))
    lock = threading.Lock()

    def run(client: Client) -> None:
        while not until():
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                client.send(number)
            except (GaveUp, LookupError, ValueError) as error:  # the audit says it
                record.broken.append(f"client: {error!r}")
                return

    threads = [threading.Thread(target=run, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    return threads
