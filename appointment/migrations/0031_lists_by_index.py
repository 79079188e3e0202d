"""The indexes by which lists of staff find and sort visits and their events.

They are made while others write to the tables.
"""

from django.db import migrations, models
from django.db.models import Q

from extensions.db.indexes import AddIndexWhileWriting

IN_ORDER = ["-date", "starts_at", "id"]
BY_SITE = [*IN_ORDER, "location"]
OF_VISITS = (
    models.Index(fields=BY_SITE, name="appointment_by_date"),
    models.Index(fields=["doctor", *BY_SITE], name="appointment_doctor_date"),
    models.Index(fields=["location", *IN_ORDER], name="appointment_location_date"),
    models.Index(fields=["status", *BY_SITE], name="appointment_status_date"),
    models.Index(fields=BY_SITE, condition=Q(moved=True), name="appointment_moved_by_date"),
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("appointment", "0030_plain_words")]

    operations = [
        *(AddIndexWhileWriting(model_name="appointment", index=index) for index in OF_VISITS),
        AddIndexWhileWriting(
            model_name="appointmentevent",
            index=models.Index(fields=["-at", "-id"], name="appointment_event_at"),
        ),
    ]
