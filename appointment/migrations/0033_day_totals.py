"""Totals of the days that are over, for the figures of the desk."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("appointment", "0032_replaced_indexes"),
        ("doctor", "0014_lists_by_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="SummedDay",
            fields=[
                ("date", models.DateField(primary_key=True, serialize=False)),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="StaleDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField()),
                ("change", models.BigIntegerField()),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("date", "change"),
                        name="appointment_staleday_once_a_change",
                        violation_error_code="unique",
                        violation_error_message="The change of this day is noted already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DayTotals",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField(help_text="At the location.")),
                ("places", models.IntegerField(default=0)),
                ("held", models.IntegerField(default=0)),
                ("booked", models.IntegerField(default=0)),
                ("done", models.IntegerField(default=0)),
                ("no_show", models.IntegerField(default=0)),
                ("canceled", models.IntegerField(default=0)),
                ("waited", models.BigIntegerField(default=0)),
                (
                    "doctor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="doctor.doctor",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="doctor.location",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("date", "doctor", "location"),
                        name="appointment_daytotals_once_a_day",
                        violation_error_code="unique",
                        violation_error_message="This day of the doctor is summed already.",
                    )
                ],
            },
        ),
    ]
