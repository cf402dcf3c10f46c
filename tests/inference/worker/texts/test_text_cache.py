"""A text is found again by who has sent it, and by nobody else."""

import uuid
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from accounts import credits, lifecycle
from accounts.models import Category, User
from catalog.models import ModelCard
from inference import images, jobs, personal_data
from inference.jobs import claims
from inference.jobs.submission import Requester
from inference.kinds.classify import request as classify
from inference.models import Job
from inference.runtime.encoder import TokenCount
from inference.worker import batches, decode
from inference.worker.texts import store as text_store
from inference.worker.texts.cache import JobTexts, TextCache
from inference.worker.texts.memory import OVERHEAD_BYTES, TextMemory
from inference.worker.texts.store import TextStore
from tests.conftest import FROZEN, make_card, photo_bytes
from tests.fakes.encoder import HashEncoder
from tests.support.batches import settle_all, settle_parts
from tests.support.rows import lease_of, result_of

LABELS = ("a cat", "a dog")
NEW, KNOWN = 94 + 2 * 8, 94
Ask = Callable[..., Job]


@pytest.fixture
def card(db: None) -> ModelCard:
    """94 µ$ an image, 8 µ$ a new label."""
    return make_card(**FROZEN)


def person(name: str) -> User:
    user = User.objects.create_user(f"{name}@lab.example")
    credits.grant(user, amount_micro_usd=9000, category=Category.PURCHASE, reference=name)
    return user


def submit(
    card: ModelCard,
    user: User | None = None,
    *,
    visitor: uuid.UUID | None = None,
    is_paid: bool = True,
) -> Job:
    picture = images.check(photo_bytes())
    return jobs.submit(
        classify.job_request(card, [picture], labels=LABELS, template="a photo of {}"),
        requester=Requester(user.pk if user else None, visitor),
        payer=user if is_paid else None,
    )


def run(card: ModelCard, cache: TextCache) -> None:
    settle_all(cache, cache.encoder, claims.claim(card, worker="w", budget=64))


def cached(job: Job) -> int:
    return int(result_of(Job.objects.get(pk=job.pk))["texts_cached"])


def cost(job: Job) -> int | None:
    return Job.objects.get(pk=job.pk).cost_micro_usd


def test_one_account_s_texts_show_in_no_other_s_answer_or_price(card: ModelCard) -> None:
    cache, encoder = TextCache(HashEncoder()), HashEncoder()
    ada, bob = person("ada"), person("bob")
    first = submit(card, ada)
    run(card, cache)

    same, other = submit(card, ada), submit(card, bob)
    run(card, cache)
    elsewhere = submit(card, bob), submit(card, person("eve"))
    run(card, TextCache(encoder))

    assert [cached(job) for job in (first, same, other)] == [0, 2, 0]
    assert [cost(job) for job in (first, same, other)] == [NEW, KNOWN, NEW]
    assert [cost(job) for job in elsewhere] == [KNOWN, NEW]


def test_in_one_batch_each_account_pays_and_the_text_is_embedded_once(card: ModelCard) -> None:
    encoder = HashEncoder()
    people = [person(name) for name in ("ada", "bob", "ada2")]
    batch = [submit(card, user) for user in [*people, people[0]]]

    run(card, TextCache(encoder))

    assert encoder.texts == ["a photo of a cat", "a photo of a dog"]
    assert [cost(job) for job in batch] == [NEW, NEW, NEW, KNOWN]
    assert [cached(job) for job in batch] == [0, 0, 0, 2]
    rows = [result_of(Job.objects.get(pk=job.pk))["rows"] for job in batch]
    assert all(row == rows[0] for row in rows)


def test_visitors_see_nothing_of_each_other(card: ModelCard) -> None:
    cache = TextCache(HashEncoder())
    one, two = uuid.uuid4(), uuid.uuid4()
    made = []
    for visitor in (one, two, one):
        made.append(submit(card, visitor=visitor, is_paid=False))
        run(card, cache)

    assert [cached(job) for job in made] == [0, 0, 2]


def test_who_signs_in_does_not_find_a_visitor_s_texts(card: ModelCard) -> None:
    cache, visitor = TextCache(HashEncoder()), uuid.uuid4()
    submit(card, visitor=visitor, is_paid=False)
    run(card, cache)

    signed_in = submit(card, person("ada"), visitor=visitor, is_paid=False)
    run(card, cache)

    assert cached(signed_in) == 0


