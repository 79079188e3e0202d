"""Records merged away, claim codes, and the mark `deceased`."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patient", "0007_forget_deleted_users"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="patient",
            options={
                "ordering": ("last_name", "first_name", "pk"),
                "permissions": (
                    ("merge_patient", "Can merge two records of one patient"),
                    ("issue_claim_code", "Can give a patient the code that claims the record"),
                ),
            },
        ),
        migrations.AddField(
            model_name="patient",
            name="marked_deceased_at",
            field=models.DateTimeField(
                editable=False,
                help_text="When staff marked the person deceased; empty otherwise.",
                null=True,
                verbose_name="deceased",
            ),
        ),
        migrations.CreateModel(
            name="MergedPatient",
            fields=[
                ("old_key", models.BigIntegerField(primary_key=True, serialize=False)),
                ("merged_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="merged_records",
                        to="patient.patient",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ClaimCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("issued_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                (
                    "issued_by",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="claim_codes",
                        to="patient.patient",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("digest",),
                        name="patient_claimcode_one_per_digest",
                        violation_error_code="unique",
                        violation_error_message="There is such a code already.",
                    )
                ],
            },
        ),
    ]
