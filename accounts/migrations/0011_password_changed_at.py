"""Record when a password changed: a mailed link that resets it dies then, and by nothing else."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_mail_queue"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="password_changed_at",
            field=models.DateTimeField(
                editable=False,
                help_text="Every link to reset it mailed before is dead.",
                null=True,
            ),
        ),
    ]
