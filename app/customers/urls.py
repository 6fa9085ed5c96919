from django.urls import path

from customers import views

app_name = "customers"

urlpatterns = [
    path("", views.CustomerListView.as_view(), name="list"),
    path("stats/", views.CustomerStatsView.as_view(), name="stats"),
    path("<int:pk>/", views.CustomerView.as_view(), name="detail"),
]
