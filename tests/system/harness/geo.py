"""Redis servers with sluice-geo.so in a mesh whose links are the test itself: it carries the batches."""

import itertools
import time

import redis

from harness.process import BUILD
from harness.waiting import eventually

MODULE = BUILD / 'sluice-geo.so'


def options(number, name=None, **more):
    """Server options of region `number`."""
    words = [str(MODULE), f'region={name or f"r{number}"}', f'id={number}']
    words += [f'{key.replace("_", "-")}={value}' for key, value in more.items()]
    return {'loadmodule': ' '.join(words)}


def commands_of(stream):
    """The commands of a piece of a replication stream, and the bytes of an unfinished one at its end."""
    commands, at = [], 0
    while at < len(stream):
        if stream[at:at + 1] != b'*':  # a newline that says the master is there
            at += 1
            continue
        end = stream.find(b'\r\n', at)
        if end < 0:
            break
        words, next_at = [], end + 2
        for _ in range(int(stream[at + 1:end])):
            end = stream.find(b'\r\n', next_at)
            size = int(stream[next_at + 1:end]) if end >= 0 else 0
            if end < 0 or len(stream) < end + 2 + size + 2:
                return commands, stream[at:]
            words.append(stream[end + 2:end + 2 + size])
            next_at = end + 2 + size + 2
        commands.append(words)
        at = next_at
    return commands, stream[at:]


def has_its_aof(server):
    """Not so from a full sync until the AOF that begins with it is whole."""
    facts = server.info('persistence')
    return facts['aof_enabled'] == 1 and not facts['aof_rewrite_in_progress'] and not facts['aof_rewrite_scheduled']


def aof_of(server):
    """The file that is written to."""
    return max(server.folder.glob('appendonlydir/*.incr.aof'), key=lambda path: int(path.suffixes[-3].strip('.')))


def units_of(aof, begin=0):
    """What servers load as one, from `begin` on: its first word, where it begins and where it ends. A command, or a transaction."""
    units, opened, at = [], None, begin
    while at < len(aof):
        start, end = at, aof.index(b'\r\n', at)
        words, at, first = int(aof[at + 1:end]), end + 2, None
        for _ in range(words):
            end = aof.index(b'\r\n', at)
            size = int(aof[at + 1:end])
            first = first or aof[end + 2:end + 2 + size].lower()
            at = end + 2 + size + 2
        if first == b'multi':
            opened = start
        elif first == b'exec':
            units.append((b'multi', opened, at))
            opened = None
        elif opened is None:
            units.append((first, start, at))
    return units


class Region:
    """One region's master, and the batches in its stream (its own and those that it has applied)."""

    def __init__(self, server, recorder):
        self.server = server
        self.recorder = recorder
        self.batches = []
        self._read_to = recorder.begin
        self._rest = b''
        # A FLUSHALL kills the child that still writes the recorder's snapshot, and so ends its link.
        eventually(lambda: self.client.info('persistence')['rdb_bgsave_in_progress'] == 0, 'the snapshot has gone')

    @property
    def client(self):
        return self.server.client

    @property
    def number(self):
        return self.client.execute_command('GEO.VECTOR')[0][1]

    def vector(self):
        identity, entries, positions = self.client.execute_command('GEO.VECTOR')
        return {(region, incarnation): seq for region, incarnation, seq in entries}

    def info(self):
        text = self.client.execute_command('GEO.INFO').decode()
        return dict(line.split(':', 1) for line in text.splitlines() if ':' in line)

    def digest(self):
        vector, *slots = self.client.execute_command('GEO.DIGEST')
        return dict(map(tuple, slots))

    def read_stream(self):
        """Takes in what has come; returns how many batches there are now."""
        offset = self.server.offset
        eventually(lambda: self.recorder.failure or self.recorder.end >= offset, 'the stream has come')
        assert self.recorder.failure is None, self.recorder.failure
        end = self.recorder.end
        commands, self._rest = commands_of(self._rest + self.recorder.between(self._read_to, end))
        self._read_to = end
        self.batches += [words[1] for words in commands if words[0].lower() == b'geo.ops']
        return len(self.batches)


class Mesh:
    """Regions, and how far each has been sent of each other's batches."""

    def __init__(self, regions):
        self.regions = regions
        self._sent = {}

    def deliver(self, source, target, most=None):
        """Carries what `target` has not been sent of `source`'s batches, in order; True if all were taken."""
        source.read_stream()
        key = id(source), id(target)
        at = self._sent.get(key, 0)
        end = len(source.batches) if most is None else min(len(source.batches), at + most)
        while at < end:
            try:
                answer = target.client.execute_command('GEO.APPLY', source.batches[at])
                assert answer in (b'OK', b'DUPLICATE'), answer
            except redis.ResponseError as error:
                # What came before the snapshot that our stream began with is sent again, soon after it.
                is_resent = str(error).startswith(('GEOGAP', f'GEOWAIT {source.number}.'))
                if str(error).startswith('GEOWAIT') and not is_resent:
                    break
                if not is_resent:
                    raise
            at += 1
        self._sent[key] = at
        return at == len(source.batches)

    def forget(self, source):
        """Its stream begins anew: send all of it again."""
        self._sent = {key: at for key, at in self._sent.items() if key[0] != id(source)}

    def exchange(self, rounds=20):
        """Delivers everything to everybody."""
        for _ in range(rounds):
            done = [self.deliver(a, b) for a in self.regions for b in self.regions if a is not b]
            if all(done) and len({tuple(sorted(r.vector().items())) for r in self.regions}) == 1:
                return
            time.sleep(0.1)
        raise AssertionError(f'no common vector: {[r.vector() for r in self.regions]}')

    def check_equal(self):
        digests = [region.digest() for region in self.regions]
        for region, digest in zip(self.regions[1:], digests[1:]):
            if digest != digests[0]:
                raise AssertionError(differing_keys(self.regions[0].client, region.client))

    def settle(self, within=15.0):
        """Exchanges until nothing is unstable any more."""
        deadline = time.monotonic() + within
        while True:
            self.exchange()
            left = [int(region.info()['unstable_keys']) for region in self.regions]
            if not any(left):
                return
            assert time.monotonic() < deadline, f'unstable keys are left: {left}'
            time.sleep(0.05)


def value_of(client, key):
    kind = client.type(key)
    read = {b'string': lambda: client.get(key), b'list': lambda: client.lrange(key, 0, -1),
            b'set': lambda: sorted(client.smembers(key)), b'hash': lambda: sorted(client.hgetall(key).items()),
            b'zset': lambda: client.zrange(key, 0, -1, withscores=True),
            b'stream': lambda: client.xrange(key), b'none': lambda: None}[kind]
    return kind, read(), client.pexpiretime(key) if hasattr(client, 'pexpiretime') else client.execute_command(
        'PEXPIRETIME', key)


def content(client):
    return {key: value_of(client, key) for key in client.scan_iter(count=1000)}


def differing_keys(one, other):
    mine, theirs = content(one), content(other)
    lines = [f'{key!r}: {mine.get(key)!r} != {theirs.get(key)!r}'
             for key in sorted(mine.keys() | theirs.keys()) if mine.get(key) != theirs.get(key)]
    return '\n'.join(lines) or f'digests differ, values do not: {sorted(mine)}'


def join(*regions):
    """Tells each of the others, before anything links them."""
    for one, other in itertools.permutations(regions, 2):
        one.client.execute_command('GEO.JOIN', other.info()['id'])
    return Mesh(list(regions))
