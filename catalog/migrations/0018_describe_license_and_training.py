"""Say of each card what its authors publish: license, paper, training, their own accuracy."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0017_freeze_label_prices'),
    ]

    operations = [
        migrations.AddField(
            model_name='modelcard',
            name='authors_imagenet_top1',
            field=models.FloatField(blank=True, help_text='zero-shot, percent, as the authors measured it', null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='commercial_use',
            field=models.CharField(blank=True, choices=[('yes', 'allowed'), ('no', 'not allowed')], help_text='as the authors state it', max_length=3),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='distilled_from',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='fine_tuned_on',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='known_as',
            field=models.TextField(blank=True, help_text='names that people search for, one a line', verbose_name='also known as'),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='languages',
            field=models.PositiveIntegerField(blank=True, help_text='of the training data; 1 is English', null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='license_conflicting',
            field=models.CharField(blank=True, help_text='what another record says against the license', max_length=60),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='license_reported',
            field=models.CharField(blank=True, help_text="of the weights, by somebody else's record", max_length=60),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='open_clip_since',
            field=models.DateField(blank=True, help_text='month precision', null=True, verbose_name='listed in OpenCLIP since'),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='paper_arxiv',
            field=models.CharField(blank=True, help_text='arXiv id', max_length=20),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='paper_title',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='paper_year',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='pool_size',
            field=models.BigIntegerField(blank=True, help_text='pairs before the filter', null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='released',
            field=models.DateField(blank=True, help_text='by its authors; month precision', null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='samples_seen',
            field=models.BigIntegerField(blank=True, help_text='in training', null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='training_pairs',
            field=models.BigIntegerField(blank=True, help_text='image-text pairs', null=True),
        ),
        migrations.AddField(
            model_name='modelcard',
            name='use_limits',
            field=models.CharField(blank=True, help_text='what the authors advise against', max_length=200),
        ),
        migrations.AddField(
            model_name='provenance',
            name='remark',
            field=models.CharField(blank=True, help_text='a doubt that stands beside the figure', max_length=200),
        ),
        migrations.AlterField(
            model_name='modelcard',
            name='license',
            field=models.CharField(blank=True, help_text='of the weights, as their authors state it', max_length=60),
        ),
        migrations.AlterField(
            model_name='modelcard',
            name='published',
            field=models.DateField(blank=True, help_text='on Hugging Face; month precision', null=True),
        ),
    ]
