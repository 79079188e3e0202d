"""Emergency accesses keep the number of a deleted account, and the name its user had that day."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patient", "0005_names_of_one_line"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="emergencyaccess",
            name="user_name",
            field=models.CharField(editable=False, max_length=301, null=True),
        ),
        migrations.AlterField(
            model_name="emergencyaccess",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
