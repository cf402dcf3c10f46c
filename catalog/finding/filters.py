"""The filters of the catalog: how each is read from an address, and which cards it lets through.

A facet is a property with few values, and a filter for one of them: `license=mit`. A range leaves
either side open and is written as the hub writes it: `num_parameters=min:6B,max:128B`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from django.db.models import Case, CharField, F, Func, Q, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Lower

from catalog.models import COMING_SOON, CommercialUse, ModelCardQuerySet, Stage, licenses
from catalog.numbers import parsing
from catalog.numbers.formatting import short_exact

UNKNOWN = "unknown"
ALLOWED, NOT_ALLOWED = "allowed", "not-allowed"
LARGEST_BIGINT = 2**63 - 1
STATUSES = {
    "coming-soon": [stage.value for stage in COMING_SOON],
    "live": [Stage.PREVIEW.value, Stage.LIVE.value],
}
STATUS_LABELS = {"coming-soon": "coming soon", "live": "preview or live"}


@dataclass(frozen=True)
class Facet:
    """A property with few values. `value` is the expression that gives a card's, in SQL.

    `accept` turns what stands in an address into a value, or into "" where it makes no sense.
    """

    name: str
    label: str
    value: Combinable
    accept: Callable[[str], str] = str
    is_number: bool = False

    def narrow(self, cards: ModelCardQuerySet, value: str) -> ModelCardQuerySet:
        return cards.alias(**{f"_{self.name}": self.value}).filter(self.fits(value))

    def fits(self, value: str) -> Q:
        """For cards that have `value` under the facet's name with an underscore before it."""
        return Q(**{f"_{self.name}__iexact": value})

    def words(self, value: str) -> str:
        if self.name == "status":
            return STATUS_LABELS[value]
        if self.name == "license":
            return licenses.find(value).name
        if self.name == "commercial":
            return value.replace("-", " ")
        return f"{value} px" if self.name == "input" else value


def _a_status(text: str) -> str:
    return text if text in STATUSES else ""


def _a_use(text: str) -> str:
    return text if text in (ALLOWED, NOT_ALLOWED, UNKNOWN) else ""


def _a_number(text: str) -> str:
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else ""


OWNER = Func(F("repo"), Value("/"), Value(1), function="split_part", output_field=CharField())
STATUS = Case(
    *[When(stage__in=stages, then=Value(name)) for name, stages in STATUSES.items()],
    default=Value(""),
    output_field=CharField(),
)
LICENSE = Case(
    When(license="", then=Value(UNKNOWN)), default=Lower("license"), output_field=CharField()
)
# What the authors state, else what their license says; a license that others report says nothing.
COMMERCIAL = Case(
    When(commercial_use=CommercialUse.YES, then=Value(ALLOWED)),
    When(commercial_use=CommercialUse.NO, then=Value(NOT_ALLOWED)),
    When(licenses.says(CommercialUse.YES), then=Value(ALLOWED)),
    When(licenses.says(CommercialUse.NO), then=Value(NOT_ALLOWED)),
    default=Value(UNKNOWN),
    output_field=CharField(),
)
FACETS = {
    facet.name: facet
    for facet in [
        Facet("status", "status", STATUS, _a_status),
        Facet("author", "author", OWNER),
        Facet("family", "family", F("family")),
        Facet("license", "license", LICENSE),
        Facet("commercial", "commercial use", COMMERCIAL, _a_use),
        Facet("input", "input", Cast("image_size", TextField()), _a_number, is_number=True),
        Facet("embedding", "embedding", Cast("embed_dim", TextField()), _a_number, is_number=True),
    ]
}


@dataclass(frozen=True)
class Range:
    """From a least to a most, both included; None is open."""

    least: Decimal | None = None
    most: Decimal | None = None

    @classmethod
    def read(cls, text: str) -> "Range":
        """`min:6B,max:128B`, either side optional; a side that makes no sense is left open.

        >>> str(Range.read("min:6B,max:128B")), str(Range.read("max:$0.05")), str(Range.read("x"))
        ('min:6B,max:128B', 'max:0.05', '')
        """
        # Thousands may hold commas, too, so that the sides are cut where they begin.
        sides = dict(
            part.partition(":")[::2] for part in text.lower().replace(",m", "\nm").splitlines()
        )
        return cls.between(sides.get("min", ""), sides.get("max", ""))

    @classmethod
    def between(cls, least: str, most: str) -> "Range":
        """The same from two texts. Sides in the wrong order are put right."""
        low, high = (parsing.parse(side.strip().lstrip("$")) for side in (least, most))
        if low is not None and high is not None and low > high:
            low, high = high, low
        return cls(low, high)

    def __str__(self) -> str:
        sides = {"min": self.least, "max": self.most}
        return ",".join(f"{k}:{short_exact(v)}" for k, v in sides.items() if v is not None)


@dataclass(frozen=True)
class RangeFilter:
    """A filter by a range of a column's figures.

    `fields` are the names of the form's two fields. `per_unit`: how many of the column's units one
    unit in the address is.
    """

    name: str
    label: str
    column: str
    fields: tuple[str, str]
    examples: tuple[str, str]
    per_unit: int = 1
    sign: str = ""

    def read(self, parameters: Mapping[str, str]) -> str:
        """The range asked for in its one canonical spelling; "" for none. The form's fields win."""
        least, most = (parameters.get(field, "") for field in self.fields)
        if least.strip() or most.strip():
            return str(Range.between(least, most))
        if any(field in parameters for field in self.fields):
            return ""
        return str(Range.read(parameters.get(self.name, "")))

    def narrow(self, cards: ModelCardQuerySet, text: str) -> ModelCardQuerySet:
        # Unknown figures lie in no range.
        bounds = Range.read(text)
        cards = cards.filter(**{f"{self.column}__isnull": False})
        if bounds.least is not None:
            cards = cards.filter(
                **{f"{self.column}__gte": self._units(bounds.least, ROUND_CEILING)}
            )
        if bounds.most is not None:
            cards = cards.filter(**{f"{self.column}__lte": self._units(bounds.most, ROUND_FLOOR)})
        return cards

    def _units(self, number: Decimal, rounding: str) -> int:
        return min(int((number * self.per_unit).to_integral_value(rounding)), LARGEST_BIGINT)

    def sides(self, text: str) -> tuple[str, str]:
        bounds = Range.read(text)
        low, high = ("" if s is None else short_exact(s) for s in (bounds.least, bounds.most))
        return low, high

    def words(self, text: str) -> str:
        """A range as a page says it: `6B to 128B`, `at least 6B`."""
        low, high = (side and f"{self.sign}{side}" for side in self.sides(text))
        if low and high:
            return f"{low} to {high}"
        return f"at least {low}" if low else f"at most {high}"


RANGE_FILTERS = {
    range_filter.name: range_filter
    for range_filter in [
        RangeFilter(
            name="num_parameters",
            label="parameters",
            column="parameters",
            fields=("min_parameters", "max_parameters"),
            examples=("100M", "1B"),
        ),
        # In US dollars for 1,000 images, as pages show it: $0.001 is 1,000 n$ an image.
        RangeFilter(
            name="price",
            label="est. price / 1k",
            column="nano_usd_per_image",
            fields=("min_price", "max_price"),
            examples=("$0.01", "$0.10"),
            per_unit=1_000_000,
            sign="$",
        ),
    ]
}
FORM_FIELDS = {field for range_filter in RANGE_FILTERS.values() for field in range_filter.fields}
