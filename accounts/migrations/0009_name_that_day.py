"""Events keep the name that a member of staff or doctor had that day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_idna_addresses"),
    ]

    operations = [
        # The database adds a nullable column in place, so on SQLite too the table keeps its triggers.
        migrations.AddField(
            model_name="auditevent",
            name="actor_name",
            field=models.CharField(editable=False, max_length=301, null=True),
        ),
    ]
