"""Settings and options meet pydantic here, and its complaints become sentences.

A complaint names the key, what is wrong and, for a key that does not exist, which one may have
been meant. Values are never repeated: an option may be a secret.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError, create_model

from codex_hooks._errors import OptionsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

# Where pydantic speaks of Python, settings are tables and lists.
_IN_TOML: Final = {
    "dict_type": "it has to be a table",
    "model_type": "it has to be a table",
    "list_type": "it has to be a list",
}


def validate_options(model: Any, given: Mapping[str, Any]) -> BaseModel:
    """Return ``given`` as an instance of a plugin's ``Options``; `OptionsError` if it cannot be.

    An option that the model does not know is refused, unless the model itself says otherwise: a
    misspelt rule of a policy must not be dropped in silence.
    """
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise OptionsError("its Options is not a pydantic model")
    strict = model
    if "extra" not in model.model_config:
        strict = create_model(model.__name__, __base__=model, __cls_kwargs__={"extra": "forbid"})
    try:
        return strict.model_validate(dict(given))
    except ValidationError as error:
        known = list(model.model_fields)
        problems = complaints(error, lambda place: known if len(place) == 1 else ())
        raise OptionsError(f"its options do not fit: {problems}") from None


def complaints(
    error: ValidationError, known: Callable[[tuple[int | str, ...]], Collection[str]]
) -> str:
    """Say in one line what ``error`` is about; ``known`` lists the keys possible at a place."""
    return "; ".join(
        _complaint(item["loc"], item["type"], item["msg"], known(item["loc"]))
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    )


def _complaint(
    place: tuple[int | str, ...], kind: str, message: str, known: Collection[str]
) -> str:
    key = ".".join(map(str, place)) or "the whole"
    if kind != "extra_forbidden":
        return f"{key}: {_IN_TOML.get(kind, message.removeprefix('Value error, '))}"
    close = get_close_matches(str(place[-1]), known, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(known) or 'none'}"
    return f"{key}: there is no such key ({meant})"
