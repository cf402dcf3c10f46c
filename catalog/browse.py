"""Browsing the catalog: search, filters and order, read from the address and written back to it.

    /models/?q=vit+l14&family=OpenCLIP&sort=compute

Whatever an address holds that makes no sense is left out, never an error: people edit addresses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode

from django.db.models import Count, F, FloatField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Extract, NullIf

from catalog import pricing, search
from catalog.models import COMING_SOON, ModelCardQuerySet, Stage
from catalog.paging import Page, falling, page_of, rising

LONGEST_QUERY = 100
# A key holds two numbers and a repo id of up to 200 characters, in JSON, in base64.
LONGEST_KEY = 500


@dataclass(frozen=True)
class Sort:
    """An order: what it is called, and the key it follows."""

    label: str
    key: Combinable


# The same arithmetic as pricing.price_of, for the database to sort by.
PRICE = Coalesce(
    Cast("est_price_micro_usd_per_image", FloatField()),
    F("image_gflops") * Value(pricing.ANCHOR_MICRO_USD_PER_IMAGE / pricing.ANCHOR_GFLOPS),
)
PER_GFLOP = F("imagenet_top1") / NullIf("image_gflops", Value(0.0))
SORTS = {
    "accuracy": Sort("accuracy", falling(F("imagenet_top1"))),
    "compute": Sort("compute", rising(F("image_gflops"))),
    "efficiency": Sort("accuracy per GFLOP", falling(PER_GFLOP)),
    "price": Sort("price", rising(PRICE)),
    "downloads": Sort("downloads", falling(F("downloads_per_month"))),
    "newest": Sort("newest", falling(Extract("published", "epoch"))),
}
STATUSES = {
    "coming-soon": [stage.value for stage in COMING_SOON],
    "live": [Stage.PREVIEW.value, Stage.LIVE.value],
}


@dataclass(frozen=True)
class Query:
    """What a visitor looks for; every field empty means everything, most accurate first.

    While somebody searches and names no order, the best match comes first.
    """

    q: str = ""
    family: str = ""
    author: str = ""
    status: str = ""
    sort: str = ""
    after: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "Query":
        """Take from an address what is known, and leave the rest."""
        given = {name: parameters.get(name, "").replace("\0", "") for name in asdict(cls())}
        words = {name: text[:LONGEST_QUERY].strip() for name, text in given.items()}
        query = cls(**words | {"after": given["after"][:LONGEST_KEY]})
        return replace(
            query,
            sort=query.sort if query.sort in SORTS else "",
            status=query.status if query.status in STATUSES else "",
        )

    def page(self, cards: ModelCardQuerySet) -> Page:
        """One page of the cards that fit, in order."""
        found = self.found(cards)
        if search.words_of(self.q) and not self.sort:
            by, then = falling(F("resemblance")), falling(F("downloads_per_month"))
        else:
            by, then = SORTS[self.sort or "accuracy"].key, Value(0.0)
        return page_of(found, by=by, then=then, after=self.after)

    def found(self, cards: ModelCardQuerySet) -> ModelCardQuerySet:
        """The cards that fit, in no order yet."""
        if self.family:
            cards = cards.filter(family__iexact=self.family)
        if self.author:
            cards = cards.filter(repo__istartswith=f"{self.author}/")
        if self.status:
            cards = cards.filter(stage__in=STATUSES[self.status])
        return search.find(cards, self.q)

    def address(self, **changes: str) -> str:
        """The query string with some fields changed and empty ones left out, on its first page."""
        wanted = asdict(self) | {"after": ""} | changes
        fields = {name: text for name, text in wanted.items() if text}
        return f"?{urlencode(fields)}" if fields else "?"

    @property
    def is_empty(self) -> bool:
        return self == Query(sort=self.sort, after=self.after)


@dataclass(frozen=True)
class Choice:
    """One link of a filter or of the order: its words, where it leads, whether it is chosen."""

    label: str
    address: str
    is_chosen: bool
    count: int | None = None


def families(query: Query, cards: ModelCardQuerySet) -> list[Choice]:
    """A link for each family, the largest first; a chosen one leads back out."""
    counted = cards.values_list("family").annotate(n=Count("pk")).order_by("-n", "family")
    return [_choice(query, "family", name, name, count) for name, count in counted if name]


def statuses(query: Query) -> list[Choice]:
    labels = {"coming-soon": "coming soon", "live": "preview or live"}
    return [_choice(query, "status", value, label) for value, label in labels.items()]


def sorts(query: Query) -> list[Choice]:
    return [
        Choice(sort.label, query.address(sort=name), is_chosen=query.sort == name)
        for name, sort in SORTS.items()
    ]


def _choice(query: Query, field: str, value: str, label: str, count: int | None = None) -> Choice:
    is_chosen = getattr(query, field).casefold() == value.casefold()
    return Choice(label, query.address(**{field: "" if is_chosen else value}), is_chosen, count)
