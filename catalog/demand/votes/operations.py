"""Votes: a person wants a model, once; taken back and cast again at will, until it is there.

VoteRefused             root; `str(error)` is a sentence for people
    Closed              the model is not coming soon
    SetAside            support does not count this vote, and it stays as it is
"""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import connection
from django.db.models import Count, Exists, IntegerField, OuterRef, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from catalog import email_addresses, limits
from catalog.demand import subscribers
from catalog.models import COMING_SOON, ModelCard, Vote, VoteQuerySet

VOTES_A_MINUTE = 30
# The rule and the vote are one statement: a model launched since the page was made takes no vote.
CAST = """
INSERT INTO catalog_vote (card_id, user_id, mailbox, is_set_aside)
SELECT id, %s, %s, false FROM catalog_modelcard
WHERE id = %s AND stage = ANY(%s) AND NOT is_stand_in
ON CONFLICT DO NOTHING
"""


class VoteRefused(Exception):
    """This vote cannot be cast or taken back."""


class Closed(VoteRefused):
    """The model is not coming soon."""


class SetAside(VoteRefused):
    """Support does not count this vote, and it stays as it is."""


class TooManyVotes(limits.TooOften):
    retry_after_s = 60


def limit_rate(user: AbstractBaseUser) -> None:
    """Count one vote cast or taken back; raises limits.Refused beyond VOTES_A_MINUTE."""
    if not limits.take(f"votes:{user.pk}", VOTES_A_MINUTE, window_s=60):
        raise TooManyVotes(
            "That's a lot of votes for one minute, so this one wasn't counted. Please wait a "
            "minute and try again."
        )


def cast(card: ModelCard, user: AbstractUser) -> bool:
    """One vote, however often it is cast; whether it is new. Raises Closed.

    Where another account of the mailbox has voted, deleted since or not, that vote moves here.
    """
    mailbox = email_addresses.fingerprint(user.email)
    with connection.cursor() as cursor:
        cursor.execute(CAST, [user.pk, mailbox, card.pk, list(COMING_SOON)])
        if cursor.rowcount:
            return True
    # Not asked whether there is a vote by now: another window may just have taken it back.
    if not ModelCard.objects.real().coming_soon().filter(pk=card.pk).exists():
        raise Closed(f"{card.name} is no longer coming soon, so voting has ended.")
    return _move(Vote.objects.filter(card=card), user)


def adopt(user: AbstractUser) -> None:
    """Give back the votes that the mailbox cast from an account deleted since; at each sign-in."""
    if subscribers.has_confirmed(user):
        _move(Vote.objects.filter(user=None), user)


def _move(votes: VoteQuerySet, user: AbstractUser) -> bool:
    """Make those of the user's mailbox the user's own; whether there were any.

    Not where the user has a vote already, cast under an earlier address: a person has one.
    """
    own = Vote.objects.filter(card=OuterRef("card"), user_id=user.pk)
    of_mailbox = votes.filter(~Exists(own), mailbox=email_addresses.fingerprint(user.email))
    return bool(of_mailbox.update(user_id=user.pk))


def state_volume(card: ModelCard, user: AbstractBaseUser, images_per_month: int | None) -> bool:
    """State how many images a month one would send, or None; False without a vote."""
    own = Vote.objects.filter(card=card, user_id=user.pk)
    return bool(own.update(images_per_month=images_per_month))


def withdraw(card: ModelCard, user: AbstractBaseUser) -> bool:
    """Take the vote back; whether there was one. Raises SetAside."""
    own = Vote.objects.filter(card=card, user_id=user.pk)
    gone, _ = own.counted().delete()
    if not gone and own.filter(is_set_aside=True).exists():
        # Deleted and cast anew it would count again.
        raise SetAside(
            "We set this vote aside, so it can't be changed. Write to us if that looks wrong."
        )
    return bool(gone)


def own(user: AbstractBaseUser) -> VoteQuerySet:
    """A person's votes with their models, newest first."""
    return Vote.objects.filter(user_id=user.pk).select_related("card").order_by("-voted_at", "-pk")


def of_outer_card() -> VoteQuerySet:
    """The counted votes of the card that a query is about; for subqueries."""
    return Vote.objects.counted().filter(card=OuterRef("pk")).order_by()


def count_expression() -> Combinable:
    counted = of_outer_card().values("card").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), Value(0), output_field=IntegerField())


def has_vote_of(user: AbstractBaseUser | AnonymousUser) -> Combinable:
    """Whether a person has voted for a card; no query is made for anonymous visitors."""
    if user.pk is None:
        return Value(False)
    return Exists(Vote.objects.filter(card=OuterRef("pk"), user_id=user.pk))
