"""A proxy that fails once, at a place of the conversation that a test chooses, or from there on."""

import asyncio
import os
import socket
import struct

from .wire import Wire

FAULTS = {
    "request lost": ("request",),
    "reply lost": ("reply",),
    "reply cut in the middle": ("reply",),
    "reply late": ("reply",),
    "connection reset": ("request", "reply"),
}
"""What can go wrong on the wire, and what is counted for its place: all that is sent, or all that is answered."""


class FaultyWire(Wire):
    """A proxy that passes everything on, but for a fault.

    Attributes:
        is_hit: Whether the fault happened.
    """

    def __init__(self, host: str, port: int, fault: str, place: int, *, for_good: bool, lateness: float) -> None:
        """Listen.

        Args:
            host: The store's host.
            port: The store's port.
            fault: One of FAULTS.
            place: Which request or reply it hits, counted from 1.
            for_good: Whether nothing passes from then on until it is healed. Where replies are late, it is held up till
                then, and passes after all.
            lateness: How many seconds late a reply is.
        """
        self.is_hit = False
        self._fault, self._left, self._for_good, self._lateness = fault, place, for_good, lateness
        self._is_over = asyncio.Event()
        super().__init__(host, port)

    def heal(self) -> None:
        """Let everything pass from now on, also the replies that are late."""
        self._run(self._heal())

    async def _heal(self) -> None:
        self._is_over.set()

    async def _interfere(self, what: str, data: bytes, to_client: asyncio.StreamWriter) -> None:
        if self._is_over.is_set():
            return
        is_first = not self.is_hit
        if is_first:
            self._left -= what in FAULTS[self._fault]
            if self._left > 0:
                return
            self.is_hit = True
            if not self._for_good:
                self._is_over.set()
        if self._fault != "reply late":
            if is_first and self._fault == "reply cut in the middle":
                to_client.write(data[: len(data) // 2])
            if self._fault == "connection reset":
                # Closed with this option, a socket sends RST in place of FIN. Windows has shorter numbers in it.
                linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
                to_client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            raise ConnectionAbortedError(self._fault)
        if self._for_good:
            await self._is_over.wait()
        else:
            await asyncio.sleep(self._lateness)
