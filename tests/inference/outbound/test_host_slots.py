"""A host that drips delays those who named it, and nobody else."""

import asyncio
from collections.abc import Iterator

import pytest

from inference.images import MAX_BYTES
from inference.outbound import fetcher, outcomes
from inference.outbound.errors import ImageUrlRefused, OutboundError
from inference.outbound.host_slots import HostSlots
from tests.conftest import photo_bytes
from tests.fakes.far_server import Answer, Canary, FarServer, canary, far_server, world

PHOTO = photo_bytes()


@pytest.fixture
def servers() -> Iterator[tuple[FarServer, Canary]]:
    with far_server() as far, canary() as bird:
        far.answers = {
            "/cat.jpg": Answer(body=PHOTO),
            "/drip": Answer(body=b"x" * MAX_BYTES, pieces=MAX_BYTES, pause_s=0.1),
        }
        yield far, bird


def test_a_host_gets_only_so_many_connections_at_a_time() -> None:
    async def story() -> list[int]:
        hosts, at_once, seen = HostSlots(per_host=2, wait_s=20), 0, []

        async def use() -> None:
            nonlocal at_once
            async with hosts.slot("drip.example"):
                at_once += 1
                seen.append(at_once)
                await asyncio.sleep(0.01)
                at_once -= 1

        await asyncio.gather(*(use() for _ in range(10)))
        return seen

    seen = asyncio.run(story())
    assert len(seen) == 10
    assert max(seen) == 2


def test_who_waits_too_long_for_a_busy_host_is_refused_and_leaves_it_free() -> None:
    async def story() -> None:
        hosts = HostSlots(per_host=1, wait_s=0.05)
        async with hosts.slot("drip.example"):
            with pytest.raises(OutboundError, match="busy"):
                async with hosts.slot("drip.example"):
                    pytest.fail("there was no slot")
            async with hosts.slot("other.example"):
                pass
        async with hosts.slot("drip.example"):
            pass

    asyncio.run(story())


def test_beside_a_dripping_host_another_s_picture_comes(servers: tuple[FarServer, Canary]) -> None:
    """Many more fetches drip than one host gets connections; the good one does not wait for any."""
    client = world(*servers)

    async def story() -> bytes:
        hosts = HostSlots(per_host=2, wait_s=20)
        drips = [
            asyncio.create_task(
                fetcher.fetch_image("https://six.example/drip", client=client, hosts=hosts)
            )
            for _ in range(20)
        ]
        await asyncio.sleep(0.2)
        good = await fetcher.fetch_image("https://good.example/cat.jpg", client=client, hosts=hosts)
        assert not any(drip.done() for drip in drips)
        for drip in drips:
            drip.cancel()
        await asyncio.gather(*drips, return_exceptions=True)
        return good

    assert asyncio.run(story()) == PHOTO


def test_how_fetches_end_is_counted() -> None:
    endings: list[bytes | BaseException] = [
        PHOTO,
        PHOTO,
        ImageUrlRefused("timeout"),
        asyncio.CancelledError(),
    ]
    before = outcomes.totals()

    outcomes.count(map(outcomes.name_of, endings))

    after = outcomes.totals()
    assert {name: after[name] - before[name] for name in outcomes.NAMES} == {
        "fetched": 2,
        "refused": 0,
        "timeout": 1,
        "unreachable": 0,
        "dropped": 1,
    }
