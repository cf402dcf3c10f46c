"""Root lends folders to a system user, and is led to no other folder by a link."""

import os
import stat
from pathlib import Path

import pytest

from devserver.permissions import Account, hand_over, open_to

NOBODY = Account(65534, 65534)
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "valkey"

    hand_over(folder, None)
    hand_over(folder, None)

    assert mode(folder) == 0o700


@is_root
def test_a_folder_is_handed_to_the_account(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"

    hand_over(folder, NOBODY)
    hand_over(folder, NOBODY)  # by now it is the account's

    assert (folder.stat().st_uid, mode(folder)) == (NOBODY.uid, 0o700)


@pytest.mark.parametrize("target", ["elsewhere", "missing"])
@pytest.mark.parametrize("account", [None, pytest.param(NOBODY, marks=is_root)])
def test_a_link_is_refused_and_its_target_stays_as_it_is(
    tmp_path: Path, target: str, account: Account | None
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    before = elsewhere.stat()
    link = tmp_path / "valkey"
    link.symlink_to(tmp_path / target)

    with pytest.raises(PermissionError, match="not a link"):
        hand_over(link, account)

    after = elsewhere.stat()
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
    assert not (tmp_path / "missing").exists()


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "valkey").touch()

    with pytest.raises(PermissionError):
        hand_over(tmp_path / "valkey", None)


@is_root
def test_a_folder_that_a_stranger_made_in_tmp_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    folder = tmp_path / "gigarouter-abc"
    folder.mkdir()
    os.chown(folder, 1234, 1234)

    with pytest.raises(PermissionError, match="somebody else"):
        hand_over(folder, NOBODY)

    assert folder.stat().st_uid == 1234


@is_root
def test_programs_are_opened_and_no_link_among_them_is_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o500)
    programs = tmp_path / "bin"
    programs.mkdir(mode=0o700)
    program = programs / "postgres"
    program.touch(mode=0o700)
    (programs / "link").symlink_to(secret)

    open_to(NOBODY, programs)

    assert mode(programs) & 0o005 == 0o005
    assert mode(program) & 0o005 == 0o005
    assert mode(secret) == 0o500
