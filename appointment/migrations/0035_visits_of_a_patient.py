"""Index a patient's visits in the whole order of their list, while others write to the table.

The site comes last: by the index alone the database knows which patients have a visit at a site.
"""

from django.db import migrations, models

from extensions.db.indexes import AddIndexWhileWriting, RemoveIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("appointment", "0034_note_stale_days")]

    operations = [
        AddIndexWhileWriting(
            model_name="appointment",
            index=models.Index(
                fields=["patient", "-starts_at", "-id", "location"],
                name="appointment_patient_start",
            ),
        ),
        RemoveIndexWhileWriting(model_name="appointment", name="appointment_of_patient"),
    ]