def test_a_free_call_pays_for_no_later_one(card: ModelCard) -> None:
    cache, ada = TextCache(HashEncoder()), person("ada")
    submit(card, ada, is_paid=False)
    run(card, cache)

    paid = submit(card, ada)
    run(card, cache)

    assert cost(paid) == NEW


def test_free_calls_leave_nothing_in_the_shared_store(card: ModelCard) -> None:
    submit(card, person("ada"), is_paid=False)
    submit(card, visitor=uuid.uuid4(), is_paid=False)

    run(card, TextCache(HashEncoder()))

    assert text_store.shared().owners() == set()


@pytest.mark.parametrize("fingerprint", ["hash-2", ""])
def test_other_weights_find_nothing(card: ModelCard, fingerprint: str) -> None:
    """Under the same name and the same revision."""
    ada, changed = person("ada"), HashEncoder()
    changed.fingerprint = fingerprint
    memory = TextMemory(1_000_000)
    for encoder in (HashEncoder(), changed):
        submit(card, ada)
        run(card, TextCache(encoder, memory))

    assert changed.texts == ["a photo of a cat", "a photo of a dog"]


def test_encoders_that_nobody_can_tell_apart_share_nothing(card: ModelCard) -> None:
    ada, memory = person("ada"), TextMemory(1_000_000)
    encoders = [HashEncoder(), HashEncoder()]
    for encoder in encoders:
        encoder.fingerprint = ""
        submit(card, ada)
        run(card, TextCache(encoder, memory))

    assert [len(encoder.texts) for encoder in encoders] == [2, 2]
    assert text_store.shared().owners() == set()


def test_vectors_of_the_wrong_length_are_not_believed(card: ModelCard) -> None:
    ada, encoder = person("ada"), HashEncoder()
    cache = TextCache(encoder)
    submit(card, ada)
    run(card, cache)
    with_short_ones = TextCache(HashEncoder())
    keys = [key for key in _stored_keys() if key.startswith(f"text:user:{ada.pk}:")]
    text_store.shared().put(dict.fromkeys(keys, b"\0" * 12), timeout_s=60)

    job = submit(card, ada)
    run(card, with_short_ones)

    assert (len(keys), cached(job)) == (2, 0)


def test_neither_layer_holds_the_words(card: ModelCard) -> None:
    submit(card, person("ada"))
    run(card, TextCache(HashEncoder()))

    assert _stored_keys()
    assert not any("cat" in key for key in _stored_keys())


def test_a_batch_that_is_tried_again_costs_what_it_would_have_cost(card: ModelCard) -> None:
    """Its first pass over images fails by a mate, or over texts."""
    ada, bob = person("ada"), person("bob")
    first, second, other = submit(card, ada), submit(card, ada), submit(card, bob)

    class Failing(HashEncoder):
        def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
            counts = super().count_tokens(texts)
            if not self.failures:
                self.failures += 1
                raise RuntimeError("after the texts were embedded")
            return counts

        failures = 0

    encoder = Failing()
    run(card, TextCache(encoder))

    assert [cost(job) for job in (first, second, other)] == [NEW, KNOWN, NEW]
    assert [cached(job) for job in (first, second, other)] == [0, 2, 0]
    assert len(encoder.texts) == 2


def test_texts_of_a_job_that_fails_are_paid_by_the_next_one_that_brings_them(
    card: ModelCard,
) -> None:
    ada = person("ada")
    bad = jobs.submit(
        classify.job_request(
            card, [images.check(photo_bytes())], labels=LABELS, template="a photo of {}"
        ),
        requester=Requester(ada.pk, None),
        payer=ada,
    )
    good = submit(card, ada)
    cache = TextCache(HashEncoder())
    batch = claims.claim(card, worker="w", budget=64)
    ready = decode.make_ready(cache.encoder, batch)
    jobs.cancel(Job.objects.get(pk=bad.pk))  # while it is computed

    settle_parts(cache, [item for item in ready if item.job.pk == bad.pk])
    settle_parts(cache, [item for item in ready if item.job.pk == good.pk])

    assert (cost(bad), cost(good)) == (None, NEW)


def test_texts_whose_result_was_not_written_are_shared_with_nobody(card: ModelCard) -> None:
    """Another worker tries the job again, and it is charged as the first time."""
    ada = person("ada")
    job = submit(card, ada)
    cache = TextCache(HashEncoder())
    batch = claims.claim(card, worker="w", budget=64)
    for _ in batches.score(cache, decode.make_ready(cache.encoder, batch)):
        pass  # and the worker dies
    claims.give_back(lease_of(Job.objects.get(pk=job.pk)))

    run(card, TextCache(HashEncoder()))

    assert cost(job) == NEW


