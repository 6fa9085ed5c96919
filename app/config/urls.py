from django.contrib import admin
from django.urls import include, path
from django.views.decorators.cache import cache_control
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.authtoken.views import obtain_auth_token

admin.site.site_title = admin.site.site_header = "Pergola"

handler500 = "config.middleware.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/token/", obtain_auth_token, name="token"),
    # Load balancers may keep it. Not the pages made of it: they carry a token of the browser.
    path("api/schema/", cache_control(public=True, max_age=60)(SpectacularAPIView.as_view()), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/customers/", include("customers.urls")),
]
