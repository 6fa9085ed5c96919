import orjson
from rest_framework.renderers import JSONRenderer


class JsonRenderer(JSONRenderer):
    """orjson writes rows as the database returned them; the standard encoder needs several times as long."""

    def render(self, data, accepted_media_type=None, renderer_context=None) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
