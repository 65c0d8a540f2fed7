"""What a TLS server takes and sends: whether older clients can connect, and its chain.

A certificate that is good by its dates and names still turns users away where its issuer's
certificate is not sent along, or where what the server offers to TLS 1.2 fits no client.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from OpenSSL import SSL

CHAIN_WHOLE = "issuer sent along"
TAKES_TLS_12 = "TLS 1.2 taken"
LOST = {
    CHAIN_WHOLE: "the chain is not complete: the certificate of the issuer is not sent any more",
    TAKES_TLS_12: "clients that speak TLS 1.2 cannot connect any more",
}
"""What to say of a server that did each of them while it was healthy, and does not now."""


def any_certificate() -> ssl.SSLContext:
    """For a handshake in which no certificate is judged."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def certificate(address: str, port: int, name: str) -> bytes:
    """The server's own certificate, as DER. Raises OSError and ssl.SSLError."""
    return await _shaken(address, port, name, any_certificate())


async def manners(address: str, port: int, name: str, seconds: float) -> tuple[str, ...]:
    """Which of `LOST` a server does; one that cannot be told within its time is left out."""
    older = any_certificate()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    chain, takes = await asyncio.gather(
        asyncio.to_thread(_chain_length, address, port, name, seconds),
        asyncio.wait_for(_shaken(address, port, name, older), seconds),
        return_exceptions=True,
    )
    found = []
    if isinstance(chain, int) and chain > 1:
        found.append(CHAIN_WHOLE)
    if isinstance(takes, bytes):
        found.append(TAKES_TLS_12)
    for problem in (chain, takes):
        if isinstance(problem, BaseException) and not isinstance(problem, OSError | SSL.Error):
            raise problem
    return tuple(found)


async def _shaken(address: str, port: int, name: str, context: ssl.SSLContext) -> bytes:
    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
    encoded: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    # not closed in turns: a server that has begun to talk would make an error of that
    writer.transport.abort()
    return encoded


def _chain_length(address: str, port: int, name: str, seconds: float) -> int:
    """How many certificates are sent. Blocks; the system's own timeout bounds each exchange."""
    with socket.create_connection((address, port), seconds) as plain:
        plain.settimeout(None)  # a socket that does not wait hands OpenSSL half a record
        limit = int(seconds).to_bytes(8, "little") + bytes(8)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD), plain)
        connection.set_tlsext_host_name(name.encode("idna"))
        connection.set_connect_state()
        connection.do_handshake()
        return len(connection.get_peer_cert_chain() or ())
