"""The catalog as it is shipped, read from its files once and put into the tables again and again.

Reading the files takes seconds; PostgreSQL's COPY brings the same rows back in a fraction of one.
"""

from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.db import connection, transaction

from catalog.loading import cards

FIXTURES = Path(__file__).parents[2] / "fixtures" / "catalog"
# The five models that the catalog began with.
SEEDS = [
    "openai/clip-vit-base-patch32",
    "openai/clip-vit-large-patch14",
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
    "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
]


@dataclass(frozen=True)
class CatalogRows:
    """The rows of each table, as COPY writes them."""

    by_table: dict[str, bytes]

    def restore(self) -> None:
        """Into empty tables. The keys are the old ones: their sequences only ever go on."""
        # One transaction, for foreign keys are checked at its end: any order of tables will do.
        with transaction.atomic(), connection.cursor() as cursor:
            for table, rows in self.by_table.items():
                with cursor.copy(f'COPY "{table}" FROM STDIN') as copy:
                    copy.write(rows)

    def remove(self) -> None:
        """Also whatever refers to them."""
        tables = ", ".join(f'"{table}"' for table in self.by_table)
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {tables} CASCADE")


def read_files() -> CatalogRows:
    """Load the files, keep the rows, and leave the tables as they were."""
    with transaction.atomic():
        cards.load_folder(FIXTURES)
        rows = {table: _rows(table) for table in _tables()}
        transaction.set_rollback(True)
    return CatalogRows({table: copied for table, copied in rows.items() if copied})


def _tables() -> list[str]:
    models = apps.get_app_config("catalog").get_models(include_auto_created=True)
    return [model._meta.db_table for model in models]


def _rows(table: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f'COPY "{table}" TO STDOUT') as copy:
        return b"".join(bytes(block) for block in copy)
