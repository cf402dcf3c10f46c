"""Somebody asks for a model: the hub is asked, and a card or a sentence comes of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts import lifecycle
from accounts.models import User
from catalog import tasks
from catalog.demand import model_requests
from catalog.demand.model_requests import architectures, suitability
from catalog.hub.client import Hub
from catalog.models import Alias, ModelCard, ModelRequest, Stage, Vote
from tests.conftest import make_card
from tests.fakes.request_hub import OPEN_CLIP, Repo, RequestHub, serving
from tests.support.threads import at_once

PAGE = "/roadmap/request/"
REPO = "Lab/CLIP-ViT-B-16"
State = ModelRequest.State


@pytest.fixture
def server() -> Iterator[RequestHub]:
    with serving(RequestHub({REPO: Repo()})) as server:
        yield server


@pytest.fixture
def hub(server: RequestHub) -> Hub:
    return Hub(server.endpoint, timeout_s=5, most_wait_s=0)


@pytest.fixture
def ada(db: None, client: Client) -> User:
    ada = User.objects.create_user("ada@lab.example")
    client.force_login(ada)
    return ada


def checked(name: str, user: User, hub: Hub) -> ModelRequest:
    request = model_requests.submit(name, user)
    model_requests.check(request, hub)
    request.refresh_from_db()
    return request


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "Lab/CLIP-ViT-B-16",
        "  Lab/CLIP-ViT-B-16/ ",
        "https://huggingface.co/Lab/CLIP-ViT-B-16",
        "http://www.huggingface.co/Lab/CLIP-ViT-B-16/",
        "https://HUGGINGFACE.CO/Lab/CLIP-ViT-B-16/tree/main?not=this#nor-this",
        "huggingface.co/Lab/CLIP-ViT-B-16/blob/main/config.json",
        "hf.co/Lab/CLIP-ViT-B-16",
        "hf-hub:Lab/CLIP-ViT-B-16",
        "https://hub.example/Lab/CLIP-ViT-B-16",
    ],
)
def test_a_name_is_read_from_an_id_or_an_address(written: str, settings: Settings) -> None:
    settings.HF_ENDPOINT = "https://hub.example"

    assert model_requests.parse_name(written) == REPO


@pytest.mark.parametrize(
    "written",
    [
        "",
        "clip",
        "a/b/c",
        "https://huggingface.co/",
        "https://huggingface.co/openai",
        "https://huggingface.co/datasets/openai/things",
        "https://huggingface.co/spaces/openai/clip",
        "https://evil.example/openai/clip",
        "https://huggingface.co.evil.example/openai/clip",
        "https://huggingface.co@evil.example/openai/clip",
        "ftp://huggingface.co/openai/clip",
        "http://[/openai/clip",
        "openai/../etc",
        "openai/-clip",
        "openai/cl ip",
        "openai/clip\0",
        "openai/клип",
        f"openai/{'x' * 200}",
        "javascript:alert(1)/x",
    ],
)
def test_anything_else_is_no_name(written: str) -> None:
    with pytest.raises(model_requests.InvalidName):
        model_requests.parse_name(written)


# --- what the hub says --------------------------------------------------------------------------


def test_a_fitting_model_becomes_a_card_with_the_first_vote(ada: User, hub: Hub) -> None:
    request = checked("lab/clip-vit-b-16", ada, hub)

    card = ModelCard.objects.get()
    assert (request.state, request.card) == (State.ACCEPTED, card)
    assert (card.repo, card.stage, card.summary_is_generated) == (REPO, Stage.REQUESTED, True)
    assert (card.loader, card.open_clip_model) == ("open_clip", f"hf-hub:{REPO}")
    assert (card.license, card.downloads_per_month, card.patch_grid) == ("mit", 12_400_000, 14)
    assert Vote.objects.get().user == ada
    birth = card.stage_changes.get()
    assert (birth.before, birth.stage, birth.reason) == (
        "",
        "requested",
        "requested by a visitor",
    )


def test_each_figure_of_such_a_card_names_the_hub(ada: User, hub: Hub) -> None:
    checked(REPO, ada, hub)

    sources = dict(ModelCard.objects.get().provenance.values_list("field", "source__slug"))
    assert set(sources.values()) == {"hugging-face-hub"}
    figures = {"license", "downloads_per_month", "published", "updated", "revision", "likes"}
    assert figures | {"image_size", "patch_size", "embed_dim", "image_layers"} <= set(sources)


def refused(repo: Repo, server: RequestHub, ada: User, hub: Hub) -> str:
    server.repos[REPO] = repo
    request = checked(REPO, ada, hub)
    assert request.state == State.REFUSED, request
    assert not ModelCard.objects.exists()
    return request.reason


@pytest.mark.parametrize("stated", [{"private": True}, {"gated": "manual"}, {"disabled": True}])
def test_what_not_everybody_may_download_is_refused(
    stated: dict[str, object], server: RequestHub, ada: User, hub: Hub
) -> None:
    assert "private or gated" in refused(Repo(stated), server, ada, hub)


@pytest.mark.parametrize(
    "stated",
    [
        {"pipeline_tag": "text-to-image"},
        {"pipeline_tag": "text-generation", "tags": []},
        {"pipeline_tag": None, "tags": ["pytorch"]},
    ],
)
def test_what_is_no_zero_shot_image_model_is_refused(
    stated: dict[str, object], server: RequestHub, ada: User, hub: Hub
) -> None:
    assert "not filed as a zero-shot image model" in refused(Repo(stated), server, ada, hub)


@pytest.mark.parametrize(
    "stated",
    [
        {"pipeline_tag": None, "tags": ["siglip"]},
        {"pipeline_tag": "feature-extraction", "tags": [], "library_name": "open_clip"},
        {"pipeline_tag": None, "tags": [], "config": {"model_type": "clip"}},
    ],
)
def test_clip_and_its_kin_are_known_by_several_signs(
    stated: dict[str, object], server: RequestHub, ada: User, hub: Hub
) -> None:
    server.repos[REPO] = Repo(stated)

    assert checked(REPO, ada, hub).state == State.ACCEPTED


@pytest.mark.parametrize("sizes", [{}, {"pytorch_model.bin": 5}, {"old/model.safetensors": 5}])
def test_weights_must_be_safetensors(
    sizes: dict[str, int], server: RequestHub, ada: User, hub: Hub
) -> None:
    assert "safetensors" in refused(Repo(sizes=sizes), server, ada, hub)


def test_weights_of_more_than_20_gb_are_refused(server: RequestHub, ada: User, hub: Hub) -> None:
    most = suitability.MOST_WEIGHTS_BYTES
    name = "open_clip_model.safetensors"
    reason = refused(Repo(sizes={name: most + 10**9}), server, ada, hub)
    assert reason.startswith("Its weights are 21 GB.")

    # Other files are not fetched.
    server.repos[REPO] = Repo(sizes={name: most, "model.safetensors": most})
    assert checked(REPO, ada, hub).state == State.ACCEPTED


SIGLIP_FILES: dict[str, object] = {
    "config.json": {"model_type": "siglip"},
    "preprocessor_config.json": {"size": 224},
}
SIGLIP_SIZES = {"model.safetensors": 800, "spiece.model": 800}


@pytest.mark.parametrize(
    ("configs", "sizes"),
    [
        ({}, {}),
        (
            {"model.safetensors.index.json": {"weight_map": {"a": "one.safetensors"}}},
            {"model.safetensors": 0, "one.safetensors": 700},
        ),
        (
            {"processor_config.json": {"image_processor": {"size": 224}}},
            {"preprocessor_config.json": 0},
        ),
        ({"config.json": {"model_type": "siglip"}}, {"spiece.model": 0, "tokenizer.json": 900}),
        (
            {"config.json": {"model_type": "clip"}},
            {"spiece.model": 0, "vocab.json": 900, "merges.txt": 900},
        ),
        ({"open_clip_config.json": {"model_cfg": {}}}, {}),
        ({"open_clip_config.json": OPEN_CLIP}, {}),
    ],
    ids=["as published", "in shards", "one file", "gemma", "clip", "towerless", "without weights"],
)
def test_what_transformers_loads_is_accepted_for_it(
    configs: dict[str, object],
    sizes: dict[str, int],
    server: RequestHub,
    ada: User,
    hub: Hub,
) -> None:
    """A size of 0 takes a file away."""
    gone = {name for name, size in sizes.items() if not size}
    server.repos[REPO] = Repo(
        configs={name: c for name, c in (SIGLIP_FILES | configs).items() if name not in gone},
        sizes={name: size for name, size in (SIGLIP_SIZES | sizes).items() if size},
    )

    assert checked(REPO, ada, hub).state == State.ACCEPTED
    assert ModelCard.objects.get().loader == "transformers"


@pytest.mark.parametrize(
    ("configs", "sizes", "reason"),
    [
        ({}, {"model.safetensors": 0, "pytorch.safetensors": 9}, "have other names than"),
        ({}, {"model.safetensors": 0, "open_clip_model.safetensors": 9}, "have other names than"),
        ({}, {"spiece.model": 0}, "no tokenizer that we can read"),
        ({}, {"spiece.model": 0, "vocab.json": 9, "merges.txt": 9}, "no tokenizer"),
        ({}, {"preprocessor_config.json": 0}, "no processor_config.json or preprocessor_config"),
        (
            {"processor_config.json": {"processor_class": "SiglipProcessor"}},
            {"preprocessor_config.json": 0},
            "no preprocessor_config.json",
        ),
        ({"config.json": {"model_type": "siglip2"}}, {}, "NaFlex"),
        ({"config.json": {"model_type": "siglip", "quantization_config": {}}}, {}, "quantized"),
        (
            {"model.safetensors.index.json": {"weight_map": {"a": "one.safetensors"}}},
            {"model.safetensors": 0, "two.safetensors": 9},
            "lists files that it does not have: one.safetensors",
        ),
        (
            {"model.safetensors.index.json": {"weight_map": {"a": "one.safetensors"}}},
            {"model.safetensors": 0, "one.safetensors": 21 * 10**9},
            "Its weights are 21 GB.",
        ),
        (
            {"model.safetensors.index.json": {"weight_map": []}},
            {"model.safetensors": 0, "one.safetensors": 9},
            model_requests.GARBLED,
        ),
    ],
)
def test_what_no_loader_could_load_is_refused(
    configs: dict[str, object],
    sizes: dict[str, int],
    reason: str,
    server: RequestHub,
    ada: User,
    hub: Hub,
) -> None:
    gone = {name for name, size in sizes.items() if not size}
    repo = Repo(
        configs={name: c for name, c in (SIGLIP_FILES | configs).items() if name not in gone},
        sizes={name: size for name, size in (SIGLIP_SIZES | sizes).items() if size},
    )

    assert reason in refused(repo, server, ada, hub)


def test_weights_under_another_name_than_open_clip_s_are_refused(
    server: RequestHub, ada: User, hub: Hub
) -> None:
    reason = refused(Repo(sizes={"model.safetensors": 600}), server, ada, hub)

    assert "open_clip_model.safetensors or open_clip_pytorch_model.safetensors" in reason


@pytest.mark.parametrize(
    "configs",
    [
        {},
        {"open_clip_config.json": {"model_cfg": {}}},
        {"open_clip_config.json": {"model_cfg": []}},
        {"config.json": {"model_type": "blip"}},
        {"config.json": {"model_type": "clip", "vision_config": {"patch_size": [14]}}},
        {"config.json": {"model_type": "siglip", "text_config": {"vocab_size": [1]}}},
        {"config.json": {"model_type": "clip", "projection_dim": 7}},
    ],
)
def test_what_does_not_say_how_it_is_built_is_refused(
    configs: dict[str, object], server: RequestHub, ada: User, hub: Hub
) -> None:
    assert "how it is built" in refused(Repo(configs=configs), server, ada, hub)


def test_a_config_of_a_megabyte_is_not_read(server: RequestHub, ada: User, hub: Hub) -> None:
    configs: dict[str, object] = {"config.json": b" " * (suitability.MOST_CONFIG_BYTES + 1)}

    assert "too long" in refused(Repo(configs=configs), server, ada, hub)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
def test_nonsense_from_the_hub_is_said_to_be_so(
    body: bytes, server: RequestHub, ada: User, hub: Hub
) -> None:
    configs: dict[str, object] = {"config.json": body}

    assert refused(Repo(configs=configs), server, ada, hub) == model_requests.GARBLED


def test_an_unknown_model_is_refused(ada: User, hub: Hub) -> None:
    request = checked("nobody/nothing", ada, hub)

    assert (request.state, request.reason) == (State.REFUSED, model_requests.NOT_SHOWN)


@pytest.mark.parametrize(
    ("status", "config_status"), [(503, 200), (429, 200), (200, 503), (200, 429)]
)
def test_while_the_hub_is_away_a_request_waits(
    status: int, config_status: int, server: RequestHub, ada: User, hub: Hub
) -> None:
    server.status, server.config_status = status, config_status

    assert checked(REPO, ada, hub).state == State.WAITING

    server.status = server.config_status = 200
    ModelRequest.objects.update(
        checked_at=Now() - model_requests.TRY_AGAIN_AFTER - timedelta(seconds=1)
    )
    assert model_requests.sweep(hub) == 1
    assert ModelRequest.objects.get().state == State.ACCEPTED


def test_a_hub_that_nobody_answers_at_leaves_it_waiting(ada: User) -> None:
    away = Hub("http://127.0.0.1:9", timeout_s=1, most_wait_s=0)

    assert checked(REPO, ada, away).state == State.WAITING


def test_a_file_kept_back_does_not_wait_for_ever(server: RequestHub, ada: User, hub: Hub) -> None:
    server.config_status = 403

    assert checked(REPO, ada, hub).reason == model_requests.GARBLED


def test_the_sweep_rests_between_two_tries(server: RequestHub, ada: User, hub: Hub) -> None:
    server.status = 503
    checked(REPO, ada, hub)
    submitted = len(server.asked)

    assert model_requests.sweep(hub) == 0

    assert len(server.asked) == submitted


def test_the_tasks_check_and_may_run_twice(
    server: RequestHub, ada: User, settings: Settings
) -> None:
    settings.HF_ENDPOINT = server.endpoint
    request = model_requests.submit(REPO, ada)

    tasks.check_request(request.pk)
    tasks.check_request(request.pk)
    tasks.check_request(request.pk + 1)
    tasks.sweep_requests()

    assert ModelRequest.objects.get().state == State.ACCEPTED
    assert Vote.objects.count() == 1


# --- architectures ------------------------------------------------------------------------------


def clip(size: int, patch: int, width: int, layers: int, dim: int, act: str) -> dict[str, object]:
    vision = {"image_size": size, "patch_size": patch, "hidden_size": width, "hidden_act": act}
    vision["num_hidden_layers"] = layers
    return {"model_type": "clip", "projection_dim": dim, "vision_config": vision}


def siglip(size: int, patch: int, width: int, words: int) -> dict[str, object]:
    vision = {"image_size": size, "patch_size": patch, "hidden_size": width}
    return {
        "model_type": "siglip",
        "vision_config": vision,
        "text_config": {"vocab_size": words},
    }


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"model_type": "clip"}, "ViT-B-32-quickgelu"),
        (clip(224, 14, 1024, 24, 768, "quick_gelu"), "ViT-L-14-quickgelu"),
        (clip(336, 14, 1024, 24, 768, "quick_gelu"), "ViT-L-14-336-quickgelu"),
        (clip(224, 14, 1280, 32, 1024, "gelu"), "ViT-H-14"),
        (clip(256, 32, 768, 12, 512, "gelu"), "ViT-B-32-256"),
        (clip(999, 32, 768, 12, 512, "gelu"), None),
        (clip(256, 32, 768, 12, 512, "quick_gelu"), None),
        ({"model_type": "siglip"}, "ViT-B-16-SigLIP"),
        (siglip(384, 14, 1152, 32_000), "ViT-SO400M-14-SigLIP-384"),
        (siglip(512, 16, 1152, 256_000), "ViT-SO400M-16-SigLIP2-512"),
        (siglip(256, 16, 768, 250_000), "ViT-B-16-SigLIP-i18n-256"),
        (siglip(384, 14, 1152, 256_000), "ViT-SO400M-14-SigLIP2-378"),
        (siglip(384, 16, 1536, 256_000), "ViT-gopt-16-SigLIP2-384"),
        (siglip(224, 16, 768, 250_000), None),
    ],
)
def test_measures_tell_the_architecture(config: dict[str, object], name: str | None) -> None:
    architecture = architectures.of_transformers(config)

    assert (architecture and architecture.open_clip_model) == name


def test_every_name_in_the_tables_is_one_of_open_clips_with_those_measures() -> None:
    known = pytest.importorskip("inference.runtime.weights.architectures")
    siglips = architectures.SIGLIP_VOCABULARIES.values()

    for (patch, width, layers, dim), name in architectures.CLIP.items():
        config = known._open_clip_config(name)
        vision = config["vision_cfg"]
        assert (vision["patch_size"], vision["width"], vision["layers"]) == (patch, width, layers)
        assert config["embed_dim"] == dim
    for (_, size), name in architectures.CLIP_SIZES.items():
        assert known._open_clip_config(name)["vision_cfg"]["image_size"] == size
    for name in architectures.QUICK_GELU:
        assert known._open_clip_config(f"{name}-quickgelu")["quick_gelu"]
    for (patch, width, size), name in (row for table in siglips for row in table.items()):
        config = known._open_clip_config(name)
        assert config["embed_dim"] == width
        assert config["vision_cfg"]["image_size"] // patch == size // patch
    for words, names in architectures.SIGLIP_VOCABULARIES.items():
        for name in names.values():
            assert known._open_clip_config(name)["text_cfg"]["vocab_size"] == words


def test_insane_measures_are_no_facts() -> None:
    vision = {"image_size": -1, "width": True, "layers": 10**9, "patch_size": "16"}
    config = {"model_cfg": OPEN_CLIP["model_cfg"] | {"vision_cfg": vision}}

    architecture = architectures.of_open_clip(REPO, config)

    assert architecture is not None
    assert set(architecture.facts) == {
        "embed_dim",
        "text_layers",
        "text_width",
        "text_heads",
        "context_length",
    }


def test_a_grid_too_fine_to_draw_is_not_drawn(
    server: RequestHub, ada: User, hub: Hub, client: Client
) -> None:
    vision = {"image_size": 100_000, "layers": 12, "width": 768, "patch_size": 1}
    config = {"model_cfg": OPEN_CLIP["model_cfg"] | {"vision_cfg": vision}}
    server.repos[REPO].configs = {"open_clip_config.json": config}
    card = checked(REPO, ada, hub).card
    assert card is not None

    for page in [card.get_absolute_url(), "/models/", f"{card.get_absolute_url()}og.png"]:
        answer = client.get(page)

        assert answer.status_code == 200
        assert len(answer.content) < 100_000


# --- asking -------------------------------------------------------------------------------------


def test_asking_twice_is_one_request(ada: User) -> None:
    assert model_requests.submit(REPO, ada) == model_requests.submit(REPO.lower(), ada)


def test_two_people_may_ask_for_the_same_and_both_vote(ada: User, hub: Hub) -> None:
    bob = User.objects.create_user("bob@lab.example")

    checked(REPO, ada, hub)
    checked(REPO, bob, hub)

    assert ModelCard.objects.count() == 1
    assert {vote.user for vote in Vote.objects.all()} == {ada, bob}


def test_a_refused_request_may_be_asked_again(server: RequestHub, ada: User, hub: Hub) -> None:
    server.repos[REPO].said["gated"] = "auto"
    checked(REPO, ada, hub)
    server.repos[REPO].said["gated"] = False

    again = checked(REPO, ada, hub)

    assert (again.state, again.reason) == (State.ACCEPTED, "")
    assert ModelRequest.objects.count() == 1


def test_ten_requests_a_day_and_no_more(ada: User) -> None:
    for number in range(model_requests.REQUESTS_A_DAY):
        model_requests.submit(f"lab/model-{number}", ada)

    with pytest.raises(model_requests.TooManyRequests):
        model_requests.submit("lab/one-more", ada)

    assert model_requests.submit("lab/model-0", ada).repo == "lab/model-0"
    assert ModelRequest.objects.count() == model_requests.REQUESTS_A_DAY


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_request() -> None:
    ada = User.objects.create_user("ada@lab.example")

    pks = at_once(lambda _: model_requests.submit(REPO, ada).pk, 8)

    assert len(set(pks)) == 1
    assert ModelRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_checked_by_two_workers_at_once_makes_one_card() -> None:
    people = [User.objects.create_user(f"p{number}@lab.example") for number in range(6)]
    with serving(RequestHub({REPO: Repo()})) as server:
        hub = Hub(server.endpoint, timeout_s=5, most_wait_s=0)
        submitted = [model_requests.submit(REPO, person) for person in people[:3]]

        at_once(
            lambda i: model_requests.check(ModelRequest.objects.get(pk=submitted[i // 2].pk), hub),
            6,
        )

    card = ModelCard.objects.get()
    assert card.stage_changes.count() == 1
    assert Vote.objects.count() == 3


def test_a_deleted_persons_requests_go_with_them(ada: User) -> None:
    model_requests.submit(REPO, ada)
    assert lifecycle.export(ada)["model_requests"]

    lifecycle.delete(ada)

    assert not ModelRequest.objects.exists()


# --- the page -----------------------------------------------------------------------------------


def test_asking_keeps_the_request_and_rings_once_it_is_kept(
    ada: User,
    client: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as messages:
        answer = client.post(PAGE, {"repo": f"https://huggingface.co/{REPO}"}, follow=True)

    assert answer.redirect_chain == [(PAGE, 302)]
    assert "waiting to be checked" in answer.content.decode()
    assert ModelRequest.objects.get().user == ada
    assert len(messages) == 1


def test_the_page_lists_what_became_of_ones_own_requests(
    ada: User, client: Client, hub: Hub
) -> None:
    checked(REPO, ada, hub)
    checked("nobody/nothing", ada, hub)
    model_requests.submit("bob/secret", User.objects.create_user("bob@lab.example"))

    page = client.get(PAGE).content.decode()

    assert f'href="/models/{REPO}/"' in page
    assert model_requests.NOT_SHOWN in page
    assert "bob/secret" not in page


@pytest.mark.parametrize("name", ["openai/clip", "OpenAI/CLIP", "openai/once", "OPENAI/Once"])
def test_a_model_that_we_have_gets_a_vote_instead(ada: User, client: Client, name: str) -> None:
    card = make_card("openai/clip")
    Alias.objects.create(card=card, name="openai/once")

    answer = client.post(PAGE, {"repo": name})

    assert answer["Location"] == "/models/openai/clip/"
    assert Vote.objects.get().user == ada
    assert not ModelRequest.objects.exists()


def test_a_model_that_is_live_is_only_shown(ada: User, client: Client) -> None:
    make_card("openai/clip", stage=Stage.LIVE)

    answer = client.post(PAGE, {"repo": "openai/clip"}, follow=True)

    assert "is already in the catalog" in answer.content.decode()
    assert not Vote.objects.exists()


@pytest.mark.parametrize("written", ["", "clip", "https://evil.example/a/b", "x" * 501])
def test_a_bad_name_is_answered_with_the_form(ada: User, client: Client, written: str) -> None:
    answer = client.post(PAGE, {"repo": written})

    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not ModelRequest.objects.exists()


def test_who_asks_too_often_is_told_when_to_come_back(ada: User, client: Client) -> None:
    cache.set(f"requests:{ada.pk}", model_requests.REQUESTS_A_DAY)

    answer = client.post(PAGE, {"repo": REPO})

    assert (answer.status_code, answer["Retry-After"]) == (429, "86400")
    assert "come back tomorrow" in answer.content.decode()


def test_a_stranger_is_led_to_sign_in(db: None, client: Client) -> None:
    assert client.get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
    assert client.post(PAGE, {"repo": REPO})["Location"] == f"/accounts/login/?next={PAGE}"
    assert not ModelRequest.objects.exists()


def test_a_forged_request_is_refused(db: None) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("ada@lab.example"))

    assert strict.post(PAGE, {"repo": REPO}).status_code == 403


def test_other_verbs_are_refused(ada: User, client: Client) -> None:
    assert client.delete(PAGE).status_code == 405
