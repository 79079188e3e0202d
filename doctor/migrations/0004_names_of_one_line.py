"""Names are one line with a visible character; no column changes."""

import phonenumber_field.modelfields
from django.db import migrations, models

import extensions.db.fields
import extensions.text


class Migration(migrations.Migration):
    dependencies = [
        ("doctor", "0003_location_country"),
    ]

    operations = [
        migrations.AlterField(
            model_name="doctor",
            name="first_name",
            field=models.CharField(
                blank=True,
                help_text="Empty for a person with one name.",
                max_length=150,
                validators=[extensions.text.validate_one_line],
            ),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="last_name",
            field=models.CharField(max_length=150, validators=[extensions.text.validate_one_line]),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="license_number",
            field=models.CharField(max_length=50, validators=[extensions.text.validate_one_line]),
        ),
        migrations.AlterField(
            model_name="doctor",
            name="title",
            field=models.CharField(
                blank=True,
                help_text="As in Dr. or Prof.",
                max_length=50,
                validators=[extensions.text.validate_one_line],
            ),
        ),
        migrations.AlterField(
            model_name="language",
            name="name",
            field=models.CharField(max_length=100, validators=[extensions.text.validate_one_line]),
        ),
        migrations.AlterField(
            model_name="location",
            name="name",
            field=models.CharField(max_length=200, validators=[extensions.text.validate_one_line]),
        ),
        migrations.AlterField(
            model_name="location",
            name="phone",
            field=phonenumber_field.modelfields.PhoneNumberField(
                blank=True,
                help_text="With country code, such as +34 910 123 456.",
                max_length=128,
                region=None,
                validators=[extensions.db.fields.validate_dialable],
            ),
        ),
        migrations.AlterField(
            model_name="specialty",
            name="name",
            field=models.CharField(max_length=200, validators=[extensions.text.validate_one_line]),
        ),
    ]
