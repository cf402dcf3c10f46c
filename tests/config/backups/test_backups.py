"""A backup holds all that there is, appears whole or not at all, and is proved by restoring it."""

import json
import tarfile
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import credits
from accounts.models import Category, User, Wallet
from config import backups
from config.backups import making

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _money() -> None:
    user = User.objects.create_user("ada@lab.example")
    credits.grant(user, amount_micro_usd=500, category=Category.ADJUSTMENT, reference="x")


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.usefixtures("_money")
def test_what_was_saved_can_be_restored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = default_storage.save("jobs/photo.jpg", ContentFile(b"a picture"))
    before = databases()

    try:
        call_command("backup", tmp_path)
        call_command("restore_check", tmp_path)
    finally:
        default_storage.delete(name)

    assert "1 wallets, 1 entries: all agree; 1 pictures" in capsys.readouterr().out
    assert databases() == before
    [folder] = backups.complete(tmp_path)
    with tarfile.open(folder / "media.tar") as archive:
        assert archive.extractfile(name).read() == b"a picture"  # type: ignore[union-attr]
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("_money")
def test_a_ledger_that_does_not_add_up_fails_the_check(tmp_path: Path) -> None:
    Wallet.objects.update(balance_micro_usd=400)
    call_command("backup", tmp_path)

    with pytest.raises(CommandError, match="check_ledger on the restored database"):
        call_command("restore_check", tmp_path)


def test_a_backup_that_has_changed_is_refused(tmp_path: Path) -> None:
    folder = backups.make(tmp_path)
    with (folder / "database.dump").open("ab") as file:
        file.write(b"x")

    with pytest.raises(CommandError, match=r"database\.dump is not what was written"):
        call_command("restore_check", tmp_path)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    folder = backups.make(tmp_path)
    (folder / "manifest.json").unlink()

    with pytest.raises(CommandError, match="no whole backup"):
        call_command("restore_check", folder)


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(CommandError):
        call_command("backup", blocked / "backups")

    assert list(tmp_path.iterdir()) == [blocked]


def test_old_backups_go_and_half_made_ones_too(tmp_path: Path) -> None:
    for day in ("20260101T000000Z", "20260102T000000Z", "20260103T000000Z"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "manifest.json").write_text("{}")
    (tmp_path / "20260104T000000Z.partial").mkdir()

    call_command("backup", tmp_path, keep=2)

    assert backups.complete(tmp_path)[0].name == "20260103T000000Z"
    assert len(list(tmp_path.iterdir())) == 2


def test_none_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="1 or more"):
        call_command("backup", tmp_path, keep=0)


def test_the_manifest_names_what_runs_here(tmp_path: Path) -> None:
    manifest = json.loads((backups.make(tmp_path) / making.MANIFEST).read_text())

    assert "accounts.0001_initial" in manifest["migrations"]
    assert set(manifest["sha256"]) == {"database.dump", "media.tar"}
