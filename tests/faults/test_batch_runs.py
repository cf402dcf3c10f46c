"""A batch of the openai packages, while workers, web and beat are killed."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import TypeVar

import openai
import pytest

from accounts import credits
from accounts.credits import ledger
from accounts.models import ApiKey, Entry, EntryKind, Hold, HoldState
from bench.abuse.stage import issue_key
from bench.faults import transitions
from catalog.models import ModelCard
from inference.models import Job
from tests.faults.house import House
from tests.inference.api.clients.programs import answer_of_node
from tests.inference.api.clients.table import NODE_MODULES
from tests.support.site import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]

T = TypeVar("T")

# For all of it: 2,000 lines took 37 s.
PATIENCE_S = 600
ENDED = {"completed", "failed", "expired", "cancelled"}
AWAY = (openai.APIConnectionError, openai.InternalServerError)


def patiently(call: Callable[[], T]) -> T:
    """As a script that somebody left alone for the night would."""
    end_s = time.monotonic() + 120
    while True:
        try:
            return call()
        except AWAY:
            assert time.monotonic() < end_s, "the site does not come back"
            time.sleep(0.5)


def kill_the_web(house: House) -> None:
    house.site.child("config.server").kill()


def kill_the_worker(house: House) -> None:
    worker = house.worker()
    wait_for(Job.objects.running().exists)
    worker.kill()
    house.lost_leases_end()


def kill_the_beat(house: House) -> None:
    """What steps batches on: if possible while a part is worked on."""
    house.site.child("celery", "beat").kill()


def lines_of(house: House, count: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "custom_id": f"line-{number}",
                "method": "POST",
                "url": "/v1/embeddings",
                "body": {"model": house.card.repo, "input": f"text {number}"},
            }
        ).encode()
        for number in range(count)
    ]


@dataclass(frozen=True)
class Ran:
    """How a batch ended, as its client was told; `errors` is a file of lines that failed."""

    status: str
    errors: str | None
    answers: str


def by_python(address: str, key: str, lines: Path) -> Ran:
    with openai.OpenAI(base_url=f"{address}/v1", api_key=key, timeout=60) as client:
        file = patiently(lambda: client.files.create(file=lines, purpose="batch"))
        batch = patiently(
            lambda: client.batches.create(
                input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
            )
        )
        batch_id, end_s = batch.id, time.monotonic() + PATIENCE_S
        while batch.status not in ENDED:
            assert time.monotonic() < end_s, f"{batch.status}: {batch.request_counts}"
            time.sleep(0.2)
            batch = patiently(lambda: client.batches.retrieve(batch_id))
        output = batch.output_file_id
        answers = patiently(lambda: client.files.content(output).text) if output else ""
        return Ran(batch.status, batch.error_file_id, answers)


def by_javascript(address: str, key: str, lines: Path) -> Ran:
    answer = answer_of_node(
        NODE_MODULES.parent / "batch.mjs",
        lines,
        timeout_s=PATIENCE_S,
        environ={"API": address, "API_KEY": key},
    )
    return Ran(**answer)


NEEDS_NODE = pytest.mark.skipif(
    not shutil.which("node") or not NODE_MODULES.exists(), reason="needs node and `make tools`"
)


@pytest.mark.parametrize(
    "run", [by_python, pytest.param(by_javascript, marks=NEEDS_NODE)], ids=lambda run: run.__name__
)
def test_a_batch_through_kills_runs_each_line_once_at_half_the_price(
    house: House, tmp_path: Path, run: Callable[[str, str, Path], Ran]
) -> None:
    count = 2000 if house.is_long else 120
    kills = [kill_the_worker, kill_the_web, kill_the_beat] * (3 if house.is_long else 1)
    key = issue_key("batches@lab.example", "100")
    before = credits.balance_of(ApiKey.objects.get().user).available
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"\n".join(lines_of(house, count)))
    began_s = time.monotonic()

    with ThreadPoolExecutor(1) as client:
        running = client.submit(run, house.site.address, key, file)
        with house.fault("forward", "slow any"):
            for kill in kills:
                kill(house)
        ran = running.result()

    assert (ran.status, ran.errors) == ("completed", None)
    lines = [json.loads(text) for text in ran.answers.splitlines()]
    ids = Counter(line["custom_id"] for line in lines)
    assert ids == Counter(f"line-{number}" for number in range(count))
    usages = [line["response"]["body"]["usage"] for line in lines]
    half = half_price_of([usage["prompt_tokens"] for usage in usages], house.card)
    costs = [Decimal(usage["cost_usd"]) for usage in usages]
    assert sum(costs) == Decimal(half).scaleb(-6)
    assert_charged(before, half)
    seconds = time.monotonic() - began_s
    house.report(f"{run.__name__}: {count} lines through {len(kills)} kills in {seconds:.0f} s")


def half_price_of(tokens: list[int], card: ModelCard) -> int:
    """In µ$: each line is rounded up as a call would be, and half of their sum once more."""
    nano_usd = card.launch_price_nano_usd_per_token
    assert nano_usd
    assert min(tokens) > 0
    return ceil(sum(ceil(count * nano_usd / 1000) for count in tokens) / 2)


def assert_charged(before: int, amount: int) -> None:
    owner = ApiKey.objects.get().user
    balance = credits.balance_of(owner)
    assert (before - balance.available, balance.held) == (amount, 0)
    captured = Entry.objects.filter(kind=EntryKind.CAPTURE, wallet__user=owner)
    references = Counter(captured.values_list("reference", flat=True))
    assert max(references.values()) == 1
    assert not Hold.objects.filter(state=HoldState.OPEN).exists()
    assert not ledger.check().differences
    assert max(transitions.ends().values()) == 1
