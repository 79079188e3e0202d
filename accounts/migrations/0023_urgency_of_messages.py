"""Note with each message whether a person waits for it, so that an index finds the urgent ones."""

from django.db import migrations

import accounts.fields


class Migration(migrations.Migration):
    dependencies = [("accounts", "0022_messages_by_due_time")]

    operations = [
        migrations.AddField(
            "OutgoingMessage",
            "urgency",
            accounts.fields.UrgencyField(
                db_default=1, editable=False, help_text="1 if a person waits for it."
            ),
        ),
        migrations.AlterModelOptions(
            "OutgoingMessage",
            options={"verbose_name": "message", "verbose_name_plural": "messages"},
        ),
    ]
