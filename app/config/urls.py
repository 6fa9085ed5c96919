from django.contrib import admin
from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts.views import TokenView

admin.site.site_title = admin.site.site_header = "Pergola"

handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"

urlpatterns = [
    # First, as most visitors go there.
    path("api/customers/", include("customers.urls")),
    path("", RedirectView.as_view(pattern_name="docs")),
    path("admin/", admin.site.urls),
    path("api/token/", TokenView.as_view(), name="token"),
    # Load balancers may keep it. Not the pages made of it: they carry a token of the browser.
    path("api/schema/", cache_control(public=True, max_age=60)(SpectacularAPIView.as_view()), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
