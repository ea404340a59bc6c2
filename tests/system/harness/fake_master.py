"""A master that gives every replica the same bytes for a snapshot, which some servers cannot load."""

import socket
import threading
from pathlib import Path

from harness.redis_server import REDIS_SERVER


class FakeMaster:
    """Gives every replica `snapshot`, and one PING. `port` is where it listens."""

    REPLID = 'f' * 40
    # One key. No redis-server loads what Valkey 9 writes, and no Valkey what Redis 7.4 does. A checksum of zero means that there is none.
    SNAPSHOT = (b'REDIS0012' if 'alkey' in Path(REDIS_SERVER).name else b'VALKEY080') + b'\xfe\x00\x00\x01k\x01v\xff' + bytes(8)

    def __init__(self, snapshot=SNAPSHOT):
        self._snapshot = snapshot
        self.snapshots_given = 0
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        lines = link.makefile('rb')
        with link, lines:
            while header := lines.readline():
                words = []
                for _ in range(int(header[1:])):
                    words.append(lines.read(int(lines.readline()[1:]) + 2)[:-2].lower())
                link.sendall(self._answer(words))

    def _answer(self, words):
        if words[0] == b'ping':
            return b'+PONG\r\n'
        if words[0] == b'psync':
            self.snapshots_given += 1
            return (f'+FULLRESYNC {self.REPLID} 100\r\n${len(self._snapshot)}\r\n'.encode()
                    + self._snapshot + b'*1\r\n$4\r\nPING\r\n')
        if words[0] == b'info':
            text = f'role:master\r\nmaster_replid:{self.REPLID}\r\nmaster_repl_offset:114\r\n'.encode()
            return b'$%d\r\n%s\r\n' % (len(text), text)
        return b'' if words[:2] == [b'replconf', b'ack'] else b'+OK\r\n'
