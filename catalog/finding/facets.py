"""The choices of each filter, with how many cards each would leave under the other filters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F

from catalog.finding.browse import Choice, Query
from catalog.finding.filters import FACETS, STATUSES, Facet
from catalog.models import ModelCardQuerySet

# Nobody reads longer lists; the search finds the rest.
MOST_CHOICES = 40
TOTAL = "total"


@dataclass(frozen=True)
class Menu:
    name: str
    label: str
    value: str
    chosen: str
    choices: Sequence[Choice]
    left_out: int


@dataclass(frozen=True)
class Counts:
    total: int
    menus: Sequence[Menu]


def count(query: Query, cards: ModelCardQuerySet) -> Counts:
    counts: dict[str, dict[str, int]] = {name: {} for name in [TOTAL, *FACETS]}
    for name, value, count in _counted(query, cards):
        counts[name][value] = count
    menus = [_menu(query, facet, counts[name]) for name, facet in FACETS.items()]
    return Counts(counts[TOTAL][""], menus)


# In SQL, because the ORM has no WITH: the words are looked for once, and not for each facet.
def _counted(query: Query, cards: ModelCardQuerySet) -> list[tuple[str, str, int]]:
    """Facet, value, and how many cards have it that fit all that is chosen of other facets."""
    values = {f"_{name}": facet.value for name, facet in FACETS.items()}
    fits = {f"fits_{facet.name}": facet.fits(getattr(query, facet.name)) for facet in query.facets}
    resembling = query.resembling(cards).order_by().alias(**values)
    columns = {f"of_{name}": F(f"_{name}") for name in FACETS} | fits
    try:
        sql, parameters = resembling.values(**columns).query.sql_with_params()
    except EmptyResultSet:  # a range beyond what the column can hold
        return [(TOTAL, "", 0)]
    counts = [f"SELECT '{TOTAL}', '', count(*) FROM resembling WHERE {_all_fit(query)}"]  # noqa: S608
    counts += [
        f"SELECT '{name}', of_{name}, count(*) FROM resembling "  # noqa: S608  our own names only
        f"WHERE of_{name} <> '' AND {_all_fit(query, but=name)} GROUP BY 2"
        for name in FACETS
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH resembling AS MATERIALIZED ({sql}) {' UNION ALL '.join(counts)}", parameters
        )
        rows: list[tuple[str, str, int]] = cursor.fetchall()
        return rows


def _all_fit(query: Query, *, but: str = "") -> str:
    chosen = [f"fits_{facet.name}" for facet in query.facets if facet.name != but]
    return " AND ".join(chosen) or "true"


def _menu(query: Query, facet: Facet, counts: Mapping[str, int]) -> Menu:
    chosen = getattr(query, facet.name)
    values = sorted(counts, key=_rank(facet, counts))
    shown = values[:MOST_CHOICES]
    shown += [value for value in values[MOST_CHOICES:] if _same(value, chosen)]
    return Menu(
        name=facet.name,
        label=facet.label,
        value=chosen,
        chosen=facet.words(chosen) if chosen else "",
        choices=[_choice(query, facet, value, counts[value]) for value in shown],
        left_out=len(values) - len(shown),
    )


def _rank(facet: Facet, counts: Mapping[str, int]) -> Callable[[str], tuple[int, str]]:
    if facet.is_number:
        return lambda value: (int(value), "")
    if facet.name == "status":
        return lambda value: (list(STATUSES).index(value), "")
    # The most frequent first.
    return lambda value: (-counts[value], value.casefold())


def _choice(query: Query, facet: Facet, value: str, count: int) -> Choice:
    is_chosen = _same(value, getattr(query, facet.name))
    address = query.address(**{facet.name: "" if is_chosen else value})
    return Choice(facet.words(value), address, is_chosen, count)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
