"""Index the messages by the time when they are due, and forbid two about one fact."""

from django.db import migrations, models

from extensions.db.indexes import AddIndexWhileWriting, RemoveIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0021_outgoing_messages")]

    operations = [
        AddIndexWhileWriting(
            "OutgoingMessage",
            models.Index(
                condition=models.Q(("given_up_at", None), ("sent_at", None)),
                fields=["attempts", "due_at"],
                name="message_unsent",
            ),
        ),
        AddIndexWhileWriting(
            "OutgoingMessage",
            models.Index(
                condition=models.Q(("address__gt", "")),
                fields=["address", "sent_at"],
                name="message_of_address",
            ),
        ),
        RemoveIndexWhileWriting("OutgoingMessage", "mail_unsent"),
        RemoveIndexWhileWriting("OutgoingMessage", "mail_of_address"),
        migrations.AddConstraint(
            "OutgoingMessage",
            models.UniqueConstraint(
                condition=models.Q(("object_id__isnull", False)),
                fields=("object_id", "cause", "kind", "channel", "copy"),
                name="accounts_outgoingmessage_one_a_fact",
                violation_error_code="one_a_fact",
                violation_error_message="This message exists already.",
            ),
        ),
    ]
