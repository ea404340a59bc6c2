"""A replica made of nothing but a socket: what it receives is the truth that keepers are held to."""

import socket
import ssl
import threading
import time

ACK_PERIOD = 0.5


class Refused(Exception):
    """The answer to a step of the handshake was an error."""


class PsyncLink:
    """One handshake and PSYNC. `answer` is '+CONTINUE …' or '+FULLRESYNC …'."""

    def __init__(self, port, replid='?', next_byte=-1, user=None, password=None, tls=None,
                 listening_port=0, timeout=20.0):
        self._socket = socket.create_connection(('127.0.0.1', port), timeout=timeout)
        if tls:
            context = ssl.create_default_context(cafile=str(tls.files.ca))
            context.load_cert_chain(str(tls.files.client_cert), str(tls.files.client_key))
            self._socket = context.wrap_socket(self._socket, server_hostname='127.0.0.1')
        self._buffer = b''
        self.rdb = None
        if password:
            self.call('AUTH', *([user] if user else []), password)
        self.call('PING')
        self.call('REPLCONF', 'listening-port', listening_port)
        self.call('REPLCONF', 'capa', 'eof', 'capa', 'psync2')
        self.send('PSYNC', replid, next_byte)
        self.answer = self._line()
        words = self.answer.split()
        self.is_full = words[0] == '+FULLRESYNC'
        if not self.is_full and words[0] != '+CONTINUE':
            raise Refused(self.answer)
        self.replid = words[1] if len(words) > 1 else replid
        self.offset = int(words[2]) if self.is_full else next_byte - 1
        if self.is_full:
            self.rdb = self._payload()

    def send(self, *words):
        parts = [str(word).encode() for word in words]
        self._socket.sendall(b'*%d\r\n' % len(parts) +
                             b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts))

    def call(self, *words):
        self.send(*words)
        reply = self._line()
        if reply.startswith('-'):
            raise Refused(reply)
        return reply

    def acknowledge(self, offset):
        self.send('REPLCONF', 'ACK', offset)

    def receive(self):
        """Some bytes of the stream; b'' at its end. Raises TimeoutError when none come."""
        if self._buffer:
            piece, self._buffer = self._buffer, b''
            return piece
        return self._socket.recv(1 << 20)

    def receive_exactly(self, count):
        piece = self._take(count)
        return piece

    def set_timeout(self, seconds):
        self._socket.settimeout(seconds)

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _more(self):
        piece = self._socket.recv(1 << 20)
        if not piece:
            raise ConnectionError('the link ended')
        self._buffer += piece

    def _line(self):
        """The next line, past the newlines that a busy master sends to say it is there."""
        while True:
            while b'\n' not in self._buffer:
                self._more()
            line, self._buffer = self._buffer.split(b'\n', 1)
            if line.rstrip(b'\r'):
                return line.rstrip(b'\r').decode()

    def _take(self, count):
        pieces, have = [self._buffer], len(self._buffer)
        while have < count:
            piece = self._socket.recv(1 << 20)
            if not piece:
                raise ConnectionError('the link ended')
            pieces.append(piece)
            have += len(piece)
        joined = b''.join(pieces)
        self._buffer = joined[count:]
        return joined[:count]

    def _payload(self):
        header = self._line()
        if not header.startswith('$EOF:'):
            return self._take(int(header[1:]))
        mark = header[5:].encode()
        while mark not in self._buffer:
            self._more()
        rdb, self._buffer = self._buffer.split(mark, 1)
        return rdb


class Recorder:
    """Follows a master in a thread and keeps every byte of its stream, from a full resync on."""

    def __init__(self, port, **link):
        self._link = PsyncLink(port, **link)
        self.replid = self._link.replid
        self.begin = self._link.offset
        self.rdb = self._link.rdb
        self._pieces = []
        self._lock = threading.Lock()
        self.end = self.begin
        self.failure = None
        self._stopping = False
        self._link.set_timeout(ACK_PERIOD)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        acknowledged_at = 0.0
        while not self._stopping:
            try:
                piece = self._link.receive()
                if not piece:
                    self.failure = 'the master ended the link'
                    return
                with self._lock:
                    self._pieces.append(piece)
                    self.end += len(piece)
            except (TimeoutError, socket.timeout):
                pass
            except OSError as error:
                self.failure = self.failure or repr(error)
                return
            if time.monotonic() - acknowledged_at > ACK_PERIOD:
                acknowledged_at = time.monotonic()
                try:
                    self._link.acknowledge(self.end)
                except OSError:
                    pass

    def between(self, start, end):
        """The stream's bytes from offset `start` to `end`."""
        with self._lock:
            assert self.begin <= start <= end <= self.end, (self.begin, start, end, self.end)
            self._pieces = [b''.join(self._pieces)]
            return self._pieces[0][start - self.begin:end - self.begin]

    def forget(self, before):
        """Frees what is older than offset `before`."""
        with self._lock:
            if before > self.begin:
                self._pieces = [b''.join(self._pieces)[before - self.begin:]]
                self.begin = before

    def close(self):
        self._stopping = True
        self._link.close()
        self._thread.join(10)


def read_stream(port, replid, start, end, **link):
    """The stream's bytes from offset `start` to `end`, by a partial resync."""
    psync = PsyncLink(port, replid, start + 1, **link)
    try:
        if psync.is_full:
            raise AssertionError(f'asked for {replid}:{start + 1}, got {psync.answer}')
        return psync.receive_exactly(end - start)
    finally:
        psync.close()
