"""The rows of the catalog: cards, their facts, and what they have been."""

from catalog.models.card_queries import ModelCardQuerySet
from catalog.models.cards import Alias, ModelCard
from catalog.models.choices import COMING_SOON, CommercialUse, Loader, Stage, Task
from catalog.models.demand import (
    EntryQuerySet,
    Launch,
    ModelRequest,
    Subscriber,
    Vote,
    VoteQuerySet,
    WaitlistEntry,
)
from catalog.models.facts import Evaluation, HandEdit, Provenance, Question, Source
from catalog.models.history import (
    MOVES,
    Benchmark,
    Difference,
    HubReading,
    PriceChange,
    StageChange,
)
from catalog.models.mail import Mail, MailQuerySet, MailState
from catalog.models.notices import ModelNotice, NoticeKind, NoticeState
from catalog.models.periodic import PeriodicTask, PeriodicTaskQuerySet

__all__ = [
    "COMING_SOON",
    "MOVES",
    "Alias",
    "Benchmark",
    "CommercialUse",
    "Difference",
    "EntryQuerySet",
    "Evaluation",
    "HandEdit",
    "HubReading",
    "Launch",
    "Loader",
    "Mail",
    "MailQuerySet",
    "MailState",
    "ModelCard",
    "ModelCardQuerySet",
    "ModelNotice",
    "ModelRequest",
    "NoticeKind",
    "NoticeState",
    "PeriodicTask",
    "PeriodicTaskQuerySet",
    "PriceChange",
    "Provenance",
    "Question",
    "Source",
    "Stage",
    "StageChange",
    "Subscriber",
    "Task",
    "Vote",
    "VoteQuerySet",
    "WaitlistEntry",
]
