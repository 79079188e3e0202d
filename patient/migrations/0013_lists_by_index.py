"""The indexes by which lists of staff filter patients, and sort medical histories.

They are made while others write to the tables.
"""

from django.db import migrations, models
from django.db.models import Q

from extensions.db.indexes import AddIndexWhileWriting

IN_ORDER = ["last_name_key", "first_name_key", "id"]
OF_PATIENTS = (
    models.Index(fields=["sex", *IN_ORDER], name="patient_of_sex"),
    models.Index(fields=["preferred_language", *IN_ORDER], name="patient_of_language"),
    models.Index(fields=IN_ORDER, condition=Q(is_dependent=True), name="patient_dependents"),
    models.Index(
        fields=IN_ORDER, condition=Q(marked_deceased_at__isnull=False), name="patient_deceased"
    ),
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("patient", "0012_external_ids")]

    operations = [
        *(AddIndexWhileWriting(model_name="patient", index=index) for index in OF_PATIENTS),
        AddIndexWhileWriting(
            model_name="medicalhistory",
            index=models.Index(fields=["-created_at", "-id"], name="patient_history_created"),
        ),
    ]
