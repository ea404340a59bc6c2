"""Bytes that the module adds for a key whose op not every region has, and for one whose op all have."""

import random
import time

from .server import PIPELINE, Server, name_of, one_request

BYTES_MAX = 150
KINDS = ['SET', 'INCR', 'HSET', 'SADD', 'ZADD']
KEYS = 100_000


def write_all(server, kind, seed):
    rng = random.Random(seed)
    keys = [one_request(kind, name_of(kind, key), rng) for key in range(KEYS)]
    server.run([b''.join(keys[at:at + PIPELINE]) for at in range(0, KEYS, PIPELINE)])


def allocated(server):
    """All that the server's allocator has given out: of the module, too, which used_memory leaves out."""
    server.admin.call('MEMORY', 'PURGE')
    return int(server.info('memory')['allocator_allocated'])


def settled(server):
    """Until nothing is unstable."""
    for _ in range(100):
        server.stand_in_for_a_peer()
        time.sleep(0.1)
        if server.geo_info()['unstable_keys'] == '0':
            return
    raise SystemExit('metadata does not go')


def grown(folder, kind, module):
    """What goes when all regions have each key's second write, and what that write has left."""
    server = Server(folder, module, words=['--repl-backlog-size', '1mb'])
    server.attach_replica()
    write_all(server, kind, 1)
    if module:
        settled(server)
    before = allocated(server)
    write_all(server, kind, 2)
    time.sleep(0.5)
    retained = int(server.geo_info()['retained_bytes']) if module else 0
    unstable = allocated(server)
    if module:
        assert int(server.geo_info()['unstable_keys']) == KEYS
        settled(server)
    after = allocated(server)
    server.stop()
    return (unstable - after - retained) / KEYS, (after - before) / KEYS, retained / KEYS


def run(folder, report):
    print(f'\nbytes per key of {KEYS:,} with one op each; "sent again": the newest batches, of which at most 64 MiB are kept\n'
          f'{"":10} {"unstable":>8} {"sent again":>10} {"stable":>7}  targets {BYTES_MAX}, 0')
    for kind in KINDS:
        _, plain, _ = grown(folder, kind, False)
        entry, after, retained = grown(folder, kind, True)
        left = after - plain
        print(f'{kind:10} {entry:8.0f} {retained:10.0f} {left:7.1f}', flush=True)
        report.judge(f'an unstable key takes at most {BYTES_MAX} bytes, {kind}', entry <= BYTES_MAX, f'{entry:.0f}')
        report.judge(f'a stable key takes nothing, {kind}', left < 1, f'{left:.2f}')
