"""All attacks, by name. Each promises what the documentation of security says, not less."""

from collections.abc import Sequence

from bench.abuse.attack import Attack
from bench.abuse.attacks import costly_inputs, front_door, in_flight, people

ATTACKS: Sequence[Attack] = (
    Attack("large-pngs", "8 calls with 70 PNGs of 40 megapixels", costly_inputs.large_pngs),
    Attack("tiny-pngs", "200 PNGs of 5 kB that decode to 40 megapixels", costly_inputs.tiny_pngs),
    Attack("most-pixels", "8 calls with as many as a call may have", costly_inputs.most_pixels),
    Attack(
        "dear-pixels",
        "8 calls with the dearest of these",
        costly_inputs.dear_pixels,
        may_take_mb=400,  # the largest picture twice, while its alpha is taken off
    ),
    Attack("long-words", "20 words of 8,192 letters", costly_inputs.long_words),
    Attack("many-labels", "a million labels, and 1,000 of 500 letters", costly_inputs.many_labels),
    Attack("large-bodies", "100 calls at once with 16 MB each", in_flight.large_bodies),
    Attack("half-bodies", "100 calls that send half of 16 MB", in_flight.half_bodies),
    Attack("hang-up", "calls given up and repeated by their key", in_flight.hang_up),
    Attack("dripping-urls", "8 calls with 32 URLs that drip", in_flight.dripping_urls, by_url=True),
    Attack("large-headers", "60 MB of headers on one connection", front_door.large_headers),
    Attack("slow-headers", "100 requests that never finish their headers", front_door.slow_headers),
    Attack("slow-bodies", "100 forms that never end", front_door.slow_bodies),
    Attack("idle-connections", "500 connections that say nothing", front_door.idle_connections),
    Attack("query-parameters", "addresses with 2,000 and 20,000 parameters", front_door.parameters),
    Attack("wrong-hosts", "no Host, two, and somebody else's", front_door.wrong_hosts),
    Attack(
        "sign-in-flood",
        "codes for the victim's address, from one network and from 60",
        people.sign_in_flood,
    ),
    Attack("sign-ups", "20 people of one catch-all domain", people.sign_ups),
)

BY_NAME = {attack.name: attack for attack in ATTACKS}
