"""A person's ledger as a statement: newest line first, each with the balance after it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from django.conf import settings
from django.db.models import QuerySet, Sum

from accounts.credits.wording import Wording, links_of
from accounts.models import Entry, EntryKind, User
from catalog.models import ModelCard
from catalog.numbers.money import usd

PAGE_LINES = 50
MOST_EXPORTED_LINES = 100_000
EXPORTED_AT_ONCE = 1000
# What they change is undone by the line that ends the job.
PASSING = (EntryKind.HOLD, EntryKind.RELEASE)

Row = list[str]
COLUMNS: Row = [
    "entry",
    "time",
    "what",
    "in_words",
    "reference",
    "model",
    "note",
    "credit_usd",
    "held_usd",
    "balance_after_usd",
    "job_url",
]


@dataclass(frozen=True)
class Line:
    entry: Entry
    balance_after_micro_usd: int
    words: str = ""
    url: str = ""


@dataclass(frozen=True)
class Page:
    """Some lines; `before` is the entry that the next page begins after, if there is one."""

    lines: tuple[Line, ...]
    before: int | None


@dataclass(frozen=True)
class Affordable:
    """How many images of a model the credit buys."""

    card: ModelCard
    images: int


def page(user: User, *, before: int | None = None, has_holds: bool = False) -> Page:
    """`before` is the number of an entry, as the page above it gave. `has_holds`: with the lines
    that only set credit aside, or let it go.
    """
    # By id, not by offset: lines that are written meanwhile move no page.
    entries = Entry.objects.filter(wallet__user=user).order_by("-pk")
    if not has_holds:
        entries = entries.exclude(kind__in=PASSING)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    # One more than is shown says whether there is a next page, without counting.
    found = list(_balances(entries[: PAGE_LINES + 1]))
    shown = found[:PAGE_LINES]
    lines = tuple(_in_words(shown, Wording.of(user), links_of(user, (e for e, _ in shown))))
    return Page(lines, lines[-1].entry.pk if len(found) > PAGE_LINES else None)


def rows(user: User) -> Iterator[Row]:
    """Every line, those of holds among them, in words and as the ledger has it."""
    yield COLUMNS
    entries = Entry.objects.filter(wallet__user=user).order_by("-pk")
    wording = Wording.of(user)
    balances = _balances(entries[:MOST_EXPORTED_LINES])
    while part := list(islice(balances, EXPORTED_AT_ONCE)):
        for line in _in_words(part, wording, links_of(user, (entry for entry, _ in part))):
            yield _row(line)


def _row(line: Line) -> Row:
    entry = line.entry
    sums = [entry.balance_effect_micro_usd, entry.held_effect_micro_usd]
    return [
        str(entry.pk),
        entry.created_at.isoformat(),
        entry.kind,
        line.words,
        entry.reference,
        entry.model,
        entry.note,
        *(usd(micro_usd) for micro_usd in [*sums, line.balance_after_micro_usd]),
        f"{settings.SITE_URL}{line.url}" if line.url else "",
    ]


def _in_words(
    balances: Iterable[tuple[Entry, int]], wording: Wording, links: Mapping[str, str]
) -> Iterator[Line]:
    for entry, after in balances:
        yield Line(entry, after, wording.of_line(entry), links.get(entry.reference, ""))


def _balances(newest_first: QuerySet[Entry]) -> Iterator[tuple[Entry, int]]:
    # Newest first: the balance after the next line is this one's less what this one changed.
    after: int | None = None
    for entry in newest_first.iterator(chunk_size=2000):
        if after is None:
            after = _balance_after(entry)
        yield entry, after
        after -= entry.balance_effect_micro_usd


def _balance_after(entry: Entry) -> int:
    # Entries of a wallet are numbered in the order in which they happened.
    until = Entry.objects.filter(wallet=entry.wallet_id, pk__lte=entry.pk)
    return int(until.aggregate(sum=Sum("balance_effect_micro_usd"))["sum"])


def affordable_with(micro_usd: int) -> list[Affordable]:
    priced = [(card, card.price) for card in ModelCard.objects.real().written().best_first()]
    return [
        Affordable(card, price.images_for(micro_usd))
        for card, price in priced
        if price and price.nano_usd_per_image
    ]
