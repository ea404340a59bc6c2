"""Real servers, with the module or without it, and what is said to them."""

import random
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / 'build'
SERVER = 'redis-server'
PIPELINE = 16
CLIENTS = 50  # as many as redis-benchmark has
# How many turns of all clients are under way until every region has promised the first: 4,000 requests, 40 ms at
# 100,000 a second.
TURNS_PER_PROMISE = 5


def command(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b'*%d\r\n' % len(parts) + b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts)


class Connection:
    """Sends commands and reads replies, as many as were sent."""

    def __init__(self, port, tries=600):
        for left in range(tries, 0, -1):
            try:
                self.socket = socket.create_connection(('127.0.0.1', port))
                break
            except OSError:
                if left == 1:
                    raise SystemExit(f'{SERVER} did not start') from None
                time.sleep(0.05)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b''

    def send(self, request):
        self.socket.sendall(request)

    def lines(self, count):
        """Waits for so many lines of replies, and forgets them."""
        while count > 0:
            count -= self.socket.recv(1 << 20).count(b'\r\n')

    def _line(self):
        while b'\r\n' not in self.left:
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise ConnectionError('closed')
            self.left += piece
        line, self.left = self.left.split(b'\r\n', 1)
        return line

    def reply(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in b'+-':
            return (kind + rest if kind == b'-' else rest).decode()
        if kind == b':':
            return int(rest)
        size = int(rest)
        if size < 0:
            return None
        if kind == b'*':
            return [self.reply() for _ in range(size)]
        while len(self.left) < size + 2:
            self.left += self.socket.recv(1 << 20)
        bulk, self.left = self.left[:size], self.left[size + 2:]
        return bulk

    def call(self, *words):
        self.send(command(*words))
        return self.reply()


RUNNING = []  # child processes


def started(words, **streams):
    child = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, **streams)
    RUNNING.append(child)
    return child


def ended(child):
    child.terminate()
    error = child.communicate()[1]
    RUNNING.remove(child)
    return (error or b'').decode()


def end_all():
    """Whatever a part that failed has left."""
    for child in reversed([*RUNNING]):
        ended(child)


