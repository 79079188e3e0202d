"""Give the queue of mails what tells fresh from tried, given-up from waiting; one waits a kind.

The previous version leaves `waits` empty, and so the constraint never refuses what it writes.
"""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_name_that_day"),
    ]

    operations = [
        migrations.AddField(
            model_name="outgoingmail",
            name="given_up_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="outgoingmail",
            name="tried_at",
            field=models.DateTimeField(help_text="When it was last tried.", null=True),
        ),
        migrations.AddField(
            model_name="outgoingmail",
            name="waits",
            field=models.BooleanField(
                help_text="True until it is sent or given up, then NULL, which the constraint leaves out.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="outgoingmail",
            name="created_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now, help_text="When it was last asked for."
            ),
        ),
        migrations.RemoveIndex(model_name="outgoingmail", name="mail_due"),
        migrations.AddIndex(
            model_name="outgoingmail",
            index=models.Index(
                condition=models.Q(("given_up_at", None), ("sent_at", None)),
                fields=["attempts", "-created_at"],
                name="mail_unsent",
            ),
        ),
        migrations.AddConstraint(
            model_name="outgoingmail",
            constraint=models.UniqueConstraint(
                fields=("kind", "address", "waits"),
                name="accounts_outgoingmail_one_waits",
                violation_error_code="waits",
                violation_error_message="Such a mail waits already.",
            ),
        ),
    ]
