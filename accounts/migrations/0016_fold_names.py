"""Compute the keys of the names of accounts, a thousand accounts in a transaction.

It reads those without a key only, so that one that was interrupted goes on where it ended. What the
code of the release before writes meanwhile, `manage.py repair_names` mends.
"""

from django.db import migrations, transaction
from django.db.models import Q

from extensions.db.names import FoldedField

ACCOUNTS = 1000


def fold_names(apps, schema_editor):
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    fields = [field for field in users.model._meta.fields if isinstance(field, FoldedField)]
    named = Q(search_words="") & ~Q(last_name="", first_name="")
    last = 0
    while last is not None:
        with transaction.atomic(using=schema_editor.connection.alias):
            rows = users.filter(named, pk__gt=last).order_by("pk")
            batch = list(rows.select_for_update(no_key=True)[:ACCOUNTS])
            for user in batch:
                for field in fields:
                    setattr(user, field.attname, field.key_of(user))
            users.bulk_update(batch, [field.attname for field in fields], batch_size=250)
        last = batch[-1].pk if batch else None


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0015_name_keys")]

    operations = [migrations.RunPython(fold_names, migrations.RunPython.noop, elidable=True)]
