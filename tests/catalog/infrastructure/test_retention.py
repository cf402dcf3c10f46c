"""What is kept for a while only is deleted, slice by slice; if it is not, that is known."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from catalog.infrastructure import retention
from catalog.infrastructure.retention import Budget, Retention
from catalog.models import Mail

A_DAY, A_MINUTE = timedelta(days=1), timedelta(minutes=1)
MAIL = Retention("mail", Mail.objects.all, "created_at", A_DAY)

pytestmark = pytest.mark.django_db


def write(*ages: timedelta) -> None:
    for age in ages:
        mail = Mail.objects.create(sender="us@lab.example", recipients=[], subject=str(age))
        Mail.objects.filter(pk=mail.pk).update(created_at=Now() - age)


def test_all_that_is_due_is_deleted_however_many_slices_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_SLICE", 2)
    write(*[A_DAY + A_MINUTE] * 5, A_MINUTE)

    assert MAIL.delete_due(Budget(60)) == 5
    assert [mail.subject for mail in Mail.objects.all()] == [str(A_MINUTE)]


def test_a_round_without_time_leaves_the_rest_to_the_next() -> None:
    write(2 * A_DAY)

    assert MAIL.delete_due(Budget(0)) == 0
    assert MAIL.delete_due(Budget(60)) == 1


def test_what_the_database_cannot_delete_goes_first() -> None:
    seen: list[str] = []

    def note(rows: object) -> None:
        assert isinstance(rows, list)
        seen.extend(mail.subject for mail in rows)
        assert Mail.objects.count() == 1

    write(2 * A_DAY)

    Retention("mail", Mail.objects.all, "created_at", A_DAY, before=note).delete_due(Budget(60))

    assert seen == [str(2 * A_DAY)]
    assert not Mail.objects.exists()


def test_how_late_the_oldest_row_is() -> None:
    assert MAIL.overdue_s() == 0
    write(A_MINUTE)
    assert MAIL.overdue_s() == 0
    write(A_DAY + A_MINUTE)
    assert MAIL.overdue_s() == pytest.approx(60, abs=5)


def test_a_term_may_come_from_the_settings() -> None:
    write(A_MINUTE)

    own_term = Retention("mail", Mail.objects.all, "created_at", lambda: A_MINUTE / 2)

    assert own_term.overdue_s() == pytest.approx(30, abs=5)
