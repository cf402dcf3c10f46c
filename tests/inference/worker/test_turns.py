"""A batch that takes long is computed in turns, and other accounts' jobs go in between."""

import itertools
import uuid
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import pytest
from PIL import Image

from accounts import credits
from accounts.models import Category, User
from catalog.models import ModelCard
from inference import images, jobs
from inference.jobs import claims
from inference.jobs.submission import Requester
from inference.kinds.classify import request as classify
from inference.models import Job, State
from inference.runtime.encoder import Embeddings, Encoder
from inference.worker import decode, leases, loop, process
from inference.worker.claimed import Steps
from inference.worker.ready import Ready
from inference.worker.served_models import ServedModel
from inference.worker.texts.cache import TextCache
from tests.conftest import FROZEN, make_card, photo_bytes
from tests.fakes.encoder import HashEncoder

pytestmark = pytest.mark.django_db(transaction=True)

Meanwhile = Callable[[int], object]
# Every pass is a turn of its own.
STEPS = Steps(turn_s=0.0, short_turn_s=0.0)


class WatchedEncoder(HashEncoder):
    """Calls `meanwhile` in each pass, with its number."""

    def __init__(self, meanwhile: Meanwhile = lambda number: None) -> None:
        super().__init__()
        self.meanwhile = meanwhile
        self.pass_count = 0

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        self._pass()
        return super().encode_images(images)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        self._pass()
        return super().encode_texts(texts)

    def _pass(self) -> None:
        self.pass_count += 1
        self.meanwhile(self.pass_count)


@pytest.fixture
def card(db: None) -> ModelCard:
    """94 µ$ an image, 8 µ$ a new label."""
    return make_card(**FROZEN)


def person(name: str) -> User:
    user = User.objects.create_user(f"{name}@lab.example")
    credits.grant(user, amount_micro_usd=10**6, category=Category.PURCHASE, reference=name)
    return user


def submit(
    card: ModelCard, user: User, *, pictures: int = 1, labels: Sequence[str] = ("a",)
) -> Job:
    files = [images.check(photo_bytes(40 + number, 40)) for number in range(pictures)]
    return jobs.submit(
        classify.job_request(card, files, labels=labels, template="{}"),
        requester=Requester(user.pk, None),
        payer=user,
    )


