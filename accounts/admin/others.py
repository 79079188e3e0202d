"""The admins of other packages, made as sturdy as ours."""

from axes import admin as axes
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from extensions.admin.base import BaseAdmin

THEIRS = {
    Group: GroupAdmin,
    axes.AccessAttempt: axes.AccessAttemptAdmin,
    axes.AccessLog: axes.AccessLogAdmin,
    axes.AccessFailureLog: axes.AccessFailureLogAdmin,
}

for model, theirs in THEIRS.items():
    admin.site.unregister(model)
    admin.site.register(model, type(theirs.__name__, (BaseAdmin, theirs), {}))
