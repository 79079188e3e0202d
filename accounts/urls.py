from django.urls import include, path
from rest_framework.routers import SimpleRouter

from accounts import views

router = SimpleRouter(use_regex_path=False)
router.register("devices", views.DeviceViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("register/", views.RegisterView.as_view(), name="auth-register"),
    path("verify-email/", views.VerifyEmailView.as_view()),
    path("login/", views.LoginView.as_view(), name="auth-login"),
    path("logout/", views.LogoutView.as_view(), name="auth-logout"),
    path("logout-all/", views.LogoutAllView.as_view()),
    path("profile/", views.ProfileView.as_view(), name="auth-profile"),
    path("change-password/", views.ChangePasswordView.as_view(), name="auth-change-password"),
    path("password-reset/", views.PasswordResetView.as_view()),
    path("password-reset/confirm/", views.PasswordResetConfirmView.as_view()),
    path("delete-account/", views.DeleteAccountView.as_view()),
]
