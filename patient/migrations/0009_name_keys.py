"""Folded keys of names, and the table of the words by which patients are found."""

import django.db.models.deletion
from django.db import migrations, models

import extensions.db.names


class Migration(migrations.Migration):
    dependencies = [("patient", "0008_merged_records_and_claim_codes")]

    operations = [
        migrations.AddField(
            model_name="patient",
            name="last_name_key",
            field=extensions.db.names.FoldedNameField(sources=("last_name",)),
        ),
        migrations.AddField(
            model_name="patient",
            name="first_name_key",
            field=extensions.db.names.FoldedNameField(sources=("first_name",)),
        ),
        migrations.CreateModel(
            name="PatientWord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", extensions.db.names.BytewiseCharField(max_length=400)),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="words",
                        to="patient.patient",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["text", "patient"], name="patient_patientword_text")
                ],
            },
        ),
    ]
