"""Votes: a person wants a model, once; taken back and cast again at will, until it is there."""

from catalog.demand.votes.operations import (
    VOTES_A_MINUTE,
    Closed,
    SetAside,
    TooManyVotes,
    VoteRefused,
    adopt,
    cast,
    count_expression,
    has_vote_of,
    limit_rate,
    of_outer_card,
    own,
    state_volume,
    withdraw,
)

__all__ = [
    "VOTES_A_MINUTE",
    "Closed",
    "SetAside",
    "TooManyVotes",
    "VoteRefused",
    "adopt",
    "cast",
    "count_expression",
    "has_vote_of",
    "limit_rate",
    "of_outer_card",
    "own",
    "state_volume",
    "withdraw",
]
