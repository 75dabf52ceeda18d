"""What models say of values that they do not take."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError


def messages_of(model: type[BaseModel], values: dict[str, Any]) -> list[str]:
    """Messages of stormdb's own rules that the values break."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    errors = caught.value.errors()
    return [error["ctx"]["message"] for error in errors if error["type"] == "stormdb"]
