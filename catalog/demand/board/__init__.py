"""The demand board: which model comes next, by a public formula over votes and the waitlist."""

from catalog.demand.board.ranking import (
    FORMULA,
    HALF_LIFE_DAYS,
    LEAST_IN_A_SUM,
    MOST_SHOWN,
    Row,
    Voices,
    count_set_aside,
    ranked,
    recently_launched,
    rows,
    score_of,
    waiting_expression,
    waiting_for_outer_card,
    weight,
)

__all__ = [
    "FORMULA",
    "HALF_LIFE_DAYS",
    "LEAST_IN_A_SUM",
    "MOST_SHOWN",
    "Row",
    "Voices",
    "count_set_aside",
    "ranked",
    "recently_launched",
    "rows",
    "score_of",
    "waiting_expression",
    "waiting_for_outer_card",
    "weight",
]
