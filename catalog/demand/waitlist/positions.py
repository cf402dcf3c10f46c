"""Who waits for a model, and at which position: who confirmed first is first."""

from django.db.models import Case, Count, IntegerField, OuterRef, Q, Subquery, When

from catalog.models import EntryQuerySet, ModelCard, WaitlistEntry

WAITING = Q(confirmed_at__isnull=False, left_at__isnull=True)


def waiting_for(card: ModelCard) -> EntryQuerySet:
    """The model's waitlist in order, each entry with its subscriber."""
    waiting = WaitlistEntry.objects.waiting().filter(card=card)
    return waiting.select_related("subscriber").order_by("confirmed_at", "pk")


def size_of(card: ModelCard) -> int:
    return WaitlistEntry.objects.waiting().filter(card=card).count()


def position_of(entry: WaitlistEntry) -> int | None:
    return best_position(WaitlistEntry.objects.filter(pk=entry.pk))


def best_position(entries: EntryQuerySet) -> int | None:
    return entries.values_list(_position(), flat=True).order_by(_position()).first()


def with_positions(entries: EntryQuerySet) -> EntryQuerySet:
    return entries.annotate(position=_position())


def _position() -> Case:
    # Counted, not kept: whoever leaves makes room for all behind, and no other row need change.
    before = Q(confirmed_at__lt=OuterRef("confirmed_at")) | Q(
        confirmed_at=OuterRef("confirmed_at"), pk__lte=OuterRef("pk")
    )
    up_to_this = (
        WaitlistEntry.objects.waiting()
        .filter(before, card=OuterRef("card"))
        .order_by()
        .values("card")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return Case(When(WAITING, then=Subquery(up_to_this)), output_field=IntegerField())
