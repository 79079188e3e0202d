"""The indexes by which lists of staff find and sort accounts and audit events.

They are made while others write to the tables.
"""

from django.db import migrations, models
from django.db.models import Q

from extensions.db.indexes import AddIndexWhileWriting

RARE = ("delete", "erase", "export", "merge")
OF_USERS = (
    models.Index(fields=["last_name_key", "email"], name="accounts_user_last_name"),
    models.Index(fields=["first_name_key", "email"], name="accounts_user_first_name"),
    models.Index(fields=["date_joined", "id"], name="accounts_user_joined"),
    models.Index(fields=["email"], condition=Q(is_staff=True), name="accounts_user_staff"),
    models.Index(fields=["email"], condition=Q(is_superuser=True), name="accounts_user_superusers"),
    models.Index(fields=["email"], condition=Q(is_active=False), name="accounts_user_inactive"),
)
OF_EVENTS = (
    models.Index(fields=["actor", "-at", "-id"], name="accounts_audit_of_actor"),
    models.Index(
        fields=["-at", "-id"], condition=Q(outcome="denied"), name="accounts_audit_denied"
    ),
    models.Index(
        fields=["action", "-at", "-id"],
        condition=Q(action__in=RARE),
        name="accounts_audit_rare_action",
    ),
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0016_fold_names")]

    operations = [
        *(AddIndexWhileWriting(model_name="user", index=index) for index in OF_USERS),
        *(AddIndexWhileWriting(model_name="auditevent", index=index) for index in OF_EVENTS),
    ]
