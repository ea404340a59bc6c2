"""Replies as they come: a connection that shows RESP types, errors among them, without interpreting any."""

import socket


class Error(str):
    """An error reply, or an error within one."""


class Raw:
    def __init__(self, port, protocol=2):
        self._socket = socket.create_connection(('127.0.0.1', port), timeout=10)
        self._file = self._socket.makefile('rb')
        if protocol == 3:
            self('HELLO', 3)

    def __call__(self, *words):
        self.send(*words)
        return self.read()

    def send(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b'*%d\r\n' % len(parts) +
                             b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts))

    def read(self):
        line = self._file.readline().rstrip(b'\r\n')
        kind, rest = line[:1], line[1:]
        if kind == b'-':
            return Error(rest.decode())
        if kind in b'$=':
            return None if rest == b'-1' else (kind, self._bulk(int(rest)))
        if kind in b'*~>':
            return (kind, None) if rest == b'-1' else (kind, [self.read() for _ in range(int(rest))])
        if kind == b'%':
            return kind, [(self.read(), self.read()) for _ in range(int(rest))]
        return kind, rest

    def _bulk(self, size):
        return self._file.read(size + 2)[:-2]

    def close(self):
        self._file.close()
        self._socket.close()
