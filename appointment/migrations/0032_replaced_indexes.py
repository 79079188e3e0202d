"""Drop the indexes of visits that longer ones replace, while others write to the table."""

import django.db.models.deletion
from django.db import migrations, models

from extensions.db.indexes import DropKeyIndexWhileWriting, RemoveIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("appointment", "0031_lists_by_index")]

    operations = [
        RemoveIndexWhileWriting(model_name="appointment", name="appointment_date"),
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
