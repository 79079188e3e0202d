"""The number of a row in another system, by which an import finds it."""

from django.db import migrations, models

from extensions.text import validate_one_line


class Migration(migrations.Migration):
    dependencies = [("patient", "0011_sort_by_name_key")]

    operations = [
        migrations.AddField(
            model_name="patient",
            name="external_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The number in another system. An import finds the row by it.",
                max_length=100,
                validators=[validate_one_line],
                verbose_name="external id",
            ),
        ),
        migrations.AddConstraint(
            model_name="patient",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("external_id",),
                name="patient_patient_external_id_unique",
                violation_error_code="unique",
                violation_error_message="A patient with this external id exists already.",
            ),
        ),
    ]
