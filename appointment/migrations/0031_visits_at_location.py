"""The index of the day of a site, in place of the one of the site alone."""

import django.db.models.deletion
from django.db import migrations, models

from extensions.db.indexes import AddIndexWhileWriting, DropKeyIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("appointment", "0030_plain_words"), ("doctor", "0014_practises")]

    operations = [
        AddIndexWhileWriting(
            model_name="appointment",
            index=models.Index(fields=["location", "date"], name="appointment_at_location"),
        ),
        DropKeyIndexWhileWriting(
            model_name="appointment",
            name="location",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appointments",
                to="doctor.location",
            ),
        ),
    ]
