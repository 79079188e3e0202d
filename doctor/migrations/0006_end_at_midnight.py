"""Sessions and weekly hours may end at 00:00: midnight at the end of the day."""

import datetime

from django.db import migrations, models
from django.db.models import F, Q

TIMES = (
    ("schedule", "ends_after_it_starts", "A session ends after it starts, on the same day."),
    ("weeklyhours", "end_after_they_start", "Hours end after they start, on the same day."),
)
HELP = "On the clocks of the location, the same day; 00:00 is midnight at its end."


class Migration(migrations.Migration):
    dependencies = (("doctor", "0005_staff_of_a_site"),)
    operations = tuple(
        operation
        for model, name, message in TIMES
        for operation in (
            migrations.AlterField(model, "end_time", models.TimeField(help_text=HELP)),
            migrations.RemoveConstraint(model, f"doctor_{model}_{name}"),
            migrations.AddConstraint(
                model,
                models.CheckConstraint(
                    condition=Q(end_time__gt=F("start_time")) | Q(end_time=datetime.time()),
                    name=f"doctor_{model}_{name}",
                    violation_error_code="end_before_start",
                    violation_error_message=message,
                ),
            ),
        )
    )
