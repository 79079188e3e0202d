"""The admins of other packages' models, based on BaseAdmin."""

from axes import admin as axes
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from extensions.admin.base import BaseAdmin

ADMINS = {
    Group: GroupAdmin,
    axes.AccessAttempt: axes.AccessAttemptAdmin,
    axes.AccessLog: axes.AccessLogAdmin,
    axes.AccessFailureLog: axes.AccessFailureLogAdmin,
}

for model, model_admin in ADMINS.items():
    admin.site.unregister(model)
    admin.site.register(model, type(model_admin.__name__, (BaseAdmin, model_admin), {}))
