"""Browsing the catalog: search, filters and order, read from the address and written back to it.

    /models/?q=vit+l14&family=OpenCLIP&num_parameters=max%3A1B&sort=compute&x=price

Whatever an address holds that makes no sense is left out, never an error: people edit addresses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from urllib.parse import urlencode

from django.db.models import F, FloatField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Extract, NullIf

from catalog.accuracy_chart import axes
from catalog.accuracy_chart.axes import Axis
from catalog.demand import votes
from catalog.finding import search
from catalog.finding.filters import FACETS, FORM_FIELDS, RANGE_FILTERS, Facet, RangeFilter
from catalog.finding.paging import Page, falling, page_of, rising
from catalog.finding.words import LANGUAGES
from catalog.models import ModelCardQuerySet

LONGEST_QUERY = 100
# A key holds two numbers and a repo id of up to 200 characters, in JSON, in base64.
LONGEST_KEY = 500


@dataclass(frozen=True)
class Sort:
    label: str
    key: Combinable


# Of equal matches the most downloaded; of those that nobody counted the most accurate.
POPULARITY = Coalesce(
    Cast(F("downloads_per_month"), FloatField()), F("imagenet_top1") / Value(100.0)
)
PER_GFLOP = F("imagenet_top1") / NullIf("image_gflops", Value(0.0))
SORTS = {
    "accuracy": Sort("accuracy", falling(F("imagenet_top1"))),
    "compute": Sort("compute", rising(F("image_gflops"))),
    "efficiency": Sort("accuracy per GFLOP", falling(PER_GFLOP)),
    "price": Sort("price", rising(F("nano_usd_per_image"))),
    "downloads": Sort("downloads", falling(F("downloads_per_month"))),
    "votes": Sort("votes", falling(votes.count_expression())),
    "newest": Sort("newest", falling(Extract(Coalesce("released", "published"), "epoch"))),
}


@dataclass(frozen=True)
class Query:
    """What a visitor looks for; every field empty means everything, most accurate first.

    While somebody searches and names no order, the best match comes first. `x` and `y` are the
    chart's axes, `m` the repo ids of models ticked to compare: what is found is the same.
    """

    q: str = ""
    status: str = ""
    author: str = ""
    family: str = ""
    license: str = ""
    commercial: str = ""
    input: str = ""
    embedding: str = ""
    num_parameters: str = ""
    price: str = ""
    sort: str = ""
    x: str = ""
    y: str = ""
    m: tuple[str, ...] = ()
    after: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str], *, chosen: Sequence[str] = ()) -> "Query":
        """Take from an address what is known, and leave the rest. `chosen` becomes `m`."""
        names = [*asdict(cls()), *FORM_FIELDS]
        # PostgreSQL takes no NUL in a text.
        texts = {n: parameters[n].replace("\0", "") for n in names if n in parameters}
        words = {name: text[:LONGEST_QUERY].strip() for name, text in texts.items()}
        facets = {name: facet.accept(words.get(name, "")) for name, facet in FACETS.items()}
        ranges = {filter_.name: filter_.read(words) for filter_ in RANGE_FILTERS.values()}
        x, y = words.get("x", ""), words.get("y", "")
        sort = words.get("sort", "")
        return cls(
            q=words.get("q", ""),
            sort=sort if sort in SORTS else "",
            x=x if x in axes.ACROSS else "",
            y=y if y in axes.UP else "",
            m=tuple(chosen),
            after=texts.get("after", "")[:LONGEST_KEY],
            **facets,
            **ranges,
        )

    def page(self, cards: ModelCardQuerySet) -> Page:
        if self.words and not self.sort:
            by, then = falling(F("resemblance")), falling(POPULARITY)
        else:
            by, then = SORTS[self.sort or "accuracy"].key, Value(0.0)
        return page_of(self.matching(cards), by=by, then=then, after=self.after)

    def matching(self, cards: ModelCardQuerySet) -> ModelCardQuerySet:
        cards = self.resembling(cards)
        for facet in self.facets:
            cards = facet.narrow(cards, getattr(self, facet.name))
        return cards

    def resembling(self, cards: ModelCardQuerySet) -> ModelCardQuerySet:
        """The cards that fit the words and the ranges, whatever the facets say."""
        for range_filter in self.range_filters:
            cards = range_filter.narrow(cards, getattr(self, range_filter.name))
        return search.find(cards, self.words)

    @cached_property
    def words(self) -> list[search.Word]:
        # Cached: the database is asked which of the words it knows.
        return search.read(self.q)

    @property
    def languages(self) -> list[str]:
        """The languages that the search names, as in a sentence; it finds multilingual models."""
        names = [LANGUAGES[word.text] for word in self.words if word.text in LANGUAGES]
        return list(dict.fromkeys(names))

    @property
    def facets(self) -> list[Facet]:
        return [facet for name, facet in FACETS.items() if getattr(self, name)]

    @property
    def range_filters(self) -> list[RangeFilter]:
        return [range_filter for name, range_filter in RANGE_FILTERS.items() if getattr(self, name)]

    def address(self, **changes: str) -> str:
        """The query string with some fields changed and empty ones left out, on its first page."""
        fields = asdict(self) | {"after": ""} | changes
        fields = {name: text for name, text in fields.items() if text}
        return f"?{urlencode(fields, doseq=True, safe=':,/')}" if fields else "?"

    @property
    def is_empty(self) -> bool:
        return not (self.q or self.facets or self.range_filters)

    @property
    def across(self) -> Axis:
        return axes.ACROSS[self.x or "compute"]

    @property
    def up(self) -> Axis:
        return axes.UP[self.y or "imagenet"]

    @property
    def has_own_axes(self) -> bool:
        return bool(self.x or self.y)

    @property
    def everything(self) -> str:
        """The address of all models, with the order, the axes and the ticks that are chosen."""
        return Query(sort=self.sort, x=self.x, y=self.y, m=self.m).address()


@dataclass(frozen=True)
class Choice:
    label: str
    address: str
    is_chosen: bool
    count: int | None = None


def sorts(query: Query) -> list[Choice]:
    return [
        Choice(sort.label, query.address(sort=name), is_chosen=query.sort == name)
        for name, sort in SORTS.items()
    ]


def axes_across(query: Query) -> list[Choice]:
    return [
        Choice(axis.label, query.address(x=name), is_chosen=axis == query.across)
        for name, axis in axes.ACROSS.items()
    ]


def axes_up(query: Query) -> list[Choice]:
    return [
        Choice(axis.label, query.address(y=name), is_chosen=axis == query.up)
        for name, axis in axes.UP.items()
    ]


def chips(query: Query) -> list[Choice]:
    in_force: list[Facet | RangeFilter] = [*query.facets, *query.range_filters]
    return [_chip(query, filter_in_force) for filter_in_force in in_force]


def _chip(query: Query, in_force: Facet | RangeFilter) -> Choice:
    label = f"{in_force.label}: {in_force.words(getattr(query, in_force.name))}"
    return Choice(label, query.address(**{in_force.name: ""}), is_chosen=True)


@dataclass(frozen=True)
class Field:
    range_filter: RangeFilter
    least: str
    most: str


def fields(query: Query) -> list[Field]:
    return [
        Field(range_filter, *range_filter.sides(getattr(query, range_filter.name)))
        for range_filter in RANGE_FILTERS.values()
    ]
