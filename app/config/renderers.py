import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request


class JsonRenderer(JSONRenderer):
    """orjson writes rows as the database returned them; the standard encoder needs several times as long."""

    def render(self, data, accepted_media_type=None, renderer_context=None) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


class Negotiation(DefaultContentNegotiation):
    """To read `Accept` takes longer than to write a list; nearly everybody takes what there is."""

    def select_renderer(self, request: Request, renderers: list, format_suffix: str | None = None) -> tuple:
        anything = request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", JSONRenderer.media_type)
        if anything and len(renderers) == 1 and not format_suffix:
            return renderers[0], renderers[0].media_type
        return super().select_renderer(request, renderers, format_suffix)

    def filter_renderers(self, renderers: list, format: str) -> list:  # noqa: A002
        """`format` chooses among several. Where there is one it is a query parameter that no operation knows."""
        return renderers if len(renderers) == 1 else super().filter_renderers(renderers, format)
