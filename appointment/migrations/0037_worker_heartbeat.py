"""Keep when a process of the background jobs was last at work."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("appointment", "0036_calendar_feeds")]

    operations = [
        migrations.CreateModel(
            "WorkerHeartbeat",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
        )
    ]
