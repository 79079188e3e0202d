"""Folded keys of the names of doctors."""

from django.db import migrations

import extensions.db.names


class Migration(migrations.Migration):
    dependencies = [("doctor", "0008_extra_places")]

    operations = [
        migrations.AlterModelOptions(
            name="doctor", options={"ordering": ("last_name_key", "first_name_key", "pk")}
        ),
        migrations.AddField(
            model_name="doctor",
            name="last_name_key",
            field=extensions.db.names.FoldedNameField(sources=("last_name",)),
        ),
        migrations.AddField(
            model_name="doctor",
            name="first_name_key",
            field=extensions.db.names.FoldedNameField(sources=("first_name",)),
        ),
        migrations.AddField(
            model_name="doctor",
            name="search_words",
            field=extensions.db.names.FoldedWordsField(
                sources=("last_name", "first_name", "title")
            ),
        ),
    ]
