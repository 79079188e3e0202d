"""Drop the index of a medical history's patient: the one of patient and time serves what it served."""

import django.db.models.deletion
from django.db import migrations, models

from extensions.db.indexes import DropKeyIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("patient", "0013_lists_by_index")]

    operations = [
        DropKeyIndexWhileWriting(
            model_name="medicalhistory",
            name="patient",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="history",
                to="patient.patient",
            ),
        ),
    ]
