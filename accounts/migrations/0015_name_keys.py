"""Folded keys beside the names of accounts. Old code leaves them empty, which is their default."""

from django.db import migrations

from extensions.db.names import FoldedNameField, FoldedWordsField

NAMES = ("last_name", "first_name")


class Migration(migrations.Migration):
    dependencies = (("accounts", "0014_merge_action"),)
    operations = (
        *(
            migrations.AddField("user", f"{name}_key", FoldedNameField(sources=(name,)))
            for name in NAMES
        ),
        migrations.AddField("user", "search_words", FoldedWordsField(sources=NAMES)),
    )
