from rest_framework.permissions import DjangoModelPermissions


class ModelPermissions(DjangoModelPermissions):
    """Django's permissions of the view's model: `view` to read it, `add`, `change` and `delete` to write it."""

    _view = ("%(app_label)s.view_%(model_name)s",)
    perms_map = DjangoModelPermissions.perms_map | {"GET": _view, "HEAD": _view}
