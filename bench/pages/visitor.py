"""One visitor who reads a page again and again.

    python -m bench.pages.visitor PORT ADDRESS SECONDS

In a process of its own; prints p50 and p95 in ms as JSON. A pause between two visits, because
it is the time of one that counts, not how many there can be.
"""

import asyncio
import json
import statistics
import sys
import time

from bench.pages.load import Line

PAUSE_S = 0.01
WARMING = 20


async def visit(port: int, address: str, seconds: float) -> dict[str, float]:
    line = await Line.to(port)
    for _ in range(WARMING):
        await line.get(address)
    took_ms = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        took_ms.append(await line.get(address) * 1000)
        await asyncio.sleep(PAUSE_S)
    await line.close()
    parts = statistics.quantiles(took_ms, n=100)
    return {"p50_ms": parts[49], "p95_ms": parts[94], "visits": len(took_ms)}


if __name__ == "__main__":
    figures = asyncio.run(visit(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
    print(json.dumps(figures))
