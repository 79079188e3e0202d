"""Drop the indexes of visits that longer ones replace, while others write to the table."""

from django.db import migrations

from extensions.db.indexes import RemoveIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("appointment", "0031_lists_by_index")]

    operations = [
        RemoveIndexWhileWriting(model_name="appointment", name="appointment_of_doctor"),
        RemoveIndexWhileWriting(model_name="appointment", name="appointment_date"),
    ]
