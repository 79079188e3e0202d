"""Names are one line with a visible character; no column changes."""

from django.db import migrations, models

import extensions.text


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_audit_purge"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="first_name",
            field=models.CharField(
                blank=True, max_length=150, validators=[extensions.text.validate_one_line]
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="last_name",
            field=models.CharField(
                blank=True, max_length=150, validators=[extensions.text.validate_one_line]
            ),
        ),
    ]
