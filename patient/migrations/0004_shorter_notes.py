"""Notes of an entry have at most 2,000 characters; no column changes."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patient", "0003_emergency_access"),
    ]

    operations = [
        migrations.AlterField(
            model_name="medicalhistory",
            name="notes",
            field=models.TextField(
                blank=True,
                max_length=2000,
                validators=[django.core.validators.MaxLengthValidator(2000)],
            ),
        ),
    ]
