"""The indexes by which lists of staff find and sort the rows of other packages.

They are made while others write to the tables.
"""

from django.db import migrations

from extensions.db.indexes import AddIndexOfPackage


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0018_index_of_actor_alone"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("axes", "0010_accessattemptexpiration"),
        ("knox", "0009_extend_authtoken_field"),
    ]

    operations = [
        AddIndexOfPackage("knox_authtoken", ("created", "digest"), "accounts_token_created"),
        AddIndexOfPackage("axes_accessattempt", ("attempt_time", "id"), "accounts_attempt_time"),
        AddIndexOfPackage("axes_accesslog", ("attempt_time", "id"), "accounts_access_time"),
        AddIndexOfPackage("axes_accessfailurelog", ("attempt_time", "id"), "accounts_failure_time"),
        AddIndexOfPackage(
            "django_admin_log",
            ("object_id", "content_type_id", "action_time"),
            "accounts_log_of_row",
        ),
        AddIndexOfPackage("django_admin_log", ("user_id", "action_time"), "accounts_log_of_user"),
    ]
