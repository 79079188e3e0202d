"""The index that says where a doctor practises, made while others write to the table."""

from django.db import migrations, models

from extensions.db.indexes import AddIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("doctor", "0013_plain_words")]

    operations = [
        AddIndexWhileWriting(
            model_name="schedule",
            index=models.Index(
                fields=["doctor", "location", "date"], name="doctor_schedule_practises"
            ),
        ),
    ]