def test_one_notion_of_owner_rules_vectors_and_counts(card: ModelCard) -> None:
    """A visitor's job that an account has taken over."""
    ada = person("ada")
    job = submit(card, visitor=uuid.uuid4(), is_paid=False)
    Job.objects.update(owner=ada)
    encoder = HashEncoder()
    cache = TextCache(encoder)

    run(card, cache)

    assert JobTexts.of(Job.objects.get(pk=job.pk), []).owner == f"user:{ada.pk}"
    cache.token_counts.reading_of(Job.objects.get(pk=job.pk), [f"a photo of {x}" for x in LABELS])
    assert len(cache.token_counts._counts) == 2


def test_what_is_no_number_is_not_kept() -> None:
    class Broken(HashEncoder):
        def encode_texts(self, texts):  # type: ignore[no-untyped-def]  # as the base
            return super().encode_texts(texts) * np.nan

    encoder = Broken()
    cache = TextCache(encoder)
    for _ in range(2):
        cache.read([JobTexts("user:1", is_paid=True, texts=["a cat"])])

    assert encoder.texts == ["a cat", "a cat"]


def test_a_job_without_texts_has_an_empty_table() -> None:
    [known] = TextCache(HashEncoder()).read([JobTexts("user:1", is_paid=True, texts=[])])

    assert known.vectors_of([]).shape == (0, 8)


def test_the_memory_keeps_to_its_budget_and_forgets_the_least_used() -> None:
    vector = np.zeros(256, dtype=np.float32)
    memory = TextMemory(2 * 100 * (vector.nbytes + OVERHEAD_BYTES))
    memory.put({"used": vector}, is_paid=True)

    for number in range(1000):
        memory.put({str(number): vector}, is_paid=True)
        assert memory.get(["used"], is_paid=True)

    assert memory.size_bytes <= 100 * (vector.nbytes + OVERHEAD_BYTES)
    assert set(memory.get(["0", "998", "999"], is_paid=True)) == {"998", "999"}


def test_free_texts_do_not_push_out_paid_ones() -> None:
    vector = np.zeros(256, dtype=np.float32)
    memory = TextMemory(200 * (vector.nbytes + OVERHEAD_BYTES))
    memory.put({"paid": vector}, is_paid=True)

    memory.put({str(number): vector for number in range(1000)}, is_paid=False)

    assert memory.get(["paid"], is_paid=True)
    assert memory.get(["999"], is_paid=False)
    assert not memory.get(["paid"], is_paid=False)


def test_a_batch_larger_than_the_memory_is_answered(card: ModelCard) -> None:
    texts = [f"text {number}" for number in range(300)]

    [known] = TextCache(HashEncoder(), TextMemory(0), TextStore("")).read(
        [JobTexts("user:1", is_paid=True, texts=texts)]
    )

    assert (known.new, known.vectors_of(texts).shape) == (300, (300, 8))
    np.testing.assert_array_equal(known.vectors_of(texts[::-1]), known.vectors_of(texts)[::-1])


def test_memory_is_let_go_in_time_though_nobody_looks_anything_up() -> None:
    memory = TextMemory(1_000_000, kept_for_s=0)
    memory.put({"a": np.zeros(8, dtype=np.float32)}, is_paid=True)

    memory.expire()

    assert memory.size_bytes == 0


@pytest.mark.django_db(transaction=True)
def test_erasing_an_account_drops_its_texts() -> None:
    card = make_card(**FROZEN)
    ada, bob = person("ada"), person("bob")
    for user in (ada, bob):
        submit(card, user)
    run(card, TextCache(HashEncoder()))
    assert text_store.shared().owners() == {f"user:{ada.pk}", f"user:{bob.pk}"}

    lifecycle.delete(ada)

    assert text_store.shared().owners() == {f"user:{bob.pk}"}


def test_what_a_running_batch_leaves_of_the_erased_goes_within_the_hour(card: ModelCard) -> None:
    bob = person("bob")
    vector = {f"text:user:{pk}:ab": b"\0" * 32 for pk in (bob.pk, bob.pk + 1000)}
    text_store.shared().put(vector, timeout_s=60)

    assert personal_data.forget_texts_of_the_erased() == {f"user:{bob.pk + 1000}"}
    assert text_store.shared().owners() == {f"user:{bob.pk}"}


def _stored_keys() -> list[str]:
    client = text_store.shared()._client
    assert client is not None
    return [key.decode() for key in client.scan_iter()]
