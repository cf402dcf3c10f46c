"""The picture of a form that had an error: kept for the next try, so that nobody picks it again.

One a visitor, for an hour; only the browser that sent it gets it back. It is stored as it came and
checked as any upload (inference.images): no decoder sees it here.
"""

import uuid

from django.conf import settings

from catalog.infrastructure import storage
from catalog.limits import Refused, network_of, take
from inference import images
from inference.models import PictureDraft
from inference.playground.forms import PlaygroundForm, read_upload

GONE = "The picture that was kept here is gone. Please choose it again."


def keep(form: PlaygroundForm, *, visitor: uuid.UUID | None, address: str) -> PictureDraft | None:
    """Keep the form's picture, or go on keeping the one it names.

    None: it has none of its own, or one that cannot be used, or too many were sent.
    """
    if form.upload is None or visitor is None:
        return of(form.data.get("draft"), visitor=visitor)
    try:
        image = images.check(read_upload(form.upload))
        is_allowed = _count(visitor=visitor, address=address)
        return _store(image, visitor) if is_allowed else None
    except (images.InvalidImage, storage.StorageUnavailable, Refused):
        return None


def of(draft_id: object, *, visitor: uuid.UUID | None) -> PictureDraft | None:
    """This visitor's draft; None for anybody else's, and for what is no id at all."""
    try:
        key = uuid.UUID(str(draft_id))
    except ValueError:
        return None
    return PictureDraft.objects.filter(pk=key, visitor=visitor).first() if visitor else None


def read(draft_id: uuid.UUID, *, visitor: uuid.UUID | None) -> bytes:
    """Raises images.InvalidImage if it is gone, or somebody else's."""
    draft = of(draft_id, visitor=visitor)
    try:
        if draft is not None:
            return storage.read(draft.file)
    except FileNotFoundError:
        pass
    raise images.InvalidImage(GONE)


def delete(visitor: uuid.UUID | None, *, but: uuid.UUID | None = None) -> None:
    """All of a visitor's, except one."""
    if visitor is None:
        return
    own = PictureDraft.objects.filter(visitor=visitor)
    drafts = list(own if but is None else own.exclude(pk=but))
    storage.delete([draft.file for draft in drafts])
    PictureDraft.objects.filter(pk__in=[draft.pk for draft in drafts]).delete()


def _store(image: images.ImageFile, visitor: uuid.UUID) -> PictureDraft:
    draft = PictureDraft.objects.create(visitor=visitor, width=image.width, height=image.height)
    storage.save({draft.file: image.original})
    delete(visitor, but=draft.pk)
    return draft


def _count(*, visitor: uuid.UUID, address: str) -> bool:
    """A form with an error costs no job, so the files that such forms leave are counted here."""
    return take(
        f"playground:drafts:session:{visitor}", settings.PLAYGROUND_JOBS_PER_HOUR_SESSION
    ) and take(
        f"playground:drafts:address:{network_of(address)}",
        settings.PLAYGROUND_JOBS_PER_HOUR_ADDRESS,
    )
