"""What a page says of a model follows its stage, its workers and its peers, in every form alike."""

import re

import pytest
from django.test import Client

from catalog.models import Stage
from catalog.pages import queries
from catalog.standing import ranks
from tests.conftest import make_card
from tests.support.model_forms import forms_of, serve


def test_ranks_are_counted_among_the_models_that_state_the_figure(db: None) -> None:
    for name, parameters, top1 in [
        ("a", 400, 70.0),
        ("b", 300, 80.0),
        ("c", 300, None),
        ("d", 200, 75.5),
        ("e", 100, 60.0),
        ("f", None, 90.0),
    ]:
        make_card(f"lab/{name}", parameters=parameters, imagenet_top1=top1)
    make_card("lab/stand-in", parameters=999, imagenet_top1=99.9, is_stand_in=True)

    def ranks_of(repo: str) -> list[tuple[str, str]]:
        card = queries.find_card(repo)
        assert card is not None
        return [(rank.text, rank.note) for rank in ranks.ranks_of(card)]

    assert ranks_of("lab/a") == [
        ("largest of 5 by parameters", ""),
        ("4th of 5 by ImageNet top-1", ""),
    ]
    assert ranks_of("lab/b") == [
        ("2nd largest of 5 by parameters", "shared with 1 other"),
        ("2nd of 5 by ImageNet top-1", ""),
    ]
    assert ranks_of("lab/c") == [("2nd largest of 5 by parameters", "shared with 1 other")]
    assert ranks_of("lab/d")[0] == ("2nd smallest of 5 by parameters", "")
    assert ranks_of("lab/e")[0] == ("smallest of 5 by parameters", "")
    assert ranks_of("lab/f") == [("1st of 5 by ImageNet top-1", "")]
    assert ranks_of("lab/stand-in") == []


@pytest.mark.parametrize(
    ("stage", "is_served", "badge", "answer", "rail"),
    [
        (Stage.PREVIEW, True, "preview", "It is a preview", "try it now"),
        (Stage.PREVIEW, False, "preview, no worker now", "no worker serves", "no worker right now"),
        (Stage.LIVE, True, "live", "Yes: it answers", "try it now"),
        (Stage.LIVE, False, "live, no worker now", "no worker serves", "no worker right now"),
        (Stage.DEPRECATED, True, "deprecated", "will be retired", "try it now"),
        (Stage.RETIRED, False, "retired", "no longer served", "see the other models"),
    ],
)
def test_badge_rail_and_questions_agree(
    client: Client,
    db: None,
    stage: Stage,
    is_served: bool,
    badge: str,
    answer: str,
    rail: str,
) -> None:
    card = make_card("lab/model", stage=stage)
    if is_served:
        serve(card.repo)

    told = forms_of(client, card.repo)
    listed = client.get("/models/").content.decode()

    assert f"zero-shot image · {badge} " in told.page
    assert answer in told.questions["Is it live?"]
    assert rail in told.page
    assert f"· {badge}\n" in told.markdown
    assert f">{badge}</span>" in listed
    assert told.document["callable"] is (is_served and stage is not Stage.RETIRED)


def test_the_comparison_names_a_missing_worker(client: Client, db: None) -> None:
    for name in ("one", "two"):
        make_card(f"lab/{name}", stage=Stage.LIVE)
    serve("lab/one")

    page = client.get("/compare/?m=lab/one&m=lab/two").content.decode()

    cells = re.findall(r'<span class="compare__text">(live[^<]*)</span>', page)
    assert cells == ["live", "live, no worker now"]


@pytest.mark.parametrize("is_served", [True, False])
def test_an_offer_says_whether_it_can_be_had(client: Client, db: None, is_served: bool) -> None:
    make_card("lab/live", stage=Stage.LIVE, launch_price_nano_usd_per_image=90_000)
    if is_served:
        serve("lab/live")

    [product] = [
        thing for thing in forms_of(client, "lab/live").linked_data if thing["@type"] == "Product"
    ]

    offers = product["offers"]
    assert offers["availability"].endswith("InStock" if is_served else "OutOfStock")
