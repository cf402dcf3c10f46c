"""The cache, able to count several things in one round trip."""

from collections.abc import Sequence

from django.core.cache.backends.redis import RedisCache

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


class CountingCache(RedisCache):
    # Django's `add` and `incr` would be three round trips a key. `settings.CACHES` names this
    # class.

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
