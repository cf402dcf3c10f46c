"""Where the embedded engines listen: it follows from the data folder alone.

On unix sockets only: copies with different folders run side by side, and nothing is open to the
network.
"""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from environ import Env

PROJECT_DIR = Path(__file__).resolve().parent.parent
DATABASE = "gigarouter"
LONGEST_SOCKET_BYTES = 103  # macOS: 104 with the closing zero; Linux has a few more
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
TEXT_CACHE_SOCKET = "text-cache.sock"


def socket_folder(data_dir: Path) -> Path:
    """`DATA_DIR/run`, or a folder in /tmp where that is too long for a socket's address.

    /tmp and not $TMPDIR: a second terminal must arrive at the same folder.
    """
    folder = data_dir.resolve() / "run"
    if len(os.fsencode(folder / POSTGRES_SOCKET)) <= LONGEST_SOCKET_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path("/tmp") / f"gigarouter-{digest}"  # noqa: S108  # its owner and mode are checked


def postgres_url(data_dir: Path) -> str:
    """`postgresql://postgres@/gigarouter?host=<folder>`, the folder percent-encoded."""
    return f"postgresql://postgres@/{DATABASE}?host={quote(str(socket_folder(data_dir)), safe='/')}"


def valkey_url(data_dir: Path) -> str:
    """`unix:///<socket>?db=0`, percent-encoded: redis-py's spelling."""
    return f"unix://{quote(str(socket_folder(data_dir) / VALKEY_SOCKET))}?db=0"


def text_cache_url(data_dir: Path) -> str:
    """As `valkey_url`, of the second Valkey, which evicts."""
    return f"unix://{quote(str(socket_folder(data_dir) / TEXT_CACHE_SOCKET))}"


def read_env() -> None:
    """What .env says, where the environment does not."""
    Env.read_env(PROJECT_DIR / ".env", overwrite=False)


def data_dir_from_environment() -> Path:
    read_env()
    return Path(os.environ.get("DATA_DIR") or PROJECT_DIR / ".data").resolve()
