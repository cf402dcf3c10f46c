"""The catalog follows the hub, and never against a person who checked."""

import io
import socket
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from huggingface_hub import constants
from pytest_django import Settings

from accounts.models import User
from catalog import tasks
from catalog.hub import SOURCE_SLUG, comparison, differences, provenance, sync
from catalog.hub.client import Garbled, Hub, NotShown, Unavailable
from catalog.hub.metadata import Figures
from catalog.loading import cards
from catalog.models import Alias, Difference, HubReading, ModelCard, Provenance, Source
from tests.conftest import make_card
from tests.fakes.card_hub import REVISION, Answer, CardHub, serving
from tests.support.threads import at_once

REPO = "openai/clip-vit-base-patch32"
OTHER = "laion/other"
Decision = Difference.Decision


@pytest.fixture(autouse=True)
def _no_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(settings: Settings) -> Iterator[CardHub]:
    with serving(CardHub()) as hub:
        settings.HF_ENDPOINT = hub.endpoint
        yield hub


@pytest.fixture
def nobody(settings: Settings) -> str:
    """The address of a hub that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.HF_ENDPOINT = f"http://127.0.0.1:{probe.getsockname()[1]}"
    return str(settings.HF_ENDPOINT)


def run(*repos: str, timeout: float = 5) -> str:
    out = io.StringIO()
    call_command("sync_hub", *repos, pause=0, timeout=timeout, stdout=out)
    return out.getvalue()


def read(hub: CardHub, repo: str = REPO) -> Figures:
    return Hub(hub.endpoint, timeout_s=5).figures(repo)


def hand_checked(card: ModelCard, field: str) -> None:
    source, _ = Source.objects.get_or_create(slug="paper", title="the paper")
    card.provenance.create(field=field, source=source, read_on=date(2026, 1, 1))


def everything(card: ModelCard) -> list[object]:
    """The card as it stands in the database, with all that a sync may touch."""
    return [
        ModelCard.objects.filter(pk=card.pk).values().get(),
        list(card.provenance.order_by("pk").values()),
        list(card.differences.order_by("pk").values()),
        list(card.hub_readings.order_by("pk").values()),
    ]


# --- what is written ----------------------------------------------------------------------------


def test_what_nobody_knew_is_filled_in_with_its_source(hub: CardHub, db: None) -> None:
    make_card(REPO, revision="")
    hub.says(REPO)

    output = run()

    card = ModelCard.objects.get()
    assert (card.downloads_per_month, card.likes, card.license) == (12_400_000, 1_900, "mit")
    assert (card.published, card.updated) == (date(2022, 3, 1), date(2023, 9, 1))
    assert card.revision == REVISION
    for row in card.provenance.select_related("source"):
        assert (row.source.slug, row.read_on) == (SOURCE_SLUG, timezone.localdate())
    assert card.provenance.count() == 6
    assert not Difference.objects.exists()
    assert output.splitlines()[-1] == "hub: 1 of 1 read, 1 changed, 0 to review"


def test_a_second_run_on_the_same_day_changes_nothing(hub: CardHub, db: None) -> None:
    card = make_card(REPO, license="Apache-2.0")
    hub.says(REPO)
    run()
    before = everything(card)

    output = run()

    assert everything(card) == before
    assert "nothing new; differs in license" in output


def test_a_figure_of_the_hubs_own_moves_on(hub: CardHub, db: None) -> None:
    card = make_card(REPO)
    hub.says(REPO, downloads=10)
    run()
    hub.says(REPO, downloads=0)

    run()

    card.refresh_from_db()
    assert card.downloads_per_month == 0
    assert HubReading.objects.get().downloads_per_month == 0
    assert not card.differences.filter(field="downloads_per_month").exists()


def test_history_is_kept_across_days(hub: CardHub, db: None) -> None:
    card = make_card(REPO)
    today = timezone.localdate()
    source = provenance.hub_source()
    for days_ago, downloads in ((2, 10), (1, 20), (0, 30)):
        figures = Figures(downloads_per_month=downloads)
        sync.write(card, figures, source=source, today=today - timedelta(days=days_ago))

    by_day = list(card.hub_readings.values_list("downloads_per_month", flat=True))
    assert by_day == [10, 20, 30]


def test_the_day_of_change_moves_only_with_a_figure(db: None) -> None:
    card = make_card(REPO)
    source, today = provenance.hub_source(), timezone.localdate()
    sync.write(card, Figures(likes=5), source=source, today=today - timedelta(days=1))
    card.refresh_from_db()

    sync.write(card, Figures(likes=5), source=source, today=today)

    again = ModelCard.objects.get()
    assert again.changed_at == card.changed_at
    assert again.provenance.get().read_on == today


def test_what_the_hub_does_not_state_stays(hub: CardHub, db: None) -> None:
    card = make_card(REPO, license="MIT", likes=3)
    hub.says(REPO, cardData=None, likes=None, downloads=None, createdAt=None)

    run()

    card.refresh_from_db()
    assert (card.license, card.likes, card.downloads_per_month) == ("MIT", 3, None)
    assert not card.differences.exclude(field="revision").exists()


def test_the_stand_in_is_not_asked_for(hub: CardHub, db: None) -> None:
    make_card("gigarouter/conse-demo", is_stand_in=True)

    assert "0 of 0 read" in run()
    assert hub.asked == []


# --- what a person has checked ------------------------------------------------------------------


@pytest.mark.parametrize("with_source", [True, False])
def test_a_checked_fact_is_never_overwritten(hub: CardHub, db: None, with_source: bool) -> None:
    card = make_card(REPO, license="apache-2.0")
    if with_source:
        hand_checked(card, "license")
    hub.says(REPO)

    run()

    card.refresh_from_db()
    assert card.license == "apache-2.0"
    difference = card.differences.get(field="license")
    assert (difference.ours, difference.hubs, difference.decision) == (
        "apache-2.0",
        "mit",
        Decision.OPEN,
    )
    assert not card.provenance.filter(field="license", source__slug=SOURCE_SLUG).exists()


def test_a_fact_checked_as_unknown_is_not_filled_in(hub: CardHub, db: None) -> None:
    card = make_card(REPO)
    hand_checked(card, "license")
    hub.says(REPO)

    run()

    card.refresh_from_db()
    assert card.license == ""
    assert card.differences.get(field="license").ours == ""


def test_another_spelling_or_day_is_no_difference(hub: CardHub, db: None) -> None:
    make_card(
        REPO,
        license="MIT",
        published=date(2022, 3, 1),
        updated=date(2023, 9, 30),
        revision=REVISION,
    )
    hub.says(REPO)

    run()

    assert not Difference.objects.exists()
    assert ModelCard.objects.get().license == "MIT"


def test_pinned_weights_stay_even_when_the_hub_pinned_them(hub: CardHub, db: None) -> None:
    card = make_card(REPO, revision="")
    hub.says(REPO)
    run()
    hub.says(REPO, sha="f" * 40)

    run()

    card.refresh_from_db()
    assert card.revision == REVISION
    assert card.differences.get().hubs == "f" * 40


def test_an_open_difference_follows_the_hub_and_closes_when_both_agree(
    hub: CardHub, db: None
) -> None:
    card = make_card(REPO, license="apache-2.0", revision=REVISION)
    for license_name in ("mit", "bsd"):
        hub.says(REPO, cardData={"license": license_name})
        run()
    assert Difference.objects.get().hubs == "bsd"

    hub.says(REPO, cardData={"license": "Apache-2.0"})
    run()

    assert not card.differences.exists()


def test_what_was_kept_is_asked_again_only_when_the_hub_moves(
    hub: CardHub, db: None, admin_user: User
) -> None:
    make_card(REPO, license="apache-2.0", revision=REVISION)
    hub.says(REPO)
    run()
    differences.keep(Difference.objects.get(), by=admin_user)

    run()
    assert Difference.objects.get().decision == Decision.KEPT

    hub.says(REPO, cardData={"license": "bsd"})
    run()
    assert Difference.objects.get(decision=Decision.OPEN).hubs == "bsd"


# --- review -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "ours", "hubs"),
    [
        ("license", "apache-2.0", "mit"),
        ("downloads_per_month", 7, 12_400_000),
        ("likes", 7, 1_900),
        ("published", date(2020, 1, 1), date(2022, 3, 1)),
        ("revision", "0" * 40, REVISION),
    ],
)
def test_taking_the_hubs_value_writes_it_and_its_source(
    hub: CardHub, db: None, admin_user: User, field: str, ours: object, hubs: object
) -> None:
    card = make_card(REPO, **{field: ours})
    hand_checked(card, field)
    hub.says(REPO)
    run()
    difference = Difference.objects.get(field=field)

    differences.take(difference, by=admin_user)

    card.refresh_from_db()
    difference.refresh_from_db()
    assert getattr(card, field) == hubs
    assert card.provenance.get(field=field).source.slug == SOURCE_SLUG
    assert (difference.decision, difference.decided_by) == (Decision.TAKEN, admin_user)
    run()
    assert not card.differences.filter(field=field, decision=Decision.OPEN).exists()


def test_keeping_ours_changes_no_figure(db: None, admin_user: User) -> None:
    card = make_card(REPO, license="apache-2.0")
    difference = card.differences.create(
        field="license", ours="apache-2.0", hubs="mit", found_on=date(2026, 1, 1)
    )

    differences.keep(difference, by=admin_user)

    assert ModelCard.objects.get().changed_at == card.changed_at
    assert not Provenance.objects.exists()


def test_a_decision_is_about_the_values_that_were_seen(db: None, admin_user: User) -> None:
    card = make_card(REPO, license="apache-2.0")
    seen = card.differences.create(
        field="license", ours="apache-2.0", hubs="mit", found_on=date(2026, 1, 1)
    )
    Difference.objects.update(hubs="gpl-3.0")

    with pytest.raises(differences.AlreadyDecided):
        differences.take(seen, by=admin_user)

    assert ModelCard.objects.get().license == "apache-2.0"


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_one_wins(admin_user: User) -> None:
    card = make_card(REPO, license="apache-2.0")
    card.differences.create(
        field="license", ours="apache-2.0", hubs="mit", found_on=date(2026, 1, 1)
    )

    def decide(number: int) -> str:
        verb = (differences.take, differences.keep)[number % 2]
        try:
            verb(Difference.objects.get(), by=admin_user)
        except differences.AlreadyDecided:
            return "late"
        return verb.__name__

    [winner] = [outcome for outcome in at_once(decide, 6) if outcome != "late"]

    expected = "mit" if winner == "take" else "apache-2.0"
    assert ModelCard.objects.get().license == expected


@pytest.mark.django_db(transaction=True)
def test_two_syncs_at_once_keep_one_reading_and_one_difference() -> None:
    card = make_card(REPO, license="apache-2.0", revision="")
    source, today = provenance.hub_source(), timezone.localdate()
    figures = Figures(license="mit", likes=5, revision=REVISION)

    at_once(lambda _: sync.write(card, figures, source=source, today=today), 4)

    assert HubReading.objects.count() == Difference.objects.count() == 1
    assert Provenance.objects.count() == 2


# --- a hub that does not answer well -----------------------------------------------------------

TROUBLES = [
    Answer(status=404, headers={"X-Error-Code": "RepoNotFound"}),
    Answer(status=401, headers={"X-Error-Code": "GatedRepo"}),
    Answer(status=401),
    Answer(status=403),
    Answer(status=400),
    Answer(status=500),
    Answer(b"<html>please sign in to this hotel</html>"),
    Answer(b"[]"),
    Answer(b"null"),
    Answer(b"{}"),
    Answer(b""),
    Answer(slow=True),
    Answer.says(REPO, downloads="many"),
    Answer.says(REPO, downloads=-1),
    Answer.says(REPO, downloads=True),
    Answer.says(REPO, downloads=10**30),
    Answer.says(REPO, likes=2**31),
    Answer.says(REPO, sha="main"),
    Answer.says(REPO, sha=7),
    Answer.says(REPO, createdAt="yesterday"),
    Answer.says(REPO, lastModified=5),
    Answer.says("somebody/else"),
    Answer.says(REPO, id=None),
]


@pytest.mark.parametrize("answer", TROUBLES, ids=range(len(TROUBLES)))
def test_a_bad_answer_changes_nothing_and_is_told(hub: CardHub, db: None, answer: Answer) -> None:
    card = make_card(REPO, likes=3)
    make_card(OTHER)
    hub.answers[REPO] = [answer]
    hub.says(OTHER)
    before = everything(card)

    output = run(timeout=0.3)

    assert everything(card) == before
    assert ModelCard.objects.get(repo=OTHER).likes == 1_900
    assert "1 of 2 read" in output


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=404), NotShown),
        (Answer(status=401), NotShown),
        (Answer(status=503), Unavailable),
        (Answer(b"oops"), Garbled),
    ],
)
def test_errors_have_names(hub: CardHub, answer: Answer, error: type[Exception]) -> None:
    hub.answers[REPO] = [answer]

    with pytest.raises(error):
        read(hub)


def test_a_hub_that_is_not_there_changes_nothing_and_says_so(nobody: str, db: None) -> None:
    cards_there = [make_card(f"laion/model-{number}") for number in range(8)]
    before = [everything(card) for card in cards_there]
    out = io.StringIO()

    with pytest.raises(CommandError, match=f"nothing could be read from {nobody}"):
        call_command("sync_hub", pause=0, stdout=out)

    assert [everything(card) for card in cards_there] == before
    assert "0 of 8 read" in out.getvalue()
    assert "stopped early" in out.getvalue()
    assert out.getvalue().count("cannot be reached (") == sync.STOP_AFTER


def test_unknown_names_are_refused(hub: CardHub, db: None) -> None:
    make_card(REPO)

    with pytest.raises(CommandError, match="no such model in the catalog: nobody/nothing"):
        run(REPO, "nobody/nothing")

    assert hub.asked == []


def test_only_those_named_are_read(hub: CardHub, db: None) -> None:
    make_card(REPO)
    make_card(OTHER)
    hub.says(OTHER)

    run(OTHER)

    assert hub.asked == [OTHER]


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0"},
        {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"Retry-After": "Wed, 21 Oct 2015 07:28:00 -0000"},
        {"RateLimit": '"api";r=0;t=0'},
    ],
)
def test_a_busy_hub_is_asked_again_when_it_says(hub: CardHub, headers: dict[str, str]) -> None:
    hub.answers[REPO] = [Answer(status=429, headers=headers), Answer.says(REPO)]

    assert read(hub).likes == 1_900
    assert hub.asked == [REPO, REPO]


def test_a_hub_that_stays_busy_is_left_alone(hub: CardHub) -> None:
    hub.answers[REPO] = [Answer(status=429, headers={"Retry-After": "0"})]

    with pytest.raises(Unavailable, match="busy"):
        read(hub)

    assert len(hub.asked) == 3


def test_nobody_waits_an_hour(hub: CardHub) -> None:
    hub.answers[REPO] = [Answer(status=429, headers={"Retry-After": "3600"})]

    with pytest.raises(Unavailable, match="busy"):
        read(hub)

    assert len(hub.asked) == 1


# --- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card_data", "expected"),
    [
        ({"license": "apache-2.0"}, "apache-2.0"),
        ({"license": "other", "license_name": "apple-ascl"}, "apple-ascl"),
        ({"license": "other"}, "other"),
        ({"license": ["mit"]}, None),
        ({"license": "x" * 61}, None),
        ({"license": "a\nb"}, None),
        ({"license": ""}, None),
        ({}, None),
        ("nonsense", None),
    ],
)
def test_the_license_is_read_from_the_cards_data(
    hub: CardHub, card_data: object, expected: str | None
) -> None:
    hub.says(REPO, cardData=card_data)

    assert read(hub).license == expected


@pytest.mark.parametrize(
    ("field", "value"), [("likes", 0), ("license", "mit"), ("updated", date(2023, 9, 1))]
)
def test_what_a_difference_shows_can_be_read_back(field: str, value: object) -> None:
    assert comparison.read_back(field, comparison.shown(value)) == value


# --- the housekeeper's turns --------------------------------------------------------------------


def test_turns_read_every_card_once_a_day(hub: CardHub, db: None) -> None:
    repos = [f"laion/model-{number}" for number in range(6)]
    for repo in repos:
        make_card(repo)
        hub.says(repo)

    for _ in range(3):
        tasks.sync_hub()

    assert sorted(hub.asked) == repos


def test_a_turn_ends_at_the_first_card_of_a_hub_that_is_away(
    nobody: str, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        make_card(f"laion/model-{number}")

    tasks.sync_hub()

    assert caplog.text.count("not read from the hub") == 1


# --- the fixtures -------------------------------------------------------------------------------


def document(**changes: object) -> dict[str, object]:
    document: dict[str, object] = {"repo": OTHER, "name": "other", "summary": "A model."}
    runtime = {"loader": "open_clip", "open_clip_model": "ViT-B-32", "revision": ""}
    return document | {"runtime": runtime} | changes


def test_a_changed_document_keeps_what_only_the_hub_knows(hub: CardHub, db: None) -> None:
    cards.load_card(document(), {})
    hub.says(OTHER)
    run()

    cards.load_card(document(summary="Another sentence."), {})

    card = ModelCard.objects.get()
    assert (card.summary, card.likes, card.revision) == ("Another sentence.", 1_900, REVISION)
    assert card.published == date(2022, 3, 1)
    assert card.provenance.count() == 6


def test_a_document_that_states_a_fact_wins_over_the_hub(hub: CardHub, db: None) -> None:
    cards.load_card(document(), {})
    hub.says(OTHER)
    run()
    paper = Source.objects.create(slug="paper", title="the paper")
    fact = {"value": "apache-2.0", "source": "paper", "read": date(2026, 1, 1)}

    cards.load_card(document(facts={"license": fact}, published=date(2021, 1, 1)), {"paper": paper})

    card = ModelCard.objects.get()
    assert (card.license, card.published) == ("apache-2.0", date(2021, 1, 1))
    assert card.provenance.get(field="license").source == paper
    assert not card.provenance.filter(field="published").exists()


def test_old_names_are_loaded_and_never_taken_away(db: None) -> None:
    cards.load_card(document(aliases=["laion/old", "laion/older"]), {})
    cards.load_card(document(aliases=["LAION/Old"]), {})

    assert set(Alias.objects.values_list("name", flat=True)) == {"laion/old", "laion/older"}


def test_an_old_name_leads_to_one_model(db: None) -> None:
    make_card(REPO).aliases.create(name="laion/old")

    with pytest.raises(cards.CatalogError, match=f"it leads to {REPO}"):
        cards.load_card(document(aliases=["laion/old"]), {})
