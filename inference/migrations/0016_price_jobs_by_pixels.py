"""Admission by cost: what a job decodes to, and a code for what takes too much of it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inference', '0015_announce_revisions'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='keeps_preview',
            field=models.BooleanField(db_default=False, help_text='for its page in the playground'),
        ),
        migrations.AddField(
            model_name='job',
            name='pixels',
            field=models.PositiveIntegerField(db_default=0, help_text='of all its images, once decoded'),
        ),
        migrations.AlterField(
            model_name='job',
            name='error_code',
            field=models.CharField(blank=True, choices=[('invalid_image', 'The picture could not be decoded; it may be damaged. Try another copy of it.'), ('too_costly', 'Decoding took more time or memory than a job may use. Send smaller copies, or fewer.'), ('worker_crashed', 'The worker broke three times on this job, so we stopped trying. Other pictures work.'), ('deadline', 'No worker came to this job in time. Nothing was charged; please try again.'), ('context_length_exceeded', 'A text is longer than the model reads, and the request did not allow it to be cut (`truncate: false`). Nothing was charged; shorten the text, or allow it.'), ('internal', 'Something went wrong on our side while scoring this picture. Please try again.')], max_length=30),
        ),
    ]
