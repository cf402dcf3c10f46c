"""To whom an address belongs: only one whose mail somebody has shown to read identifies anybody.

    proved      a verified row at allauth: a code was typed, or a provider vouches for the address
    claimed     an account names the address, and nobody has proved it yet

A claim ends as soon as somebody else proves the address. An account that was made for an address
and has proved none is nobody's yet: whoever proves the address gets it, and nothing that was
attached to it before.
"""

import logging
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from catalog import email_addresses

log = logging.getLogger(__name__)


def person_at(email: str) -> User | None:
    """Who has proved the address; else the account that was made for it and is nobody's yet."""
    proved = email_addresses.rows_at(EmailAddress.objects.filter(verified=True), email)
    address = proved.select_related("user").first()
    if address is not None:
        user: User = address.user  # allauth is untyped
        return user
    return email_addresses.rows_at(_nobodys(), email).first()


def get_or_create_person(email: str) -> User | None:
    """A new one is nobody's until the code is typed. None: an account names it that may not."""
    person = person_at(email)
    if person is not None:
        return person
    _free_main_address(email)
    new = User(email=email, password=make_password(None))
    # Two tabs at once: the constraint lets one of them insert, and both read that one.
    User.objects.bulk_create([new], ignore_conflicts=True)
    return person_at(email)


@transaction.atomic
def prove(user: User, email: str) -> None:
    """Note that this person reads the mail of the address, as a provider says who has asked."""
    end_other_claims(email, user)
    has_main = EmailAddress.objects.filter(user=user, primary=True).exclude(email=email).exists()
    EmailAddress.objects.update_or_create(
        user=user, email=email, defaults={"verified": True, "primary": not has_main}
    )


@transaction.atomic
def end_other_claims(email: str, user: User | None) -> None:
    """The address is proved to be this person's: nobody else's account names it from now on."""
    others = EmailAddress.objects.filter(~Q(user=user), verified=False)
    email_addresses.rows_at(others, email).delete()
    rivals = User.objects.exclude(pk=user.pk) if user else User.objects.all()
    for rival in email_addresses.rows_at(rivals.filter(_mere_claim()), email):
        log.info("claim ended user=%s", rival.pk)
        rival.delete()
    if user:
        _free_main_address(email, except_of=user)


def is_anothers(email: str, user: User) -> bool:
    """Whether somebody else has proved the address, or the operator made an account for it.

    What strangers merely claim, by asking for a code, keeps nobody from adding their address.
    """
    proved = EmailAddress.objects.filter(verified=True).exclude(user=user)
    given = _nobodys().exclude(pk=user.pk).exclude(_mere_claim())
    rows: list[QuerySet[Any]] = [proved, given]
    return any(email_addresses.rows_at(part, email).exists() for part in rows)


def detach_from_nobodys(user: User) -> None:
    """Remove what is attached to an account that is nobody's yet, as its owner comes.

    A connected account or an authenticator would let somebody else in, or keep the owner out.
    """
    if _nobodys().filter(pk=user.pk).exists():
        SocialAccount.objects.filter(user=user).delete()
        Authenticator.objects.filter(user=user).delete()


@transaction.atomic
def forget_proofs(user: User) -> None:
    """The operator has changed the account's address: only a code to the new one opens it."""
    EmailAddress.objects.filter(user=user).delete()
    # Sessions go by end(), which deletes Django's, too.
    for session in UserSession.objects.filter(user=user):
        session.end()


def unconfirmed_people() -> QuerySet[User]:
    """Accounts that nobody has ever entered, and to which the operator gave nothing."""
    return User.objects.filter(_mere_claim())


def _nobodys() -> QuerySet[User]:
    return User.objects.filter(~_has_proved())


def _mere_claim() -> Q:
    # Whom the operator gave a key or credit (`manage.py issue_key`) may be without mail.
    nothing_given = Q(last_login=None, is_staff=False, api_keys=None, wallet=None)
    return Q(~_has_proved()) & nothing_given


def _has_proved() -> Exists:
    return Exists(EmailAddress.objects.filter(user=OuterRef("pk"), verified=True))


def _free_main_address(email: str, *, except_of: User | None = None) -> None:
    """Give accounts that name it without proof one of the addresses that they have proved."""
    own_proof = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    holders = email_addresses.rows_at(User.objects.filter(Exists(own_proof)), email)
    proved_it = email_addresses.rows_at(own_proof, email)
    for holder in holders.exclude(Exists(proved_it)).exclude(pk=except_of.pk if except_of else 0):
        _take_proved_address(holder)


def _take_proved_address(holder: User) -> None:
    proved = EmailAddress.objects.filter(user=holder, verified=True).order_by("-primary", "pk")
    for address in proved.values_list("email", flat=True):
        if not email_addresses.rows_at(User.objects.all(), address).exists():
            User.objects.filter(pk=holder.pk).update(email=address)
            log.warning("unproved main address replaced user=%s", holder.pk)
            return
