from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("appointment", "0009_forget_deleted_actors"),)
    operations = (
        migrations.AddField(
            model_name="offer",
            name="account",
            field=models.BigIntegerField(
                editable=False,
                help_text="Key of the account that books for the patient, as of the offer; empty "
                "if none.",
                null=True,
            ),
        ),
    )
