"""Routes that parse their call by themselves: the framework's way takes longer than all else of a profile's reading.

The parameters are a Struct: what it says is what the document (OpenAPI 3.1) says and what a call is held to.
"""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError

Purpose = Annotated[str, msgspec.Meta(description="What it is read for, a purpose of purposes.yaml")]
Asked = TypeVar("Asked", bound=msgspec.Struct)


def by_hand(asked: type[msgspec.Struct], path: Sequence[str] = (), header: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a route says in the document of its parameters, which the framework does not see."""
    schema = msgspec.json.schema_components([asked])[1][asked.__name__]
    query = [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": content}
        | ({"description": content["description"]} if "description" in content else {})
        for name, content in schema["properties"].items()
    ]
    text = {"type": "string"}
    named = [{"name": name, "in": "path", "required": True, "schema": text} for name in path]
    heads = [{"name": name, "in": "header", "required": False, "schema": text} for name in header]
    return {
        "openapi_extra": {
            "parameters": named + query + heads,
            "security": [{"HTTPBearer": []}],
            "responses": {"422": {"description": "Invalid request"}},
        },
    }


def parsed(request: Request, asked: type[Asked]) -> Asked:
    """Return the parameters of a call; 422 says which is wrong, without its value."""
    try:
        return msgspec.convert(dict(request.query_params), asked, strict=False)
    except msgspec.ValidationError as error:
        raise RequestValidationError([{"loc": ("query",), "msg": str(error)}]) from None
