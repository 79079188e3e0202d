"""What was read and changed of patients' records, in a table that only grows."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from extensions.db.triggers import AppendOnly


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("patient", "Patient"),
                            ("doctor", "Doctor"),
                            ("staff", "Staff"),
                            ("system", "System"),
                            ("stranger", "Stranger"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("api", "API"), ("admin", "Admin"), ("command", "Command")],
                        max_length=7,
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("read", "Read"),
                            ("create", "Create"),
                            ("change", "Change"),
                            ("delete", "Delete"),
                            ("erase", "Erase"),
                            ("export", "Export"),
                        ],
                        max_length=6,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[("allowed", "Allowed"), ("denied", "Denied")],
                        default="allowed",
                        max_length=7,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        help_text="The model, as patient.medicalhistory.", max_length=60
                    ),
                ),
                ("object_id", models.BigIntegerField(help_text="Empty for a list.", null=True)),
                (
                    "patient_id",
                    models.BigIntegerField(help_text="Kept when the person is erased.", null=True),
                ),
                ("address", models.CharField(blank=True, max_length=45)),
                ("request_id", models.CharField(blank=True, max_length=32)),
                ("emergency", models.BooleanField(default=False)),
                (
                    "emergency_id",
                    models.BigIntegerField(help_text="Key of the emergency access.", null=True),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-at", "-pk"),
                "indexes": [
                    models.Index(
                        fields=["patient_id", "-at", "-id"], name="accounts_audit_of_patient"
                    ),
                    models.Index(fields=["-at", "-id"], name="accounts_audit_at"),
                    models.Index(
                        condition=models.Q(("emergency", True)),
                        fields=["-at", "-id"],
                        name="accounts_audit_emergency",
                    ),
                ],
            },
        ),
        AppendOnly("AuditEvent"),
    ]
