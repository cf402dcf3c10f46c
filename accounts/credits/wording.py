"""The ledger's lines in words: `welcome credit`, `12 images on CLIP ViT-L/14`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.models import Category, Entry, EntryKind, Grant, User
from catalog.models import ModelCard

GRANTS = {
    Category.WELCOME: "welcome credit",
    Category.LAUNCH: "launch credit",
    Category.PURCHASE: "credit added by card",
    Category.PROMOTION: "promotional credit",
    Category.ADJUSTMENT: "credit added by the operator",
}


@dataclass(frozen=True)
class Wording:
    """What the lines of one person need: what each grant is, and how models are called."""

    categories: Mapping[str, str]
    names: Mapping[str, str]

    @classmethod
    def of(cls, user: User) -> "Wording":
        """Two queries, for any number of lines."""
        grants = Grant.objects.filter(wallet__user=user)
        return cls(
            categories=dict(grants.values_list("reference", "category")),
            names=dict(ModelCard.objects.values_list("repo", "name")),
        )

    def of_line(self, entry: Entry) -> str:
        return WORDS[EntryKind(entry.kind)](self, entry)

    def _granted(self, entry: Entry) -> str:
        category = self.categories.get(entry.reference)
        words = GRANTS[Category(category)] if category else "credit"
        if entry.model:
            return f"{words} for {self._name(entry)}"
        is_explained = category in {Category.ADJUSTMENT, Category.PROMOTION}
        return f"{words}: {entry.note}" if entry.note and is_explained else words

    def _spent(self, entry: Entry) -> str:
        work = entry.note or "a request"
        return f"{work} on {self._name(entry)}" if entry.model else work

    def _held(self, entry: Entry) -> str:
        return f"held for {self._spent(entry)}"

    def _released(self, entry: Entry) -> str:
        return f"not charged: {self._spent(entry)}"

    def _expired(self, entry: Entry) -> str:
        # The grant's reference, and what was left of it: accounts.credits.expiry.
        category = self.categories.get(entry.reference.rpartition("/")[0])
        return f"expired: {GRANTS[Category(category)]}" if category else "expired"

    def _taken(self, entry: Entry) -> str:
        return f"taken back: {entry.note}" if entry.note else "taken back"

    def _refunded(self, entry: Entry) -> str:
        return entry.note or "refunded"

    def _name(self, entry: Entry) -> str:
        return self.names.get(entry.model, entry.model)


WORDS: Mapping[EntryKind, Callable[[Wording, Entry], str]] = {
    EntryKind.GRANT: Wording._granted,
    EntryKind.HOLD: Wording._held,
    EntryKind.CAPTURE: Wording._spent,
    EntryKind.RELEASE: Wording._released,
    EntryKind.EXPIRE: Wording._expired,
    EntryKind.ADJUST: Wording._taken,
    EntryKind.REFUND: Wording._refunded,
}


def links_of(user: User, entries: Iterable[Entry]) -> Mapping[str, str]:
    """The pages of those references that still have one; what they are, apps above us know."""
    links: Mapping[str, str] = import_string(settings.LEDGER_LINKS)(
        user, {entry.reference for entry in entries}
    )
    return links
