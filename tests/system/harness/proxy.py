"""A TCP proxy in this process whose link can be cut, frozen, reset and slowed down."""

import socket
import struct
import threading
import time

PIECE_BYTES = 64 << 10


class Proxy:
    """Listens on a port of its own; each accepted connection gets one to `target_port`."""

    def __init__(self, target_port):
        self.target_port = target_port
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self._pairs = set()
        self._lock = threading.Lock()
        self._is_open = True
        self._flows = threading.Event()
        self._flows.set()
        self._bytes_per_second = None
        self._ends_before = None
        self._ends_after = 0
        self.accepted = 0
        self.bytes_down = 0  # from the target to those who connected
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f'127.0.0.1:{self.port}'

    def cut(self, reset=False):
        """Ends every connection and refuses new ones at once until heal()."""
        self._is_open = False
        self.drop(reset)

    def drop(self, reset=False):
        """Ends every connection; new ones are welcome."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                self._end(end, reset)

    def heal(self):
        self._is_open = True
        self._flows.set()

    def freeze(self):
        """Keeps connections, moves no byte: as a network that swallows packets."""
        self._flows.clear()

    def stop_between(self, before, after):
        """From now on connections bring what the target sends until these two follow each other, and the second no more."""
        self._ends_before = before + after
        self._ends_after = len(before)

    def limit(self, bytes_per_second):
        self._bytes_per_second = bytes_per_second

    def close(self):
        self._flows.set()
        self._listener.close()
        self.cut()

    @staticmethod
    def _end(end, reset):
        try:
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                end.shutdown(socket.SHUT_RD)  # wakes who reads from it: the RST goes when nobody holds it
                end.close()
            else:
                end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._is_open:
                self._end(near, reset=True)
                continue
            try:
                far = socket.create_connection(('127.0.0.1', self.target_port), timeout=5)
            except OSError:
                self._end(near, reset=True)
                continue
            far.settimeout(None)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            with self._lock:
                self._pairs.add((near, far))
            threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source, sink, is_down):
        held = b''  # what may be the beginning of the bytes to stop before
        try:
            while piece := source.recv(PIECE_BYTES):
                self._flows.wait()
                if is_down and self._ends_before:
                    piece = held + piece
                    at = piece.find(self._ends_before)
                    if at < 0:
                        at = max(len(piece) - len(self._ends_before) + 1, 0)
                        held, piece = piece[at:], piece[:at]
                    else:
                        sink.sendall(piece[:at + self._ends_after])
                        while source.recv(PIECE_BYTES):  # nobody is told
                            pass
                        break
                if is_down:
                    self.bytes_down += len(piece)
                    if self._bytes_per_second:
                        time.sleep(len(piece) / self._bytes_per_second)
                sink.sendall(piece)
        except OSError:
            pass
        for end in (source, sink):
            self._end(end, reset=False)
