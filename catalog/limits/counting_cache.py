"""The cache, able to count several things in one round trip, and to tell what the site put there.

Django unpickles what it finds in Redis, and to unpickle is to run code. A worker's machine, which
may be trusted less than the site's (docs/security.md), counts and leaves marks there, which are
numbers. So all else is signed with SECRET_KEY, which such a worker has not, and what is not signed
is not there.
"""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.cache.backends.redis import RedisCache, RedisSerializer
from django.core.signing import BadSignature
from django.utils.crypto import salted_hmac

# KEYS: what is counted. ARGV: the step, then of each key its most and its window in seconds.
# Returns 0 and has counted all, or the longest wait in milliseconds and has counted none.
COUNT_WITHIN = """
local wait = 0
for i, key in ipairs(KEYS) do
    local count = tonumber(redis.call('GET', key) or '0')
    if count + math.max(tonumber(ARGV[1]), 1) > tonumber(ARGV[2 * i]) then
        wait = math.max(wait, redis.call('PTTL', key), 1)
    end
end
if wait > 0 then return wait end
if ARGV[1] == '0' then return 0 end
for i, key in ipairs(KEYS) do
    redis.call('SET', key, 0, 'EX', ARGV[2 * i + 1], 'NX')
    redis.call('INCRBY', key, ARGV[1])
end
return 0
"""


SALT = "catalog.limits.counting_cache"
SIGNATURE_BYTES = 32  # of SHA-256


class SignedSerializer(RedisSerializer):
    """Whole numbers as they are, all else behind a signature. `loads` raises BadSignature."""

    # Any: whatever can be pickled, and bytes that Redis has.
    def dumps(self, obj: Any) -> Any:
        packed: Any = super().dumps(obj)
        if isinstance(packed, int):
            return packed
        return _sign(packed, settings.SECRET_KEY) + packed

    def loads(self, data: Any) -> Any:
        with suppress(ValueError):
            return int(data)
        signature, packed = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
        keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        if not any(hmac.compare_digest(signature, _sign(packed, key)) for key in keys):
            raise BadSignature("somebody else has put this into the cache")
        return super().loads(packed)


def _sign(packed: bytes, key: str) -> bytes:
    return salted_hmac(SALT, packed, key, algorithm="sha256").digest()


class CountingCache(RedisCache):
    # Django's `add` and `incr` would be three round trips a key. `settings.CACHES` names this
    # class.

    # Any: whatever was put there.
    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except BadSignature:
            return default

    def count(self, keys: Sequence[str], *, timeout_s: int, by: int = 1) -> list[int]:
        """`by` more for each key; the new counts. A key expires so long after its first count."""
        pipeline = self._cache.get_client(None, write=True).pipeline(transaction=False)
        for key in keys:
            name = self.make_and_validate_key(key)
            pipeline.set(name, 0, ex=timeout_s, nx=True)
            pipeline.incrby(name, by)
        counts: list[int] = pipeline.execute()[1::2]
        return counts

    def count_within(self, bounds: Sequence[tuple[str, int, int]], *, step: int) -> int:
        """Count each (key, most, window in seconds) if all have room; else milliseconds to wait.

        One script, so that of two who ask at once for the last place one gets it. `step` is how
        many are counted; 0 looks whether there is room for one.
        """
        keys = [self.make_and_validate_key(key) for key, _, _ in bounds]
        values = [number for _, most, window_s in bounds for number in (most, window_s)]
        client = self._cache.get_client(None, write=True)
        return int(client.eval(COUNT_WITHIN, len(keys), *keys, step, *values))