class Server:
    def __init__(self, folder, module, wrapper=(), number=1, words=()):
        self.port = free_port()
        words = [*wrapper, shutil.which(SERVER), '--port', self.port, '--save', '', '--dir', folder, '--logfile', folder / f'{self.port}.log',
                 '--repl-diskless-sync-delay', 0, '--shutdown-timeout', 0, '--dbfilename', f'{self.port}.rdb',
                 '--client-output-buffer-limit', 'replica', 0, 0, 0, '--repl-timeout', 3600, *words]
        if module:
            words += ['--loadmodule', BUILD / 'sluice-geo.so', f'region=r{number}', f'id={number}']
        self.child = started(words, stderr=subprocess.PIPE if wrapper else subprocess.DEVNULL)
        self.admin = Connection(self.port)
        self.has_peer = False
        self.clients = [Connection(self.port) for _ in range(CLIENTS)]

    def attach_replica(self, keep=False):
        """Reads the stream, and keeps all of it or its end, as a replica would."""
        self.replica = Replica(self.port, keep)

    def stand_in_for_a_peer(self):
        """Promises, as a region 2 that has it all, what has come through the replica."""
        self.replica.acknowledge()
        if not self.has_peer:
            self._apply(peer_begins())
            self.has_peer = True
        self._apply(announcement(*self.replica.newest()))

    def _apply(self, batch):
        self.admin.send(b'*2\r\n$9\r\ngeo.apply\r\n' + bulk(batch))
        answer = self.admin.reply()
        assert not str(answer).startswith('-'), answer

    def run(self, batches, has_peer=False):
        """Each client has one batch of PIPELINE requests under way at a time."""
        for at in range(0, len(batches), CLIENTS):
            if has_peer and at and at % (TURNS_PER_PROMISE * CLIENTS) == 0:
                self.stand_in_for_a_peer()
            turn = list(zip(self.clients, batches[at:at + CLIENTS]))
            for client, batch in turn:
                client.send(batch)
            for client, _ in turn:
                client.lines(PIPELINE)

    def wait_until_loaded(self):
        while str(self.admin.call('PING')) != 'PONG':
            time.sleep(0.05)

    def geo_info(self):
        text = self.admin.call('GEO.INFO').decode()
        return dict(line.split(':', 1) for line in text.splitlines() if ':' in line)

    def info(self, section):
        text = self.admin.call('INFO', section).decode()
        return dict(line.split(':', 1) for line in text.splitlines() if ':' in line)

    def cpu_seconds(self):
        fields = Path(f'/proc/{self.child.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def rss(self):
        return int(re.search(r'VmRSS:\s+(\d+) kB', Path(f'/proc/{self.child.pid}/status').read_text())[1]) * 1024

    def stop(self):
        return ended(self.child)


class Replica:
    def __init__(self, port, keep):
        self.link = Connection(port)
        self.keep, self.pieces, self.read = keep, [], 0
        self.link.send(b'PSYNC ? -1\r\n')
        answer = self.link._line()
        while not answer.startswith(b'+FULLRESYNC'):
            answer = self.link._line()
        self.offset = int(answer.split()[2])
        size = b''
        while not size.startswith(b'$'):
            size = self.link._line()
        left = int(size[1:]) - len(self.link.left)
        while left > 0:
            left -= len(self.link.socket.recv(min(left, 1 << 20)))
        threading.Thread(target=self._run, daemon=True).start()
        time.sleep(0.5)

    def _run(self):
        while piece := self.link.socket.recv(1 << 20):
            self.offset += len(piece)
            self.pieces.append(piece)
            if not self.keep and len(self.pieces) > 1000:
                del self.pieces[:500]

    def acknowledge(self):
        self.link.send(command('REPLCONF', 'ACK', self.offset))

    def stream(self):
        return b''.join(self.pieces)

    def wait_until_begun(self):
        """The first op of the master's life was made before we came, and is sent again; that batch and those behind it."""
        for _ in range(600):
            batches = batches_of(self.stream())
            for at, batch in enumerate(batches):
                _, _, first, end = ops_in(batch)
                if first == 1 < end:
                    return batches[at:]
            time.sleep(0.05)
        raise SystemExit('the first op does not come')

    def newest(self):
        """Region, incarnation and number of the last op that came."""
        region, incarnation, _, end = ops_in(batches_of(self.stream())[-1])
        return region, incarnation, end - 1


# --- the bytes of batches (docs/protocol/geo.md) ----------------------------------------------------


def ops_in(apply):
    """Of a GEO.APPLY: region, incarnation, the number of its first op and of the one behind its last."""
    batch = apply.split(b'\r\n', 4)[4]
    (incarnation, at), region = number(batch, 2), batch[1]
    first, at = number(batch, at)
    count, at = number(batch, at)
    return region, incarnation, first, first + (count >> 1)


def number(batch, at):
    value = shift = 0
    while True:
        value |= (batch[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if batch[at - 1] < 0x80:
            return value, at


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def peer_begins():
    """The first batch of region 2: nobody promises anything to a peer whose life it has not seen begin."""
    begin = b'\x01\x00' + bytes([23, 0])  # of no key
    return b'\x01' + b'\x02\x01' + b'\x01' + b'\x02' + bytes(8) + bytes(2) + begin


def announcement(region, incarnation, seq):
    """An empty batch of region 2 that has seen and promises everything up to there."""
    dot, its_own = bytes([region]) + varint(incarnation) + varint(seq), b'\x02\x01\x01'
    return b'\x01' + b'\x02\x01' + b'\x02' + b'\x00' + bytes(8) + b'\x01' + dot + b'\x02' + dot + its_own


def bulk(data):
    return b'$%d\r\n%s\r\n' % (len(data), data)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


# --- what is written ------------------------------------------------------------------------------

KEYS = 10_000
USUAL_KEYS = 100_000


def one_request(kind, key, rng):
    value = f'value:{rng.randrange(10**9):010}'
    member = f'member:{rng.randrange(10**9):010}'
    return {
        'GET': lambda: command('GET', key),
        'SET': lambda: command('SET', key, value),
        'INCR': lambda: command('INCR', key),
        'HSET': lambda: command('HSET', key, f'f{rng.randrange(8)}', value),
        'SADD': lambda: command('SADD', key, member),
        'ZADD': lambda: command('ZADD', key, rng.randrange(10**6), member),
        'LPUSH': lambda: command('LPUSH', key, value),
        'HSET x10': lambda: command('HSET', key, *[word for n in range(10) for word in (f'f{n}', value)]),
    }[kind]()


def usual_request(kind, rng):
    """As redis-benchmark -r 100000 sends it."""
    number = f'{rng.randrange(USUAL_KEYS):012}'
    value = 'VXK'
    return {
        'GET': lambda: command('GET', f'key:{number}'),
        'SET': lambda: command('SET', f'key:{number}', value),
        'INCR': lambda: command('INCR', f'counter:{number}'),
        'HSET': lambda: command('HSET', 'myhash', f'element:{number}', value),
        'SADD': lambda: command('SADD', 'myset', f'element:{number}'),
        'ZADD': lambda: command('ZADD', 'myzset', 0, f'element:{number}'),
        'LPUSH': lambda: command('LPUSH', 'mylist', value),
    }[kind]()


def name_of(kind, key):
    return f'{kind.split()[0].lower()}:{key:07}'


def requests(kind, count, seed=1, keys=KEYS):
    """`count` requests on random keys, in pieces of PIPELINE."""
    rng = random.Random(seed)
    return in_pieces(lambda: one_request(kind, name_of(kind, rng.randrange(keys)), rng), count)


def usual_requests(kind, count, seed=1):
    rng = random.Random(seed)
    return in_pieces(lambda: usual_request(kind, rng), count)


def in_pieces(make, count):
    return [b''.join(make() for _ in range(PIPELINE)) for _ in range(count // PIPELINE)]


def batches_of(stream):
    """The GEO.OPS of a piece of stream, each made a GEO.APPLY."""
    found, at, mark = [], 0, b'*2\r\n$7\r\ngeo.ops\r\n$'
    while (at := stream.find(mark, at)) >= 0:
        end = stream.index(b'\r\n', at + len(mark))
        size = int(stream[at + len(mark):end])
        found.append(b'*2\r\n$9\r\ngeo.apply\r\n$' + stream[at + len(mark):end + 2 + size + 2])
        at = end + 2 + size
    return found
