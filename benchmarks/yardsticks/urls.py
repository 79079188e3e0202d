"""The product's URLs and those of the yardsticks."""

from django.urls import path

from benchmarks.yardsticks import views
from config.urls import handler500 as product_handler500
from config.urls import urlpatterns as of_product

handler500 = product_handler500
urlpatterns = [
    path("bare/noop/", views.BareNoop.as_view()),
    path("api/bench/noop/", views.Noop.as_view()),
    path("api/bench/counted/", views.CountedNoop.as_view()),
    path("api/bench/signed-in/", views.SignedInNoop.as_view()),
    path("api/bench/plain-slots/<int:doctor_id>/", views.PlainSlots.as_view()),
    path("api/bench/plain-book/<int:doctor_id>/", views.PlainBook.as_view()),
    path("api/bench/plain-book-with-key/<int:doctor_id>/", views.PlainBookWithKey.as_view()),
    *of_product,
]
