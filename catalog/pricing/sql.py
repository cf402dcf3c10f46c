"""The arithmetic of `pricing.price_of`, for the database to filter and sort by.

PostgreSQL keeps it in a column of its own, so that no update can leave a price behind. A test
holds every card's figure here to the one in Python.
"""

from decimal import Decimal

from django.db.models import BigIntegerField, Case, DecimalField, F, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Greatest, Round

from catalog import pricing
from catalog.numbers.money import NANO_USD_PER_USD

# Floats would round a half to the even number; numeric rounds it up, as Python does.
EXACT = DecimalField(max_digits=30, decimal_places=12)


def price_in_sql() -> Coalesce:
    """n$ an image by the first basis that is known; NULL when nothing is."""
    return Coalesce(
        F("launch_price_nano_usd_per_image"),
        F("est_price_nano_usd_per_image"),
        _from_benchmark(),
        _from_compute(),
        output_field=BigIntegerField(),
    )


def _from_benchmark() -> Case:
    factor = (
        NANO_USD_PER_USD * (1 + pricing.MARGIN) / pricing.UTILISATION / pricing.SECONDS_PER_HOUR
    )
    exact = _exact("measured_usd_per_hour") / _exact("measured_images_per_s") * _value(factor)
    return _whole_when(exact, {"measured_images_per_s__gt": 0.0, "measured_usd_per_hour__gt": 0.0})


def _from_compute() -> Case:
    anchor = Decimal(str(pricing.ANCHOR_GFLOPS))
    exact = _exact("image_gflops") * pricing.ANCHOR_NANO_USD_PER_IMAGE / _value(anchor)
    return _whole_when(exact, {"image_gflops__isnull": False})


def _whole_when(exact: Combinable, condition: dict[str, object]) -> Case:
    """Whole n$, at least one."""
    # Only if known: GREATEST ignores NULL, and an unknown figure would cost 1 n$.
    whole = Greatest(Value(1), Cast(Round(exact), BigIntegerField()))
    return Case(When(**condition, then=whole), default=None, output_field=BigIntegerField())


def _exact(field: str) -> Combinable:
    return Cast(field, EXACT)


def _value(number: Decimal) -> Combinable:
    return Value(number, output_field=EXACT)
