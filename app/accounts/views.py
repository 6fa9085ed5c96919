from django.contrib.auth.signals import user_logged_in
from drf_spectacular.utils import extend_schema
from knox.models import get_digest_token
from knox.settings import CONSTANTS
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Token
from accounts.serializers import TokenRequestSerializer, TokenSerializer
from config.strict import StrictQueryMixin


class TokenView(StrictQueryMixin, APIView):
    # A client whose token has ended may still ask for another.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="token_create", request=TokenRequestSerializer, responses=TokenSerializer)
    def post(self, request: Request) -> Response:
        """A new token for a name and a password. It is shown once: only its digest is stored."""
        # Django's own request, on which django-axes notes that an account is locked.
        serializer = TokenRequestSerializer(data=request.data, context={"request": request._request})
        serializer.is_valid(raise_exception=True)
        user, name, expiry = (serializer.validated_data[field] for field in ("user", "name", "expiry"))
        digest, token = get_digest_token()
        Token(digest=digest, token_key=token[: CONSTANTS.TOKEN_KEY_LENGTH], user=user, name=name, expiry=expiry).save()
        user_logged_in.send(sender=type(user), request=request._request, user=user)
        return Response({"token": token, "name": name, "expiry": expiry})
