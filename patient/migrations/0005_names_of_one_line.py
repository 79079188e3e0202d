"""Names are one line with a visible character; no column changes."""

import phonenumber_field.modelfields
from django.db import migrations, models

import extensions.db.fields
import extensions.text


class Migration(migrations.Migration):
    dependencies = [
        ("patient", "0004_shorter_notes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="patient",
            name="emergency_contact_name",
            field=models.CharField(
                blank=True, max_length=300, validators=[extensions.text.validate_one_line]
            ),
        ),
        migrations.AlterField(
            model_name="patient",
            name="emergency_contact_phone",
            field=phonenumber_field.modelfields.PhoneNumberField(
                blank=True,
                max_length=128,
                region=None,
                validators=[extensions.db.fields.validate_dialable],
            ),
        ),
        migrations.AlterField(
            model_name="patient",
            name="first_name",
            field=models.CharField(
                blank=True,
                help_text="Empty for a person with one name.",
                max_length=150,
                validators=[extensions.text.validate_one_line],
            ),
        ),
        migrations.AlterField(
            model_name="patient",
            name="last_name",
            field=models.CharField(max_length=150, validators=[extensions.text.validate_one_line]),
        ),
        migrations.AlterField(
            model_name="patient",
            name="phone_number",
            field=phonenumber_field.modelfields.PhoneNumberField(
                blank=True,
                help_text="With country code: +34 612 345 678.",
                max_length=128,
                region=None,
                validators=[extensions.db.fields.validate_dialable],
            ),
        ),
    ]
