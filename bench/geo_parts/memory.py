"""Bytes that the module adds for a key or an element whose op not every region has, and for one whose op all have."""

import random
import time

from .server import PIPELINE, Server, command, name_of, one_request

BYTES_MAX = 150
KEPT_BYTES = 1 << 20  # crdt/piece_memory.h
KINDS = ['SET', 'INCR', 'HSET', 'SADD', 'ZADD']
ELEMENT_KINDS = ['HSET', 'SADD', 'ZADD', 'RPUSH', 'INCR']
KEYS = 100_000  # or elements of one key
IDLE_SECONDS = 3
STILL_BYTES = 10_000
SETTLE_SECONDS = 120  # some 5 where nothing else runs


def element_request(kind, number, seed, rng):
    name = f'element:{number:012}'
    return {
        'HSET': lambda: command('HSET', 'myhash', name, f'value:{rng.randrange(10**9):010}'),
        'SADD': lambda: command('SADD', 'myset', f'{name[:-1]}{seed}{name[-1:]}'),
        'ZADD': lambda: command('ZADD', 'myzset', rng.randrange(10**6), name),
        'RPUSH': lambda: command('RPUSH', 'mylist', name),
        'INCR': lambda: command('INCR', 'mycounter'),
    }[kind]()


def write_all(server, kind, seed, in_one_key):
    rng = random.Random(seed)
    keys = [element_request(kind, key, seed, rng) if in_one_key else one_request(kind, name_of(kind, key), rng)
            for key in range(KEYS)]
    server.run([b''.join(keys[at:at + PIPELINE]) for at in range(0, KEYS, PIPELINE)])


def modules_bytes(server):
    """What the server's allocator has given out beside what the server itself has asked for."""
    # It frees the buffers of clients that have been idle for two seconds. And it looks at its allocator ten times a
    # second, if it gets to it: what it tells may be from before.
    time.sleep(IDLE_SECONDS)
    last = None
    while True:
        time.sleep(0.5)
        info = server.info('memory')
        now = int(info['allocator_allocated']) - int(info['used_memory'])
        if last is not None and abs(now - last) < STILL_BYTES:
            return now
        last = now


def settled(server):
    """Until nothing is unstable."""
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until:
        server.stand_in_for_a_peer()
        time.sleep(0.1)
        if server.geo_info()['unstable_keys'] == '0':
            return
    raise SystemExit('metadata does not go')


def grown(folder, kind, in_one_key=False):
    """What goes when all regions have each key's second write, what that write has left, and what GEO.INFO told."""
    server = Server(folder, True, words=['--repl-backlog-size', '1mb'])
    server.attach_replica()
    write_all(server, kind, 1, in_one_key)
    settled(server)
    before = modules_bytes(server)
    write_all(server, kind, 2, in_one_key)
    unstable = modules_bytes(server)
    info = server.geo_info()
    retained, told = int(info['retained_bytes']), int(info['unstable_bytes'])
    if not in_one_key or kind in ('HSET', 'SADD', 'ZADD'):
        assert int(info['unstable_entries']) == KEYS, info['unstable_entries']
    settled(server)
    after = modules_bytes(server)
    server.stop()
    return (unstable - after - retained) / KEYS, (after - before) / KEYS, retained / KEYS, told / KEYS


def run(folder, report):
    print(f'\nbytes per key of {KEYS:,} with one op each; "sent again": the newest batches, of which at most 64 MiB are kept\n'
          f'{"":10} {"unstable":>8} {"told":>8} {"sent again":>10} {"stable":>7}  targets {BYTES_MAX}, 0')
    for kind in KINDS:
        judged(folder, kind, False, report)
    print(f'bytes per element of {KEYS:,} of one key, or increment of one counter')
    for kind in ELEMENT_KINDS:
        judged(folder, kind, True, report)


def judged(folder, kind, in_one_key, report):
    what = 'element' if in_one_key else 'key'
    entry, left, retained, told = grown(folder, kind, in_one_key)
    print(f'{kind:10} {entry:8.0f} {told:8.0f} {retained:10.0f} {left:7.1f}', flush=True)
    report.judge(f'an unstable {what} takes at most {BYTES_MAX} bytes, {kind}', entry <= BYTES_MAX, f'{entry:.0f}')
    report.judge(f'stable ones leave no more than the memory that is kept for the next, {kind}', left * KEYS <= KEPT_BYTES,
                 f'{left * KEYS / 1000:.0f} kB of all {what}s')