@pytest.fixture
def few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of 40 x 40 is large, and half of what decoders take at once."""
    monkeypatch.setattr(decode, "PIXELS_A_DECODER", 2 * 40 * 40 // decode.decoders().count)


def many_labels(first: int = 0) -> list[str]:
    return [f"{number} ".ljust(500, "x") for number in range(first, first + 1000)]


def served(card: ModelCard, meanwhile: Meanwhile, *, images_per_s: float = 1000.0) -> ServedModel:
    """It has read slowly until now: a thousand labels take it long."""
    cache = TextCache(WatchedEncoder(meanwhile))
    return ServedModel(card, cache, images_per_s=images_per_s, token_s=0.5)


def in_order_of_their_end() -> list[uuid.UUID]:
    assert set(Job.objects.values_list("state", "attempt")) == {(State.SUCCEEDED, 1)}
    return list(Job.objects.order_by("finished_at").values_list("pk", flat=True))


def at_pass(number: int, act: Callable[[], object]) -> Meanwhile:
    return lambda passes: act() if passes == number else None


def test_another_account_s_picture_goes_before_the_end_of_a_thousand_labels(
    card: ModelCard,
) -> None:
    ada, bob = person("ada"), person("bob")
    long = submit(card, ada, labels=many_labels())
    model = served(card, at_pass(3, lambda: submit(card, bob)))

    assert loop.drain(model, worker="w", steps=STEPS) == 2

    last = Job.objects.exclude(pk=long.pk).get()
    assert in_order_of_their_end() == [last.pk, long.pk]
    long.refresh_from_db()
    assert long.cost_micro_usd == 94 + 1000 * 8
    assert leases.in_hand() == []


def test_what_was_claimed_ahead_goes_before_the_end_of_a_long_job(card: ModelCard) -> None:
    long = submit(card, person("ada"), labels=many_labels())
    single = submit(card, person("bob"))

    loop.drain(served(card, lambda number: None), worker="w", steps=STEPS)

    assert in_order_of_their_end() == [single.pk, long.pk]


def test_another_account_s_picture_goes_before_the_end_of_many_pictures(card: ModelCard) -> None:
    ada, bob = person("ada"), person("bob")
    long = submit(card, ada, pictures=12)
    model = served(card, at_pass(2, lambda: submit(card, bob)), images_per_s=0.5)

    loop.drain(model, worker="w", steps=STEPS)

    assert in_order_of_their_end()[-1] == long.pk


def test_many_long_jobs_of_one_account_let_others_in_each_time(card: ModelCard) -> None:
    ada, bob = person("ada"), person("bob")
    long = [submit(card, ada, labels=many_labels(1000 * number)) for number in range(3)]
    passes = {3, 14, 25}
    model = served(card, lambda number: submit(card, bob) if number in passes else None)

    loop.drain(model, worker="w", steps=STEPS)

    order = in_order_of_their_end()
    theirs = [order.index(job.pk) for job in long]
    assert theirs == [1, 3, 5]


def test_medium_jobs_of_one_account_are_claimed_by_what_their_texts_cost(card: ModelCard) -> None:
    ada, bob = person("ada"), person("bob")
    medium = [submit(card, ada, labels=many_labels(20 * number)[:20]) for number in range(6)]
    single = submit(card, bob)
    model = served(card, lambda number: None)
    model.token_s = 4.0 / 2000  # a batch holds 2,000 tokens: one of these jobs

    loop.drain(model, worker="w", steps=STEPS)

    order = in_order_of_their_end()
    assert order.index(single.pk) <= 1
    assert set(
        Job.objects.filter(pk__in=[job.pk for job in medium[2:]]).values_list(
            "batch_size", flat=True
        )
    ) <= {1, 2}


def test_long_jobs_of_several_accounts_take_turns(card: ModelCard) -> None:
    first = submit(card, person("ada"), labels=many_labels())
    submit(card, person("bob"), labels=many_labels(1000)[:600])
    running: list[int] = []
    model = served(card, lambda number: running.append(Job.objects.running().count()))

    loop.drain(model, worker="w", steps=STEPS)

    assert max(running) == 2
    # The shorter of the two ends first, though it came second.
    assert in_order_of_their_end()[-1] == first.pk


def test_jobs_of_another_model_go_between_the_turns_of_a_long_one(card: ModelCard) -> None:
    other_card = make_card(repo="tests/other", **FROZEN)
    ada, bob = person("ada"), person("bob")
    other = ServedModel(other_card, TextCache(HashEncoder()), images_per_s=1000.0)
    files = [images.check(photo_bytes())]
    request = classify.job_request(other_card, files, labels=["a"], template="{}")
    long = submit(card, ada, labels=many_labels())
    model = served(
        card, at_pass(3, lambda: jobs.submit(request, requester=Requester(bob.pk, None)))
    )

    loop.drain(model, worker="w", steps=STEPS, beside=lambda: [other])

    assert in_order_of_their_end()[-1] == long.pk


def test_a_job_that_may_have_killed_a_worker_is_alone_in_hand_while_it_is_computed(
    card: ModelCard,
) -> None:
    ada, bob = person("ada"), person("bob")
    long = submit(card, ada, labels=many_labels())
    Job.objects.update(attempt=1)
    running: list[int] = []

    def meanwhile(number: int) -> None:
        running.append(Job.objects.running().count())
        if number == 3:
            submit(card, bob)

    model = served(card, meanwhile)
    loop.drain(model, worker="w", steps=STEPS)

    # Two while the single one is computed, which is done before the suspect goes on.
    assert running.count(2) == 2
    assert running[-1] == 1
    assert list(Job.objects.order_by("finished_at").values_list("pk", flat=True))[-1] == long.pk
    assert set(Job.objects.values_list("state", flat=True)) == {State.SUCCEEDED}


def test_a_long_job_that_is_canceled_between_two_turns_is_given_up(card: ModelCard) -> None:
    ada, bob = person("ada"), person("bob")
    long = submit(card, ada, labels=many_labels())

    def cancel() -> None:
        submit(card, bob)
        jobs.cancel(Job.objects.get(pk=long.pk))
        process.renew(leases.in_hand())  # as the heartbeat does

    model = served(card, at_pass(3, cancel))
    loop.drain(model, worker="w", steps=STEPS)

    assert sorted(Job.objects.values_list("state", flat=True)) == [State.CANCELLED, State.SUCCEEDED]
    assert credits.balance_of(ada).held == 0
    assert leases.in_hand() == []


@pytest.mark.parametrize("attempts_before", [0, claims.MAX_ATTEMPTS - 1])
def test_a_graceful_stop_in_a_long_job_is_no_attempt(card: ModelCard, attempts_before: int) -> None:
    submit(card, person("ada"), labels=many_labels())
    Job.objects.update(attempt=attempts_before)
    model = served(card, lambda number: None)
    encoder = model.cache.encoder
    assert isinstance(encoder, WatchedEncoder)

    loop.drain(model, worker="w", steps=STEPS, is_stopping=lambda: encoder.pass_count >= 3)

    assert encoder.pass_count == 3
    assert list(Job.objects.values_list("state", "attempt")) == [(State.QUEUED, attempts_before)]
    assert leases.in_hand() == []


def test_a_job_given_back_in_its_middle_costs_what_it_would_have_cost(card: ModelCard) -> None:
    submit(card, person("ada"), labels=many_labels())
    model = served(card, lambda number: None)
    encoder = model.cache.encoder
    assert isinstance(encoder, WatchedEncoder)
    loop.drain(model, worker="w", steps=STEPS, is_stopping=lambda: encoder.pass_count >= 3)

    loop.drain(model, worker="w", steps=STEPS)

    assert Job.objects.get().cost_micro_usd == 94 + 1000 * 8


@pytest.mark.parametrize("error", [SystemExit(0), MemoryError()])
def test_a_long_job_is_not_to_blame_for_what_stops_its_worker_elsewhere(
    card: ModelCard, error: BaseException
) -> None:
    """The claim between two turns breaks, or the process is asked to leave at once."""
    ada, bob = person("ada"), person("bob")
    long = submit(card, ada, labels=many_labels())

    def broken(encoder: object, batch: Sequence[Job]) -> list[Ready]:
        if batch[0].pk != long.pk:
            raise error
        return STEPS.make_ready(model.cache.encoder, batch)

    model = served(card, at_pass(3, lambda: submit(card, bob)))
    with pytest.raises(type(error)):
        loop.drain(model, worker="w", steps=Steps(make_ready=broken, turn_s=0.0, short_turn_s=0.0))

    long.refresh_from_db()
    assert (long.state, long.attempt) == (State.QUEUED, 0)


@pytest.mark.usefixtures("few_pixels")
def test_another_account_s_picture_goes_before_many_pixels_are_decoded(card: ModelCard) -> None:
    ada, bob = person("ada"), person("bob")
    large = submit(card, ada, pictures=12)
    small: list[Job] = []

    def decoded(encoder: Encoder, batch: Sequence[Job]) -> Generator[None, None, list[Ready]]:
        ready: list[Ready] = []
        for number in finished(decode.make_ready_in_slices(encoder, batch), into=ready):
            if number == 1:
                small.append(submit(card, bob))
            yield
        return ready

    steps = replace(STEPS, make_ready_in_slices=decoded)
    assert loop.drain(served(card, lambda number: None), worker="w", steps=steps) == 2

    assert in_order_of_their_end() == [small[0].pk, large.pk]
    large.refresh_from_db()
    assert len((large.result or {})["rows"]) == 12
    assert leases.in_hand() == []


@pytest.mark.usefixtures("few_pixels")
def test_pixels_of_one_job_are_decoded_a_slice_at_a_time(card: ModelCard) -> None:
    submit(card, person("ada"), pictures=6)
    [job] = claims.claim(card, worker="w", budget=6, pixels=1)
    ready: list[Ready] = []

    pauses = list(finished(decode.make_ready_in_slices(HashEncoder(), [job]), into=ready))

    assert len(pauses) >= 6
    [of_job] = ready
    [whole] = decode.make_ready(HashEncoder(), [job])
    assert [crop.tobytes() for crop in of_job.crops] == [crop.tobytes() for crop in whole.crops]


@pytest.mark.usefixtures("few_pixels")
def test_a_job_that_is_canceled_while_it_is_decoded_is_left(card: ModelCard) -> None:
    submit(card, person("ada"), pictures=6)
    [job] = claims.claim(card, worker="w", budget=6, pixels=1)
    assert job.lease_token
    leases.take(job.lease_token)

    with leases.computing(job.lease_token):
        slices = decode.make_ready_in_slices(HashEncoder(), [job])
        next(slices)
        leases.drop(job.lease_token)

        with pytest.raises(leases.Lost):
            list(slices)


def finished(slices: Generator[None, None, list[Ready]], *, into: list[Ready]) -> Generator[int]:
    """The number of each pause; `into` is given what they return."""
    for number in itertools.count():
        try:
            next(slices)
        except StopIteration as end:
            into += end.value
            return
        yield number
