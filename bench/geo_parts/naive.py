"""Two ways for two regions to tell each other of the same writes: as commands in the order of their arrival, as
KeyDB's multi-master does, and as ops. The first diverges."""

import random
import time

from .server import Server, batches_of

ROUNDS, KEYS = 200, 20  # what is written in a round concerns one key of each type
DEBUG = ['--enable-debug-command', 'yes']


def write_of(rng, key):
    return rng.choice([
        lambda: ('SET', f'string:{key}', rng.randrange(1000)),
        lambda: ('INCRBY', f'counter:{key}', rng.randrange(10)),
        lambda: ('SET', f'counter:{key}', rng.randrange(100)),
        lambda: ('DEL', f'set:{key}'),
        lambda: ('SADD', f'set:{key}', rng.randrange(10)),
        lambda: ('SREM', f'set:{key}', rng.randrange(10)),
        lambda: ('HSET', f'hash:{key}', f'f{rng.randrange(4)}', rng.randrange(1000)),
        lambda: ('ZADD', f'zset:{key}', rng.randrange(100), rng.randrange(10)),
    ])()


def rounds():
    """In each: what region 1 writes and what region 2 writes, before either hears of the other."""
    rng = random.Random(11)
    return [[[write_of(rng, at % KEYS) for _ in range(rng.randrange(1, 4))] for _ in range(2)] for at in range(ROUNDS)]


def say(server, commands):
    for words in commands:
        server.admin.call(*words)


def digests(servers):
    return [server.admin.call('DEBUG', 'DIGEST') for server in servers]


def keys_that_differ(servers):
    names = sorted({name for server in servers for name in server.admin.call('KEYS', '*')})
    values = [{name: server.admin.call('DEBUG', 'DIGEST-VALUE', name)[0] for name in names} for server in servers]
    return sum(values[0][name] != values[1][name] for name in names), len(names)


def by_arrival(folder):
    servers = [Server(folder, False, words=DEBUG) for _ in range(2)]
    for written in rounds():
        for server, own in zip(servers, written):
            say(server, own)
        for server, others in zip(servers, reversed(written)):
            say(server, others)
    return judged(servers)


def by_ops(folder):
    servers = [Server(folder, True, number=number, words=DEBUG) for number in (1, 2)]
    for server, other in zip(servers, (2, 1)):
        server.admin.call('GEO.JOIN', other)
        server.attach_replica(keep=True)
    passed = [0, 0]
    for written in rounds():
        for server, own in zip(servers, written):
            say(server, own)
        pass_on(servers, passed)
    for _ in range(20):  # each promises what it has, and so nothing is left to be kept
        time.sleep(0.1)
        pass_on(servers, passed)
    left = [server.geo_info()['unstable_keys'] for server in servers]
    return *judged(servers), left


def pass_on(servers, passed):
    time.sleep(0.002)
    for at, server in enumerate(servers):
        server.replica.acknowledge()
        batches = batches_of(server.replica.stream())
        for batch in batches[passed[at]:]:
            servers[1 - at].admin.send(batch)
            servers[1 - at].admin.reply()
        passed[at] = len(batches)


def judged(servers):
    equal = len(set(digests(servers))) == 1
    differ, keys = keys_that_differ(servers)
    for server in servers:
        server.stop()
    return equal, differ, keys


def run(folder, report):
    print(f'\nthe same {ROUNDS} rounds of concurrent writes in two regions')
    equal, differ, keys = by_arrival(folder)
    print(f'commands in the order of their arrival: {differ} of {keys} keys differ')
    report.judge('last write by arrival diverges on this workload', not equal, f'{differ} of {keys} keys')
    equal, differ, keys, left = by_ops(folder)
    print(f'ops: {differ} of {keys} keys differ; unstable keys left: {" and ".join(left)}')
    report.judge('ops converge on it', equal and differ == 0, f'{differ} of {keys} keys differ')
    report.judge('and leave no metadata', left == ['0', '0'], ' and '.join(left))
