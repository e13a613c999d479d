"""Messages between processes on one Linux machine, through rings in shared memory.

Ends are opened by name (`Sender.create("orders")`, `Receiver.open("orders")`), on a Ring, which
children of fork() and multiprocessing inherit, or come with a connection (`Listener`, `connect`). A
call that waits takes a timeout in seconds, None for ever, 0 not at all; what did not come in time
is None or False. Failures are exceptions below Error. An end belongs to the process that opened it,
and one thread uses it at a time.
"""

from __future__ import annotations

from . import _arrays, _parts, _ring, _ringbell
from ._errors import (BusyError, CancelledError, ClosedError, CorruptError, DroppedError,
                      EndClosedError, Error, EvictedError, ForkError, GivenBackError, InUseError,
                      InvalidArgumentError, NoPlaceError, NoReaderError, NoSpaceError,
                      NotARegionError, NotFoundError, NotPermittedError, OtherRingError,
                      PeerDeadError, StaleError, SystemCallError, TimedOutError, TooLargeError,
                      UnsupportedError, VersionMismatchError, ViewsError, WrongTypeError)
from ._loop import Loop
from ._ringbell import (Client, Collector, Connection, Contributor, End, Event, InHand, Listener,
                        Loan, Message, Name, Publisher, QueueReceiver, QueueSender, Receiver,
                        Recovered, Ring, Sender, Server, StateReader, StateWriter, Stats,
                        Subscriber, TakenRequest, Ticket, Type, UserHeader, Wait, WaitSet,
                        __version__, connect, names, recover, remove_dead)
from ._states import StatesReader, StatesWriter
from ._upgrade import wait_drained

__all__ = [
    "BusyError", "CancelledError", "Client", "ClosedError", "Collector", "Connection",
    "Contributor", "CorruptError", "DroppedError", "End", "EndClosedError", "Error", "Event",
    "EvictedError", "ForkError", "GivenBackError", "InHand", "InUseError", "InvalidArgumentError",
    "Listener", "Loan", "Loop",
    "Message", "Name", "NoPlaceError", "NoReaderError", "NoSpaceError", "NotARegionError",
    "NotFoundError", "NotPermittedError", "OtherRingError", "PeerDeadError", "Publisher",
    "QueueReceiver", "QueueSender", "Receiver", "Recovered", "Ring", "Sender", "Server",
    "StaleError", "StateReader", "StateWriter", "StatesReader", "StatesWriter", "Stats",
    "Subscriber", "SystemCallError", "TakenRequest", "Ticket", "TimedOutError", "TooLargeError",
    "Type", "UnsupportedError", "UserHeader", "VersionMismatchError", "ViewsError", "Wait",
    "WaitSet", "WrongTypeError", "connect", "names", "recover", "remove_dead", "wait_drained",
    "__version__",
]

_ring.install(Ring)
_arrays.install(_ringbell)
_parts.install(Client)

for _name in __all__:  # where users find them, and tracebacks say it
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = "ringbell"
del _name
