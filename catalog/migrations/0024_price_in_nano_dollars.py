"""Unit prices become whole nano-dollars. What was frozen or stated stays what it was, to the digit.

A label had a price, whatever its length. For launched models that price was promised, so it becomes
their price of a text; all others get a price of a token.
"""

import django.db.models.functions.comparison
import django.db.models.functions.math
from decimal import Decimal
from django.db import migrations, models

SCALE = """
UPDATE catalog_modelcard SET
    est_price_nano_usd_per_image = est_price_nano_usd_per_image * 1000,
    launch_price_nano_usd_per_image = launch_price_nano_usd_per_image * 1000,
    -- Free labels are free tokens.
    launch_price_nano_usd_per_token = CASE launch_price_nano_usd_per_text WHEN 0 THEN 0 END,
    launch_price_nano_usd_per_text = nullif(launch_price_nano_usd_per_text, 0) * 1000
WHERE est_price_nano_usd_per_image IS NOT NULL OR launch_price_nano_usd_per_image IS NOT NULL;
UPDATE catalog_pricechange SET
    nano_usd_per_image = nano_usd_per_image * 1000, nano_usd_per_text = nano_usd_per_text * 1000;
UPDATE catalog_launch SET nano_usd_per_image = nano_usd_per_image * 1000;
UPDATE catalog_provenance SET field = 'est_price_nano_usd_per_image'
WHERE field = 'est_price_micro_usd_per_image';
UPDATE catalog_handedit SET part = 'est_price_nano_usd_per_image'
WHERE part = 'est_price_micro_usd_per_image';
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0023_fill_bulk_mail'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='modelcard', name='card_launch_prices_are_whole'),
        migrations.RemoveField(model_name='modelcard', name='micro_usd_per_image'),
        migrations.RenameField('modelcard', 'est_price_micro_usd_per_image', 'est_price_nano_usd_per_image'),
        migrations.RenameField('modelcard', 'launch_price_micro_usd_per_image', 'launch_price_nano_usd_per_image'),
        migrations.RenameField('modelcard', 'launch_price_micro_usd_per_label', 'launch_price_nano_usd_per_text'),
        migrations.RenameField('pricechange', 'micro_usd_per_image', 'nano_usd_per_image'),
        migrations.RenameField('pricechange', 'micro_usd_per_label', 'nano_usd_per_text'),
        migrations.RenameField('launch', 'micro_usd_per_image', 'nano_usd_per_image'),
        migrations.AlterField(
            model_name='modelcard',
            name='est_price_nano_usd_per_image',
            field=models.PositiveBigIntegerField(blank=True, help_text='stated by the original page', null=True),
        ),
        migrations.AlterField(
            model_name='modelcard',
            name='launch_price_nano_usd_per_image',
            field=models.PositiveBigIntegerField(blank=True, help_text='frozen by the launch', null=True),
        ),
        migrations.AlterField(
            model_name='modelcard',
            name='launch_price_nano_usd_per_text',
            field=models.PositiveBigIntegerField(blank=True, help_text='in place of the price of a token: of models launched before there was one', null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='launch_price_nano_usd_per_token',
            field=models.PositiveBigIntegerField(blank=True, help_text='of new texts, frozen by the launch; 0: texts are free', null=True),
        ),
        migrations.AlterField(model_name='pricechange', name='nano_usd_per_image', field=models.PositiveBigIntegerField()),
        migrations.AlterField(
            model_name='pricechange',
            name='nano_usd_per_text',
            field=models.PositiveBigIntegerField(default=0, help_text='of each new text, before texts were priced by the token'),
        ),
        migrations.AddField(model_name='pricechange', name='nano_usd_per_token', field=models.PositiveBigIntegerField(default=0)),
        migrations.AlterField(model_name='launch', name='nano_usd_per_image', field=models.PositiveBigIntegerField()),
        # No way back: a thousandth of a price cannot be kept in whole µ$.
        migrations.RunSQL(SCALE),
        migrations.AddField(
            model_name='modelcard',
            name='nano_usd_per_image',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce(models.F('launch_price_nano_usd_per_image'), models.F('est_price_nano_usd_per_image'), models.Case(models.When(measured_images_per_s__gt=0.0, measured_usd_per_hour__gt=0.0, then=django.db.models.functions.comparison.Greatest(models.Value(1), django.db.models.functions.comparison.Cast(django.db.models.functions.math.Round(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.functions.comparison.Cast('measured_usd_per_hour', models.DecimalField(decimal_places=12, max_digits=30)), '/', django.db.models.functions.comparison.Cast('measured_images_per_s', models.DecimalField(decimal_places=12, max_digits=30))), '*', models.Value(Decimal('1296296.296296296296296296296'), output_field=models.DecimalField(decimal_places=12, max_digits=30)))), models.BigIntegerField()))), default=None, output_field=models.BigIntegerField()), models.Case(models.When(image_gflops__isnull=False, then=django.db.models.functions.comparison.Greatest(models.Value(1), django.db.models.functions.comparison.Cast(django.db.models.functions.math.Round(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.functions.comparison.Cast('image_gflops', models.DecimalField(decimal_places=12, max_digits=30)), '*', models.Value(94000)), '/', models.Value(Decimal('162.03'), output_field=models.DecimalField(decimal_places=12, max_digits=30)))), models.BigIntegerField()))), default=None, output_field=models.BigIntegerField()), output_field=models.BigIntegerField()), output_field=models.BigIntegerField(null=True)),
        ),
        migrations.AddConstraint(
            model_name='modelcard',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('launch_price_nano_usd_per_image__isnull', True), ('launch_price_nano_usd_per_text__isnull', True), ('launch_price_nano_usd_per_token__isnull', True)), models.Q(('launch_price_nano_usd_per_image__isnull', False), ('launch_price_nano_usd_per_text__isnull', True), ('launch_price_nano_usd_per_token__isnull', False)), models.Q(('launch_price_nano_usd_per_image__isnull', False), ('launch_price_nano_usd_per_text__isnull', False), ('launch_price_nano_usd_per_token__isnull', True)), _connector='OR'), name='card_launch_prices_are_whole', violation_error_message='A launch sets the price of an image, and of either a token or a text.'),
        ),
    ]
