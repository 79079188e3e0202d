from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("appointment", "0013_note_declined_slots"),)
    operations = (
        migrations.AddField(
            model_name="appointmentevent",
            name="after_deadline",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Canceled or moved when the location's deadline for it had passed. Kept "
                "when the person is erased.",
            ),
        ),
    )
