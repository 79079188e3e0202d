"""The number of a row in another system, by which an import finds it."""

from django.db import migrations, models

from extensions.text import validate_one_line


class Migration(migrations.Migration):
    dependencies = [("doctor", "0011_words_of_staff")]

    operations = [
        migrations.AddField(
            model_name="doctor",
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
        migrations.AddField(
            model_name="weeklyhours",
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
            model_name="doctor",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("external_id",),
                name="doctor_doctor_external_id_unique",
                violation_error_code="unique",
                violation_error_message="A doctor with this external id exists already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="weeklyhours",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("external_id",),
                name="doctor_weeklyhours_external_id_unique",
                violation_error_code="unique",
                violation_error_message="Weekly hours with this external id exist already.",
            ),
        ),
    ]
