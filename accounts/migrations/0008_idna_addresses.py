"""Domains of addresses as A-labels of IDNA 2008.

An address whose mail went to another domain by IDNA 2003 (ß, ς and joiners) is unverified from now
on: the mail that verified it was sent to somebody else. Two accounts that become one address stay
as they are, and the command prints their keys.
"""

import sys

from django.db import migrations

from accounts.fields import fold_email


def to_a_labels(apps, schema_editor):
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    for pk, email in list(users.values_list("pk", "email").iterator(chunk_size=2000)):
        domain = email.rpartition("@")[2]
        if domain.isascii():
            continue
        folded = fold_email(email)
        if users.filter(email=folded).exclude(pk=pk).exists():
            sys.stderr.write(f"Account {pk}: another account has its address already.\n")
            continue
        users.filter(pk=pk).update(email=folded)
        if mailed_at(domain) != folded.rpartition("@")[2]:
            users.filter(pk=pk).update(email_verified_at=None)


def mailed_at(domain):
    """Return the domain to which mail was sent before: by Python's own codec."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return ""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_names_of_one_line")]

    operations = [migrations.RunPython(to_a_labels, migrations.RunPython.noop, elidable=True)]
