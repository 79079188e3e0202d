"""Old rows of the audit trail can be deleted by its owner, without a lock that an insert waits for."""

from django.db import migrations

from extensions.db.triggers import AllowPurge


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_devices_of_tokens")]

    operations = [AllowPurge("AuditEvent", "at")]
