"""A waitlist entry may wait until 00:00: midnight at the end of the day."""

import datetime

from django.db import migrations, models
from django.db.models import F, Q

HELP = "Latest end, on the clocks of the location; 00:00 is midnight after that day."


class Migration(migrations.Migration):
    dependencies = (("appointment", "0015_declined_times"),)
    operations = (
        migrations.AlterField(
            "waitlistentry",
            "end_time",
            models.TimeField(blank=True, help_text=HELP, null=True),
        ),
        migrations.RemoveConstraint("waitlistentry", "appointment_waitlist_times"),
        migrations.AddConstraint(
            "waitlistentry",
            models.CheckConstraint(
                condition=Q(start_time__isnull=True)
                | Q(end_time__isnull=True)
                | Q(end_time__gt=F("start_time"))
                | Q(end_time=datetime.time()),
                name="appointment_waitlist_times",
                violation_error_code="end_before_start",
                violation_error_message="The hours end after they start.",
            ),
        ),
    )
