from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("appointment", "0018_undone_and_kept"),)
    operations = (
        migrations.AddField(
            model_name="appointment",
            name="moved",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    )
