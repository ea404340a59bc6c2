"""Two regions write the same bounded keys for minutes: what the servers and links take must not grow."""

import random
import threading
import time
from pathlib import Path

from .mesh import Regions
from .server import Connection, command

KEYS = 200
RATE = 4_000  # writes per second and region
LOOK_EVERY = 2.0
# Every key has been written so often on average, of each of its types: values are as large as they get. Redis' own
# replication backlog, which fills up with what is written, is small, so that it is full long before.
WARM_WRITES_PER_KEY = 40
TYPES = 8
BACKLOG = '1mb'
GROWTH_MAX = 0.05
SETTLE_SECONDS = 20


def write(rng):
    """Bounded: as much is removed as added."""
    key = rng.randrange(KEYS)
    return rng.choice([
        lambda: command('SET', f'string:{key}', rng.randrange(10**9)),
        lambda: command('SET', f'session:{key}', rng.randrange(10**9), 'PX', rng.randrange(500, 5_000)),
        lambda: command('INCR', f'counter:{key}'),
        lambda: command('HSET', f'hash:{key}', f'f{rng.randrange(8)}', rng.randrange(10**9)),
        lambda: command('HINCRBYFLOAT', f'hash:{key}', f'g{rng.randrange(4)}', '0.25'),
        lambda: command('SADD', f'set:{key}', rng.randrange(50)),
        lambda: command('SREM', f'set:{key}', rng.randrange(50)),
        lambda: command('ZADD', f'zset:{key}', rng.randrange(1000), rng.randrange(50)),
        lambda: command('ZREMRANGEBYSCORE', f'zset:{key}', 0, rng.randrange(1000)),
        lambda: command('RPUSH', f'list:{key}', rng.randrange(10**9)),
        lambda: command('LTRIM', f'list:{key}', -5, -1),
        lambda: command('XADD', f'stream:{key % 100}', 'MAXLEN', 50, '*', 'f', rng.randrange(10**9)),
        lambda: command('DEL', f'{rng.choice(["string", "hash", "set", "zset", "list"])}:{key}'),
    ])()


def load(port, until):
    client, rng = Connection(port), random.Random(port)
    each = RATE // 100
    while time.monotonic() < until:
        began = time.monotonic()
        for _ in range(each):
            client.send(write(rng))
        for _ in range(each):
            client.reply()
        time.sleep(max(0, began + 0.01 - time.monotonic()))


def settled(masters):
    """What is still unstable on each, when it is nothing or does not go."""
    for _ in range(SETTLE_SECONDS):
        time.sleep(1)
        left = [master.geo_info()['unstable_keys'] for master in masters]
        if left == ['0', '0']:
            break
    return left


def rss(pid):
    text = Path(f'/proc/{pid}/status').read_text()
    return int(next(line for line in text.splitlines() if line.startswith('VmRSS')).split()[1]) * 1024


def parts_of(master):
    """Of a master's memory: what Redis knows of (its data, backlog and buffers), and the rest, which is the module's."""
    info = master.info('memory')
    return {'redis': int(info['used_memory']), 'module': int(info['allocator_allocated']) - int(info['used_memory'])}


def wait_warm(masters, until):
    """Once everything has been written often enough; False if there is no time left for that."""
    wanted = WARM_WRITES_PER_KEY * KEYS * TYPES
    while min(int(master.geo_info()['local_ops']) for master in masters) < wanted:
        if time.monotonic() > until:
            return False
        time.sleep(1)
    return True


def look(regions, pids, seen, unstable):
    for name, pid in pids.items():
        seen.setdefault(name, []).append(rss(pid))
    for at, master in enumerate(regions.masters, 1):
        for part, size in parts_of(master).items():
            seen.setdefault(f'  {part} {at}', []).append(size)
    unstable.append(max(int(master.geo_info()['unstable_bytes']) for master in regions.masters))


def run(folder, minutes, report):
    regions = Regions(folder, 0.05, BACKLOG)
    pids = {**{f'master {at}': master.child.pid for at, master in enumerate(regions.masters, 1)},
            **{f'{name} {at % 2 + 1}': regions.children[at].pid for at, name in enumerate(['keeper', 'keeper', 'link', 'link'])}}
    began, until = time.monotonic(), time.monotonic() + 60 * minutes
    for master in regions.masters:
        threading.Thread(target=load, args=(master.port, until), daemon=True).start()
    print(f'\n{minutes} minutes of {RATE:,} writes a second in each of two regions on the same {KEYS:,} keys of each type')
    seen, unstable = {}, []
    is_warm = wait_warm(regions.masters, until - 30)
    warm_after = time.monotonic() - began
    while is_warm and time.monotonic() < until:
        time.sleep(min(LOOK_EVERY, max(0.1, until - time.monotonic())))
        look(regions, pids, seen, unstable)
    ops = int(regions.masters[0].geo_info()['local_ops'])
    left = settled(regions.masters)
    regions.stop()
    report.judge(f'every key was written {WARM_WRITES_PER_KEY} times in time', is_warm,
                 f'after {warm_after:.0f} s' if is_warm else f'{ops:,} writes in all: give it more --minutes, or a quieter machine')
    if not is_warm:
        return
    half = len(unstable) // 2
    print(f'{"":10} {"earlier":>9} {"later":>9}  most MB, since then: {ops:,} writes in all')
    for name, sizes in seen.items():
        earlier, later = max(sizes[:half]), max(sizes[half:])
        print(f'{name:10} {earlier / 1e6:9.1f} {later / 1e6:9.1f}')
        if not name.startswith(' '):
            report.judge(f'the memory of {name} stays within {GROWTH_MAX:.0%}', later <= earlier * (1 + GROWTH_MAX) + 1e6,
                         f'{earlier / 1e6:.1f}, then {later / 1e6:.1f} MB')
    earlier, later = max(unstable[:half]), max(unstable[half:])
    report.judge('metadata stays what it is', later <= 2 * earlier, f'{earlier / 1e3:.0f}, then {later / 1e3:.0f} kB; {ops:,} ops')
    report.judge('and is gone when nobody writes', left == ['0', '0'], ' and '.join(left))
