"""Name the fields of messages in the language of their readers; no column changes."""

import django.utils.timezone
from django.db import migrations, models

from extensions.db.state import StateOnly


class Migration(migrations.Migration):
    dependencies = [
        ("appointment", "0041_webhook_triggers"),
    ]

    operations = [
        StateOnly(
            state_operations=[
                migrations.AlterModelOptions(
                    name="workerheartbeat",
                    options={
                        "verbose_name": "worker's heartbeat",
                        "verbose_name_plural": "worker's heartbeats",
                    },
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="attempts",
                    field=models.PositiveSmallIntegerField(default=0, verbose_name="attempts"),
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="created_at",
                    field=models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="created at"
                    ),
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="due_at",
                    field=models.DateTimeField(
                        default=django.utils.timezone.now,
                        help_text="Not to be tried before.",
                        verbose_name="due at",
                    ),
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="expires_at",
                    field=models.DateTimeField(
                        help_text="Of no use from then on.", null=True, verbose_name="expires at"
                    ),
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="failure",
                    field=models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Why the last try failed; without an address.",
                        max_length=200,
                        verbose_name="failure",
                    ),
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="given_up_at",
                    field=models.DateTimeField(null=True, verbose_name="given up at"),
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="sent_at",
                    field=models.DateTimeField(null=True, verbose_name="sent at"),
                ),
                migrations.AlterField(
                    model_name="webhookdelivery",
                    name="tried_at",
                    field=models.DateTimeField(
                        help_text="When it was last tried.", null=True, verbose_name="tried at"
                    ),
                ),
            ]
        ),
    ]
