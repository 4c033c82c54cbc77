"""Properties that check the type of what they are given."""

from __future__ import annotations

from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Property(Generic[T]):
    """A property with a default that takes values of one type only; an int is no enum and a bool no int."""

    def __init__(self, kind: type[T], default: T, doc: str) -> None:
        self.kind, self.default, self.__doc__ = kind, default, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.slot = name, "_" + name

    @overload
    def __get__(self, instance: None, owner: type) -> Property[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Property[T]:
        return self if instance is None else getattr(instance, self.slot, self.default)

    def __set__(self, instance: object, value: T) -> None:
        setattr(instance, self.slot, self._converted(value))

    def _converted(self, value: object) -> T:
        if isinstance(value, self.kind):
            return value
        if self.kind is int and hasattr(value, "__index__"):
            return int(value)  # type: ignore
        raise TypeError(f"{self.name} must be {self.kind.__name__}, not {type(value).__name__}")
