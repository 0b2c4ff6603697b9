#!/usr/bin/env python3
"""A peer on the kernel's sockets that ends connections in every way there is.

usage: peer.py <what> <address> <port>

Says "ok <what>: ..." or raises. Each wait is bounded by TIMEOUT.
"""

import errno
import hashlib
import os
import socket
import struct
import sys
import threading
import time

TIMEOUT = 20
SIZE = 4 << 20


def connect(address, port):
    peer = socket.create_connection((address, port), timeout=TIMEOUT)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def read_all(peer):
    digest, length = hashlib.sha256(), 0
    while piece := peer.recv(1 << 16):
        digest.update(piece)
        length += len(piece)
    return digest.digest(), length


def reset(peer):
    """Closes with a RST, whatever is queued."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def expect_reset(call):
    try:
        call()
    except ConnectionResetError:
        return
    except BrokenPipeError:
        return
    raise AssertionError("no reset")


def half_close(address, port):
    """We send all and shut down; the echo still comes, whole, and then the end."""
    content = os.urandom(SIZE)
    peer = connect(address, port)

    def send():
        peer.sendall(content)
        peer.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    digest, length = read_all(peer)
    sender.join()
    assert length == SIZE and digest == hashlib.sha256(content).digest(), "%d of %d" % (length, SIZE)
    peer.close()
    return "%d bytes echoed" % length


def half_close_then_wait(address, port):
    """What is echoed fills both windows before we begin to read it: nothing is lost behind FIN."""
    content = os.urandom(128 << 10)
    peer = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    peer.settimeout(TIMEOUT)
    peer.connect((address, port))
    peer.sendall(content)
    peer.shutdown(socket.SHUT_WR)
    time.sleep(1)
    digest, length = read_all(peer)
    assert digest == hashlib.sha256(content).digest(), "%d of %d" % (length, len(content))
    peer.close()
    return "%d bytes after a closed window" % length


def fin_without_data(address, port):
    """A connection on which nothing was ever said ends well, 100 times."""
    for _ in range(100):
        peer = connect(address, port)
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
        peer.close()
    return "100 connections"


def resets(address, port):
    """RST with nothing, with something and with much under way, at once and later."""
    for i in range(100):
        peer = connect(address, port)
        if i % 4:
            peer.setblocking(False)
            try:
                peer.send(os.urandom(SIZE if i % 4 == 1 else 100))
            except BlockingIOError:
                pass
        if i % 2:
            time.sleep(0.01)
        reset(peer)
    return "100 resets; then " + half_close(address, port)


def reset_after_half_close(address, port):
    for _ in range(50):
        peer = connect(address, port)
        peer.sendall(os.urandom(60000))
        peer.shutdown(socket.SHUT_WR)
        reset(peer)
    return "50 resets; then " + half_close(address, port)


def refused(address, port):
    """Nobody listens one port further."""
    for _ in range(20):
        try:
            connect(address, port + 1)
        except ConnectionRefusedError:
            continue
        raise AssertionError("connected to a closed port")
    return "20 times"


def survives_restart(address, port):
    """Half-open: the server has forgotten us, and says so when we speak (told by standard input)."""
    peer = connect(address, port)
    peer.sendall(b"before")
    assert peer.recv(100) == b"before"
    print("ready", flush=True)
    sys.stdin.readline()

    def speak():
        peer.sendall(b"after")
        peer.recv(100)

    expect_reset(speak)
    return "reset when we spoke; then " + half_close(address, port)


# ---- Where the stack is the client ----


def listen(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)
    listener.settimeout(TIMEOUT)
    print("ready", flush=True)
    peer, _ = listener.accept()
    peer.settimeout(TIMEOUT)
    return peer


def closes_first(address, port):
    """We say something and end; the client may still speak and then ends, too."""
    peer = listen(address, port)
    peer.sendall(b"good bye\n")
    peer.shutdown(socket.SHUT_WR)
    _, length = read_all(peer)
    return "%d bytes after our end" % length


def resets_client(address, port):
    peer = listen(address, port)
    assert peer.recv(100) != b""
    reset(peer)
    return "after its first words"


WHAT = {
    function.__name__.replace("_", "-"): function
    for function in (
        half_close, half_close_then_wait, fin_without_data, resets, reset_after_half_close,
        refused, survives_restart, closes_first, resets_client)
}


def main():
    what, address, port = sys.argv[1:]
    try:
        print("ok %s: %s" % (what, WHAT[what](address, int(port))))
    except (OSError, AssertionError) as error:
        code = errno.errorcode.get(getattr(error, "errno", None) or 0, "")
        sys.exit("%s %s: %s %s" % (what, address, code, error))


if __name__ == "__main__":
    main()
