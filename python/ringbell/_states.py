"""States by key: the latest value of each, where a key is a value, too, and not a number.

As typed::StatesWriter<Key, T> in C++ has it: each new key takes the next free place of the state,
in which it stands beside the value, as the C struct {Key key; T value;} does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import _ringbell
from ._arrays import _import_numpy, _layout
from ._errors import make


def _entry(key: Any, value: Any) -> Any:
    key, _ = _layout(key, None)
    value, _ = _layout(value, None)
    return _import_numpy().dtype([("key", key), ("value", value)], align=True)


class StatesWriter:
    """Sets the latest value of each key: `states["EURUSD"] = (1.08, 3)`.

    writer: a StateWriter whose values have entry_bytes(key, value); its `keys` are how many there
    can be. key, value: numpy dtypes. It goes on with the keys that a writer before it has set.

    Raises: WrongTypeError, if the values are of another size; UnsupportedError (no numpy).
    """

    def __init__(self, writer: _ringbell.StateWriter, key: Any, value: Any) -> None:
        self.end = writer
        self._dtype = _entry(key, value)
        _check_size(writer.max_value_bytes, self._dtype)
        self._places: dict[Any, int] = {}
        for place in range(writer.keys):
            found = writer.get(place)
            if found is None:
                break
            entry = _import_numpy().frombuffer(found, self._dtype).reshape(())
            self._places[entry["key"][()].item()] = place

    @staticmethod
    def entry_bytes(key: Any, value: Any) -> int:
        """What value_bytes of the state must be. Raises: WrongTypeError, UnsupportedError."""
        return int(_entry(key, value).itemsize)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Raises: NoPlaceError, if the key is new and all places have one; as StateWriter.set()."""
        entry = _import_numpy().zeros((), self._dtype)
        entry["key"] = key
        entry["value"] = value
        stored = entry["key"][()].item()
        place = self._places.get(stored, len(self._places))
        if place >= self.end.keys:
            raise make("no_place", "all places have a key; `keys` of the state says how many")
        self.end.set(entry, place)
        self._places[stored] = place

    def __len__(self) -> int:
        return len(self._places)


class StatesReader:
    """Gets the newest value of each key: `states["EURUSD"]`, a numpy scalar or record.

    Raises: as StatesWriter.
    """

    def __init__(self, reader: _ringbell.StateReader, key: Any, value: Any) -> None:
        self.end = reader
        self._dtype = _entry(key, value)
        _check_size(reader.max_value_bytes, self._dtype)
        self._places: dict[Any, int] = {}
        self._had: set[int] = set()

    def __getitem__(self, key: Any) -> Any:
        """Raises: KeyError, if it has no value yet; CorruptError; as StateReader.get()."""
        place = self._place_of(key)
        if place is None:
            raise KeyError(key)
        found = self.end.get_array(self._dtype, (), place)
        if found is None or self._places.get(found["key"][()].item()) != place:
            raise make("corrupt", "a place of this state changed its key")
        self._had.add(place)
        return found["value"][()]

    def get(self, key: Any, default: Any = None) -> Any:
        """The newest value of the key, or default: it has none. Raises: as StateReader.get()."""
        return self[key] if key in self else default

    def changed(self, key: Any) -> bool:
        """Whether there is a newer value of this key than was had, or it has its first one.

        Raises: as StateReader.get().
        """
        place = self._place_of(key)
        return place is not None and (place not in self._had or self.end.changed(place))

    def __contains__(self, key: Any) -> bool:
        return self._place_of(key) is not None

    def __iter__(self) -> Iterator[Any]:
        """The keys that there are."""
        self._look_on(None)
        return iter(list(self._places))

    def __len__(self) -> int:
        self._look_on(None)
        return len(self._places)

    def _place_of(self, key: Any) -> int | None:
        stored = _import_numpy().zeros((), self._dtype)
        stored["key"] = key
        key = stored["key"][()].item()
        return self._places[key] if key in self._places else self._look_on(key)

    def _look_on(self, key: Any) -> int | None:
        """Looks at the places that were not yet: they are taken in order, and for good."""
        for place in range(len(self._places), self.end.keys):
            found = self.end.get_array(self._dtype, (), place)
            if found is None:
                break
            self._places[found["key"][()].item()] = place
            if key is not None and key in self._places:
                return place
        return None


def _check_size(there: int, dtype: Any) -> None:
    if there != dtype.itemsize:
        raise make("wrong_type", f"the values of this state have {there} bytes; a key and a value "
                   f"of these dtypes have {dtype.itemsize}")
