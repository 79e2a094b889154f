"""Bodies as they come over the wire, made whole within bounds: an archive may not grow without end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from openmanager_kit.web.failures import Malformed, TooLarge
from openmanager_kit.web.policy import WebLimits

ACCEPTED = "gzip, deflate"
"""What is asked for. Other encodings are not in the standard library, and few servers insist on them."""

_STEP = 128 * 1024
_FREE = 64 * 1024
_MOST_LAYERS = 2


class Unpacker:
    """Expands a body piece by piece; counts what came and what it became.

    Parameters
    ----------
    encoding
        The ``Content-Encoding`` header.
    """

    def __init__(self, encoding: str, limits: WebLimits) -> None:
        self._limits = limits
        names = [name.strip().lower() for name in encoding.split(",")]
        names = [name for name in names if name and name != "identity"]
        unknown = [name for name in names if name not in ("gzip", "x-gzip", "deflate")]
        if unknown or len(names) > _MOST_LAYERS:
            raise Malformed(
                "the answer is compressed in a way that was not asked for", hint="another address for the same page"
            )
        self._layers = [_Layer(name) for name in reversed(names)]
        self.wire_bytes = 0
        self.body_bytes = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what a piece of the wire expands to, in steps of at most 128 KiB.

        Raises
        ------
        TooLarge
            As soon as a limit is passed.
        Malformed
            If it is not in the encoding that the header names.
        """
        self.wire_bytes += len(data)
        if self.wire_bytes > self._limits.wire_bytes:
            raise too_large(self._limits.wire_bytes)
        for piece in self._through(data, 0):
            self.body_bytes += len(piece)
            if self.body_bytes > self._limits.body_bytes:
                raise too_large(self._limits.body_bytes)
            if self._layers and self.body_bytes > _FREE + self.wire_bytes * self._limits.ratio:
                raise TooLarge(
                    f"the page expands to more than {self._limits.ratio} times its size and was not read",
                    hint="another address: this one looks like an attack",
                )
            yield piece

    def finish(self) -> None:
        """Say that nothing more comes.

        Raises
        ------
        Malformed
            If a compressed body ends too early.
        """
        if self.wire_bytes and not all(layer.is_over for layer in self._layers):
            raise Malformed("the compressed page ends too early", hint="again later")

    def _through(self, data: bytes, layer: int) -> Iterator[bytes]:
        if layer == len(self._layers):
            if data:
                yield data
            return
        for piece in self._layers[layer].expand(data):
            yield from self._through(piece, layer + 1)


class _Layer:
    """One ``gzip`` or ``deflate``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inflate = zlib.decompressobj(wbits=31 if "gzip" in name else 15)
        self._begun = False

    @property
    def is_over(self) -> bool:
        return self._inflate.eof

    def expand(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate.eof:
                if not data.strip(b"\0") or self._name == "deflate":
                    return  # padding, or rubbish that every browser ignores
                self._inflate = zlib.decompressobj(wbits=31)  # a further member
            try:
                piece = self._inflate.decompress(data, _STEP)
            except zlib.error:
                if self._begun or self._name != "deflate":
                    raise Malformed("the page is not compressed as it says", hint="again later") from None
                self._inflate = zlib.decompressobj(wbits=-15)  # "deflate" without its header, as some servers send it
                self._begun = True
                continue
            self._begun = True
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if piece:
                yield piece
            if not piece and not data:
                return


def too_large(most_bytes: int) -> TooLarge:
    """Say that a page has more bytes than may be read."""
    return TooLarge(
        f"the page has more than {most_bytes:,} bytes and was not read",
        hint="a smaller page, or a part of this one under its own address",
    )
