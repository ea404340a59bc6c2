"""Ops of other regions that a master applies per second of a core, and the bytes in which they come."""

import random
import time

from .server import KEYS, PIPELINE, Server, batches_of, bulk, name_of, one_request, requests

RATE_MIN = 150_000
KINDS = ['SET', 'HSET', 'SADD', 'ZADD', 'INCR']


def run(folder, count, report):
    source, target = Server(folder, True, number=1), Server(folder, True, number=2)
    for server in (source, target):
        server.attach_replica(keep=server is source)
    print(f'\napplied by a master, {PIPELINE} batches in a pipeline; bytes per op over the ocean, before compression\n'
          f'{"":10} {"ops/s":>9} {"command":>8} {"geo.apply":>9}')
    rates, sent, given = [], 0, 0
    apply_all(target, source.replica.wait_until_begun())  # how its incarnation began
    for kind in KINDS:
        before = len(batches_of(source.replica.stream()))
        work = requests(kind, count)
        source.run(work)
        time.sleep(0.5)
        batches = batches_of(source.replica.stream())[before:]
        rate = apply_all(target, batches)
        commands, applied = sum(map(len, work)) / count, sum(map(len, batches)) / count
        print(f'{kind:10} {rate:9,.0f} {commands:8.1f} {applied:9.1f}', flush=True)
        rates.append(1 / rate)
        sent, given = sent + applied, given + commands
        report.judge(f'{kind}: no more bytes over the ocean than the command has', applied <= commands, f'{applied:.1f} of {commands:.1f}')
    rate = len(rates) / sum(rates)
    report.judge(f'applies at least {RATE_MIN:,} ops a second', rate >= RATE_MIN, f'{rate:,.0f} of all kinds alike')
    small_batches(source, report)
    source.stop()
    target.stop()


def apply_all(target, batches):
    groups = [batches[at:at + PIPELINE] for at in range(0, len(batches), PIPELINE)]
    before, began = target.cpu_seconds(), int(target.geo_info()['remote_ops'])
    for group in groups:
        target.admin.send(b''.join(group))
        for _ in group:
            answer = target.admin.reply()
            assert not str(answer).startswith('-'), answer
    return (int(target.geo_info()['remote_ops']) - began) / max(0.01, target.cpu_seconds() - before)


def small_batches(source, report):
    """What an op takes that is alone in its turn: the header of its batch weighs most then."""
    before = len(b''.join(batches_of(source.replica.stream())))
    rng = random.Random(3)
    asked = 0
    for _ in range(200):
        request = one_request('SET', name_of('SET', rng.randrange(KEYS)), rng)
        asked += len(request)
        source.admin.send(request)
        source.admin.reply()
    time.sleep(0.3)
    alone = (len(b''.join(batches_of(source.replica.stream()))) - before) / 200
    print(f'a SET alone in its turn: {alone:.1f} bytes, the command {asked / 200:.1f}')
