"""A person's ledger as a statement: newest line first, each with the balance after it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet, Sum

from accounts.models import Entry, User
from catalog.models import ModelCard
from catalog.numbers.money import usd

PAGE_LINES = 50
MOST_EXPORTED_LINES = 100_000

Row = list[str]
COLUMNS: Row = [
    "entry",
    "time",
    "what",
    "reference",
    "model",
    "note",
    "credit_usd",
    "held_usd",
    "balance_after_usd",
]


@dataclass(frozen=True)
class Line:
    entry: Entry
    balance_after_micro_usd: int


@dataclass(frozen=True)
class Page:
    """Some lines; `before` is the entry that the next page begins after, if there is one."""

    lines: tuple[Line, ...]
    before: int | None


@dataclass(frozen=True)
class Purchase:
    card: ModelCard
    images: int


def page(user: User, *, before: int | None = None) -> Page:
    """`before` is the number of an entry, as the page above it gave."""
    # By id, not by offset: lines that are written meanwhile move no page.
    entries = Entry.objects.filter(wallet__user=user).order_by("-pk")
    if before is not None:
        entries = entries.filter(pk__lt=before)
    # One more than is shown says whether there is a next page, without counting.
    lines = tuple(_lines(entries[: PAGE_LINES + 1]))
    has_more = len(lines) > PAGE_LINES
    return Page(lines[:PAGE_LINES], lines[PAGE_LINES - 1].entry.pk if has_more else None)


def rows(user: User) -> Iterator[Row]:
    yield COLUMNS
    entries = Entry.objects.filter(wallet__user=user).order_by("-pk")
    for line in _lines(entries[:MOST_EXPORTED_LINES]):
        yield _row(line)


def _row(line: Line) -> Row:
    entry = line.entry
    sums = [entry.balance_effect_micro_usd, entry.held_effect_micro_usd]
    return [
        str(entry.pk),
        entry.created_at.isoformat(),
        entry.kind,
        entry.reference,
        entry.model,
        entry.note,
        *(usd(micro_usd) for micro_usd in [*sums, line.balance_after_micro_usd]),
    ]


def _lines(newest_first: QuerySet[Entry]) -> Iterator[Line]:
    # Newest first: the balance after the next line is this one's less what this one changed.
    after: int | None = None
    for entry in newest_first.iterator(chunk_size=2000):
        if after is None:
            after = _balance_after(entry)
        yield Line(entry, after)
        after -= entry.balance_effect_micro_usd


def _balance_after(entry: Entry) -> int:
    # Entries of a wallet are numbered in the order in which they happened.
    until = Entry.objects.filter(wallet=entry.wallet_id, pk__lte=entry.pk)
    return int(until.aggregate(sum=Sum("balance_effect_micro_usd"))["sum"])


def purchases_for(micro_usd: int) -> list[Purchase]:
    priced = [(card, card.price) for card in ModelCard.objects.real().written().best_first()]
    return [
        Purchase(card, price.images_for(micro_usd))
        for card, price in priced
        if price and price.nano_usd_per_image
    ]
