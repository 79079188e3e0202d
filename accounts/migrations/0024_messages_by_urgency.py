"""Index the messages to try next, those that were given up, and the old ones to delete."""

from django.db import migrations, models
from django.db.models.functions import Coalesce

from extensions.db.indexes import AddIndexWhileWriting, RemoveIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0023_urgency_of_messages")]

    operations = [
        AddIndexWhileWriting(
            "OutgoingMessage",
            models.Index(
                condition=models.Q(("attempts", 0), ("given_up_at", None), ("sent_at", None)),
                fields=["urgency", "due_at", "id"],
                name="message_fresh",
            ),
        ),
        AddIndexWhileWriting(
            "OutgoingMessage",
            models.Index(
                condition=models.Q(("attempts__gt", 0), ("given_up_at", None), ("sent_at", None)),
                fields=["urgency", "due_at", "id"],
                name="message_retried",
            ),
        ),
        AddIndexWhileWriting(
            "OutgoingMessage",
            models.Index(
                condition=models.Q(("given_up_at__isnull", False), ("settled_at", None)),
                fields=["id"],
                name="message_dead",
            ),
        ),
        AddIndexWhileWriting(
            "OutgoingMessage",
            models.Index(
                Coalesce("sent_at", "given_up_at"),
                condition=models.Q(
                    ("sent_at__isnull", False), ("given_up_at__isnull", False), _connector="OR"
                ),
                name="message_ended",
            ),
        ),
        RemoveIndexWhileWriting("OutgoingMessage", "message_unsent"),
    ]
