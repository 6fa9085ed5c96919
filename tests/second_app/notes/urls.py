"""Two questions that the stack asks, and one page."""

from django.urls import path

from notes import views

urlpatterns = [
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("", views.notes),
]
