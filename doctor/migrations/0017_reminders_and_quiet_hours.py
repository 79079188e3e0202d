"""Give locations the hours before a visit at which they remind, and their quiet hours."""

import datetime

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("doctor", "0016_keys_indexed_twice")]

    operations = [
        migrations.AddField(
            "Location",
            "reminder_hours",
            models.PositiveSmallIntegerField(
                "reminder",
                blank=True,
                db_default=24,
                default=24,
                help_text="Hours before a visit, by the clock here, at which its patient is "
                "reminded; empty: not at all.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(336)],
            ),
        ),
        migrations.AddField(
            "Location",
            "quiet_from",
            models.TimeField(
                db_default=datetime.time(21),
                default=datetime.time(21),
                help_text="Messages about visits wait from then on, by the clock here.",
            ),
        ),
        migrations.AddField(
            "Location",
            "quiet_until",
            models.TimeField(
                db_default=datetime.time(8),
                default=datetime.time(8),
                help_text="Until then. Offers, and what concerns a visit before it, are sent at "
                "once. The same time twice means no quiet hours.",
            ),
        ),
    ]
