"""A photo becomes a row of its comparison, and a job for each column.

NotTaken            root; `str(error)` is a sentence for people
    Closed          the comparison was canceled or deleted
    Full            more photos than were admitted
    Busy            so many jobs wait already that the photo should be sent again in a moment

Sent again, as after a connection that broke, a photo is the same row, and what is missing of its
jobs is submitted.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts import credits
from accounts.models import User
from inference import images, jobs
from inference.comparing.columns import Column
from inference.images import ImageFile, InvalidImage
from inference.kinds.classify import request as classify
from inference.models import OPEN, ComparedAnswer, ComparedPhoto, Comparison, Job, Worker

MAX_NAME_CHARACTERS = 255
CLOSED = "This comparison was canceled or deleted, so no more photos are taken."


class NotTaken(Exception):
    pass


class Closed(NotTaken):
    pass


class Full(NotTaken):
    pass


class Busy(NotTaken):
    retry_after_s = 3


@dataclass(frozen=True)
class Upload:
    """A file as it came. `name` may have its folder before it; `content` is None for a file that
    is known to be too large, and was not sent.
    """

    name: str
    content: bytes | None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.name}\0".encode() + (self.content or b"")).hexdigest()


def cleaned_name(name: str) -> str:
    """A file's name with its folder, fit to be shown and stored; never a path to open.

    >>> cleaned_name("pets\\\\cat/a\\0.jpg"), cleaned_name("//"), cleaned_name("x" * 300)[-5:]
    ('pets/cat/a.jpg', 'photo', 'xxxxx')
    """
    parts = re.split(r"[\\/]+", "".join(c for c in name if c.isprintable()))
    return "/".join(part for part in parts if part.strip("."))[-MAX_NAME_CHARACTERS:] or "photo"


def truth_of(name: str, labels: Sequence[str]) -> int | None:
    """The index of the label that the photo's folder names.

    >>> truth_of("set/cats_and_dogs/1.jpg", ["cats and dogs"]), truth_of("Cat/1.jpg", ["a cat"])
    (0, 0)
    >>> truth_of("1.jpg", ["1"]) is None, truth_of("bird/1.jpg", ["a cat"]) is None
    (True, True)
    """
    *_, folder, _ = ["", *name.split("/")]
    by_word = {_plain(label): index for index, label in reversed(list(enumerate(labels)))}
    return by_word.get(_plain(folder)) if folder else None


def _plain(label: str) -> str:
    words = re.sub(r"[\s_-]+", " ", label.casefold()).strip()
    return re.sub(r"^(a|an|the) (?=.)", "", words)


def add(
    comparison: Comparison, columns: Sequence[Column], upload: Upload, *, payer: User | None
) -> ComparedPhoto:
    """Raises NotTaken and storage.StorageUnavailable: then send it again."""
    photo = _row(comparison, upload)
    if photo.error:
        return photo
    try:
        image = _checked(upload)
    except InvalidImage as refusal:
        photo.error = str(refusal)
        ComparedPhoto.objects.filter(pk=photo.pk).update(error=photo.error)
        return photo
    try:
        _ask(comparison, columns, photo, image, payer=payer)
    except IntegrityError as error:  # its row went meanwhile
        raise Closed(CLOSED) from error
    return photo


def _ask(
    comparison: Comparison,
    columns: Sequence[Column],
    photo: ComparedPhoto,
    image: ImageFile,
    *,
    payer: User | None,
) -> None:
    served = Worker.objects.served_repos()
    done = set(photo.answers.filter(missing="").values_list("column", flat=True))
    for number, column in enumerate(columns):
        if number not in done:
            cell = Cell(comparison, photo, number)
            _answer(cell, column, image, payer=payer, is_served=column.repo in served)


def _checked(upload: Upload) -> ImageFile:
    if upload.content is None:
        raise InvalidImage(images.TOO_MANY_BYTES)
    return images.check(upload.content)


def _row(comparison: Comparison, upload: Upload) -> ComparedPhoto:
    with transaction.atomic():
        # Two uploads at once must not both be the last that was admitted.
        current = Comparison.objects.select_for_update(no_key=True).filter(pk=comparison.pk).first()
        if current is None or current.canceled_at:
            raise Closed(CLOSED)
        photos = current.photos.all()
        if existing := photos.filter(fingerprint=upload.fingerprint).first():
            return existing
        if photos.count() >= current.admitted_photos:
            raise Full(f"This comparison takes {current.admitted_photos} photos, and has them.")
        last = photos.aggregate(last=Max("position"))["last"]
        return ComparedPhoto.objects.create(
            comparison=current,
            position=0 if last is None else last + 1,
            name=upload.name,
            fingerprint=upload.fingerprint,
            truth=truth_of(upload.name, current.labels),
        )


@dataclass(frozen=True)
class Cell:
    comparison: Comparison
    photo: ComparedPhoto
    column: int


def _answer(
    cell: Cell, column: Column, image: ImageFile, *, payer: User | None, is_served: bool
) -> None:
    if column.card is None or not is_served:
        _write(cell, missing=ComparedAnswer.Missing.NOT_SERVED)
        return
    request = classify.job_request(
        column.card,
        [image],
        labels=cell.comparison.labels,
        template=column.templates,
        keeps_preview=True,
    )
    try:
        job = jobs.submit(
            request,
            requester=jobs.Requester(cell.comparison.owner_id, cell.comparison.visitor),
            # Of the cell: a photo that is sent again makes no second job.
            idempotency_key=f"comparison:{cell.photo.pk}:{cell.column}",
            # A stand-in has no price, and costs nobody anything.
            payer=payer if column.card.price else None,
            max_queued=settings.API_QUEUED_JOBS,
        )
    except jobs.TooManyQueued:
        raise Busy("Many of your photos wait already. Please send this one again soon.") from None
    except credits.CreditError:
        _without_credit(cell)
        return
    if not _write(cell, job=job):
        jobs.delete(job)
        raise Closed(CLOSED)


def _without_credit(cell: Cell) -> None:
    # Each job holds what it could cost if no text were cached, so those that wait hold more than
    # they will spend: once they are done there may be enough.
    own = Job.objects.filter(compared_answer__photo__comparison=cell.comparison)
    if own.filter(state__in=OPEN).exists():
        raise Busy("Your credit is held by the photos before. Please send this one again soon.")
    _write(cell, missing=ComparedAnswer.Missing.OUT_OF_CREDIT)


def _write(cell: Cell, *, job: Job | None = None, missing: str = "") -> bool:
    """False: the comparison was canceled or deleted meanwhile."""
    with transaction.atomic():
        # Whoever cancels or deletes it waits for this row, and then finds the job.
        is_open = bool(
            Comparison.objects.select_for_update(no_key=True)
            .filter(pk=cell.comparison.pk, canceled_at__isnull=True)
            .values_list("pk")
        )
        own = ComparedAnswer.objects.filter(photo=cell.photo, column=cell.column)
        # The same photo sent twice at once: a reason never takes the place of a job.
        if is_open and (job or not own.filter(job__isnull=False).exists()):
            ComparedAnswer.objects.update_or_create(
                photo=cell.photo,
                column=cell.column,
                defaults={"job": job, "missing": missing},
            )
    return is_open
