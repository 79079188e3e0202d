"""The indexes by which lists of staff find closed times, and the doctors with sessions at a site.

They are made while others write to the tables.
"""

from django.db import migrations, models
from django.db.models import Q

from extensions.db.indexes import AddIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("doctor", "0013_plain_words")]

    operations = [
        AddIndexWhileWriting(
            model_name="slot",
            index=models.Index(
                fields=["starts_at", "id"], condition=Q(is_open=False), name="doctor_slot_closed"
            ),
        ),
        AddIndexWhileWriting(
            model_name="schedule",
            index=models.Index(
                fields=["doctor", "location", "date"], name="doctor_schedule_practises"
            ),
        ),
    ]
