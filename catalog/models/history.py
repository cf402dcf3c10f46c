"""What a card has been: its stages, its prices, and its figures on the hub day by day."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.models.cards import ModelCard
from catalog.models.choices import Stage
from catalog.pricing import Basis

# Where a model may go from each stage. A card's first stage has none before it. A constraint below
# is made of this table, so that a change of it needs a migration.
MOVES: dict[str, tuple[Stage, ...]] = {
    "": tuple(Stage),
    Stage.REQUESTED: (Stage.BENCHMARKING, Stage.RETIRED),
    Stage.BENCHMARKING: (Stage.ONBOARDING, Stage.REQUESTED, Stage.RETIRED),
    Stage.ONBOARDING: (Stage.PREVIEW, Stage.LIVE, Stage.BENCHMARKING, Stage.RETIRED),
    Stage.PREVIEW: (Stage.LIVE, Stage.ONBOARDING, Stage.RETIRED),
    Stage.LIVE: (Stage.DEPRECATED,),
    Stage.DEPRECATED: (Stage.LIVE, Stage.RETIRED),
    Stage.RETIRED: (Stage.REQUESTED,),
}


def _an_allowed_move() -> Q:
    allowed = Q()
    for before, after in MOVES.items():
        allowed |= Q(before=before, stage__in=[stage.value for stage in after])
    return allowed


class StageChange(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="stage_changes")
    before = models.CharField(max_length=20, blank=True, choices=Stage, help_text="empty: new")
    stage = models.CharField(max_length=20, choices=Stage)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["changed_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=_an_allowed_move(), name="stage_change_is_allowed"),
            models.CheckConstraint(condition=~Q(reason=""), name="stage_change_has_a_reason"),
            models.UniqueConstraint(
                fields=["card"], condition=Q(before=""), name="stage_change_one_birth"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.card_id}: {self.before or 'new'} to {self.stage}"


class PriceChange(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="price_changes")
    nano_usd_per_image = models.PositiveBigIntegerField()
    nano_usd_per_token = models.PositiveBigIntegerField(default=0)
    nano_usd_per_text = models.PositiveBigIntegerField(
        default=0, help_text="of each new text, before texts were priced by the token"
    )
    basis = models.CharField(max_length=20, choices=Basis)
    inputs = models.JSONField(default=dict, blank=True, help_text="what the formula was fed")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["since", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(basis__in=Basis.values), name="price_change_basis_is_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.card_id}: {self.nano_usd_per_image} n$ since {self.since:%Y-%m-%d}"


class HubReading(models.Model):
    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="hub_readings")
    read_on = models.DateField()
    downloads_per_month = models.BigIntegerField(null=True, blank=True)
    likes = models.PositiveIntegerField(null=True, blank=True)
    license = models.CharField(max_length=60, blank=True)
    revision = models.CharField(max_length=40, blank=True)
    published = models.DateField(null=True, blank=True)
    updated = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["read_on"]
        constraints = [
            models.UniqueConstraint(fields=["card", "read_on"], name="hub_reading_one_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.card_id} on {self.read_on}"


class Difference(models.Model):
    """The hub says otherwise than a fact somebody checked by hand: a person decides."""

    class Decision(models.TextChoices):
        OPEN = "open", "open"
        TAKEN = "taken", "taken from the hub"
        KEPT = "kept", "kept as it was"

    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="differences")
    field = models.CharField(max_length=40, help_text="name of the card's field")
    ours = models.CharField(max_length=300, blank=True)
    hubs = models.CharField("the hub's", max_length=300, blank=True)
    found_on = models.DateField()
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.OPEN)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-found_on", "card", "field"]
        constraints = [
            models.UniqueConstraint(
                fields=["card", "field"],
                condition=Q(decision="open"),
                name="difference_one_open_per_field",
            ),
            models.CheckConstraint(
                condition=Q(decision="open", decided_at__isnull=True)
                | (~Q(decision="open") & Q(decided_at__isnull=False)),
                name="difference_decided_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.card_id} {self.field}: {self.ours} here, {self.hubs} there"


class Benchmark(models.Model):
    """One measurement of a model's speed on one machine, with all that it depended on."""

    card = models.ForeignKey(ModelCard, models.CASCADE, related_name="benchmarks")
    measured_at = models.DateTimeField(default=timezone.now)
    hardware = models.CharField(max_length=120, help_text="as people call it")
    device = models.CharField(max_length=40, help_text="cpu, cuda, cuda:1")
    dtype = models.CharField(max_length=20, help_text="float32, bfloat16, int8")
    engine = models.CharField(max_length=20, default="torch", help_text="torch, onnxruntime")
    agreement = models.JSONField(
        null=True,
        blank=True,
        help_text="of int8 with float32: images, cosine_min, cosine_median, top1",
    )
    has_random_weights = models.BooleanField(
        default=False, help_text="speed does not depend on the weights' values"
    )
    usd_per_hour = models.FloatField(null=True, blank=True, help_text="what the machine costs")
    load_s = models.FloatField(help_text="from the disk to the first answer")
    resident_bytes = models.BigIntegerField(help_text="of the process")
    device_bytes = models.BigIntegerField(null=True, blank=True, help_text="of the GPU; null: none")
    commit = models.CharField(max_length=40, blank=True, help_text="of our code; empty: unknown")
    versions = models.JSONField(default=dict, help_text="of the packages that count")
    figures = models.JSONField(
        default=list,
        help_text="rows of what (pass, photos), batch, callers, images_per_s, p50_ms, p95_ms",
    )

    class Meta:
        ordering = ["-measured_at", "-pk"]
        indexes = [models.Index(fields=["card", "-measured_at"], name="benchmark_latest")]
        constraints = [
            models.CheckConstraint(condition=~Q(hardware=""), name="benchmark_names_hardware"),
            models.CheckConstraint(
                condition=Q(usd_per_hour__isnull=True) | Q(usd_per_hour__gt=0),
                name="benchmark_hardware_costs_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.card_id} on {self.hardware}, {self.measured_at:%Y-%m-%d}"
