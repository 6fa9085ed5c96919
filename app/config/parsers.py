import json

import orjson
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import JSONParser
from rest_framework.utils.mediatypes import _MediaType


class StrictJSONParser(JSONParser):
    """Reads JSON as RFC 8259 has it, in UTF-8. orjson refuses what later steps could not store or write: deep nesting,
    NaN, numbers without bounds, lone surrogates. It keeps the last of equal names; the standard parser sees all."""

    def parse(self, stream, media_type=None, parser_context=None) -> object:
        charset = _MediaType(media_type).params.get("charset", "utf-8")
        if charset.lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(media_type)
        body = stream.read()
        try:
            data = orjson.loads(body)
            json.loads(body, object_pairs_hook=distinct)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        return data


def distinct(pairs: list[tuple[str, object]]) -> dict:
    found = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {json.dumps(name)} appears twice in one object")
        found[name] = value
    return found
