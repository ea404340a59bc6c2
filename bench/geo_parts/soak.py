"""Two regions write the same bounded keys for minutes: what the servers and links take must not grow."""

import random
import threading
import time
from pathlib import Path

from .mesh import Regions
from .server import Connection, command

KEYS = 200
RATE = 4_000  # writes per second and region
LOOK_EVERY = 5.0
WARM_SHARE = 0.4  # of the time, not counted
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


def run(folder, minutes, report):
    regions = Regions(folder, 0.05)
    pids = {**{f'master {at}': master.child.pid for at, master in enumerate(regions.masters, 1)},
            **{f'{name} {at % 2 + 1}': regions.children[at].pid for at, name in enumerate(['keeper', 'keeper', 'link', 'link'])}}
    began, until = time.monotonic(), time.monotonic() + 60 * minutes
    for master in regions.masters:
        threading.Thread(target=load, args=(master.port, until), daemon=True).start()
    print(f'\n{minutes} minutes of {RATE:,} writes a second in each of two regions on the same {KEYS:,} keys of each type')
    seen = {name: [] for name in pids}
    unstable = []
    while time.monotonic() < until:
        time.sleep(min(LOOK_EVERY, max(0.1, until - time.monotonic())))
        if time.monotonic() - began < WARM_SHARE * 60 * minutes:
            continue
        for name, pid in pids.items():
            seen[name].append(rss(pid))
        unstable.append(max(int(master.geo_info()['unstable_bytes']) for master in regions.masters))
    ops = int(regions.masters[0].geo_info()['local_ops'])
    left = settled(regions.masters)
    regions.stop()
    half = len(unstable) // 2
    print(f'{"":10} {"earlier":>9} {"later":>9}  most MB, after the first {WARM_SHARE:.0%}')
    for name, sizes in seen.items():
        earlier, later = max(sizes[:half]), max(sizes[half:])
        print(f'{name:10} {earlier / 1e6:9.1f} {later / 1e6:9.1f}')
        report.judge(f'the memory of {name} stays within {GROWTH_MAX:.0%}', later <= earlier * (1 + GROWTH_MAX) + 1e6,
                     f'{earlier / 1e6:.1f}, then {later / 1e6:.1f} MB')
    earlier, later = max(unstable[:half]), max(unstable[half:])
    report.judge('metadata stays what it is', later <= 2 * earlier, f'{earlier / 1e3:.0f}, then {later / 1e3:.0f} kB; {ops:,} ops')
    report.judge('and is gone when nobody writes', left == ['0', '0'], ' and '.join(left))
