"""Fills a catalog with made-up cards, to see how its pages grow.

They are the real cards under other names and with other figures, so that families, towers and
words are as frequent among ten thousand as among the real ones. The same every time.
"""

import itertools
import random

from django.db import connection

from catalog.models import ModelCard

SEED = 20261123
MAKERS = ["aurora", "basalt", "cobalt", "drift", "ember", "fjord", "granite", "harbour"]
BATCH = 1000


def fill(total: int) -> None:
    real = list(ModelCard.objects.real())
    missing = total - ModelCard.objects.count()
    chance = random.Random(SEED)  # noqa: S311  figures, not secrets
    made = (_variant(card, number, chance) for number, card in enumerate(itertools.cycle(real)))
    ModelCard.objects.bulk_create(itertools.islice(made, missing), batch_size=BATCH)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE catalog_modelcard")  # as autovacuum would within a minute


def _variant(card: ModelCard, number: int, chance: random.Random) -> ModelCard:
    """A card like another: same words and towers, a name and figures of its own."""
    fields = {
        field.attname: getattr(card, field.attname)
        for field in ModelCard._meta.concrete_fields
        if not field.generated and not field.primary_key
    }
    fields["repo"] = f"{MAKERS[number % len(MAKERS)]}{number % 97}/{card.short_name}-r{number}"
    fields["name"] = f"{card.name} r{number}"
    fields["summary_is_generated"] = True
    for name in ("imagenet_top1", "image_gflops"):
        if fields[name] is not None:
            fields[name] = round(fields[name] * chance.uniform(0.8, 1.1), 2)
    fields["downloads_per_month"] = chance.randrange(1_000_000)
    return ModelCard(**fields)
