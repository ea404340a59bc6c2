"""What it takes until two regions that were cut off, and wrote to the same key meanwhile, have come together."""

import itertools
import time

from .mesh import Regions
from .server import command

FEW, MANY = 5_000, 20_000  # writes in each region
OP_MAX = 100e-6  # seconds of a processor
COMMAND_MAX = 0.5  # seconds: so long nobody else is served
TOGETHER = 100  # writes in a pipeline, so in a turn of the event loop

KINDS = {
    'INCR': lambda key, region, number: ('INCR', key),
    'INCRBYFLOAT': lambda key, region, number: ('INCRBYFLOAT', key, '0.1'),
    'HINCRBYFLOAT': lambda key, region, number: ('HINCRBYFLOAT', key, f'f{number % 3}', '0.1'),
    'ZINCRBY': lambda key, region, number: ('ZINCRBY', key, '0.1', 'member'),
    'PFADD': lambda key, region, number: ('PFADD', key, f'{region}.{number}'),
    'SADD, SREM': lambda key, region, number: ('SREM' if number % 2 else 'SADD', key, f'{region}.{number // 2}'),
    'HSET': lambda key, region, number: ('HSET', key, f'f{number % 1000}', number),
    'ZADD': lambda key, region, number: ('ZADD', key, number, f'{region}.{number}'),
    'SETBIT': lambda key, region, number: ('SETBIT', key, number, 1),
    'SET PX': lambda key, region, number: ('SET', key, number, 'PX', 10**6 + number),
    'RPUSH': lambda key, region, number: ('RPUSH', key, f'{region}.{number}'),
    'LPUSH': lambda key, region, number: ('LPUSH', key, f'{region}.{number}'),
    'RPUSH, LPOP': lambda key, region, number: ('LPOP', key) if number % 2 else ('RPUSH', key, f'{region}.{number}'),
    'LPUSH, LSET': lambda key, region, number: ('LSET', key, 0, number) if number % 2 else ('LPUSH', key, f'{region}.{number}'),
    'XADD': lambda key, region, number: ('XADD', key, '*', 'field', number),
}


def write(regions, kind, key, count):
    for first in range(0, count, TOGETHER):
        for region, master in enumerate(regions.masters, 1):
            master.admin.send(b''.join(command(*KINDS[kind](key, region, number)) for number in range(first, first + TOGETHER)))
            for _ in range(TOGETHER):
                answer = master.admin.reply()
                assert not str(answer).startswith('-'), answer


def longest(master):
    """Seconds of the longest command since the last call."""
    found = master.admin.call('SLOWLOG', 'GET', 128)
    master.admin.call('SLOWLOG', 'RESET')
    return max((entry[2] for entry in found), default=0) / 1e6


def come_together(regions, kind, key, count):
    """Seconds of a processor that a master takes, and of the longest command."""
    regions.part()
    write(regions, kind, key, count)
    for master in regions.masters:
        longest(master)
    before = [master.cpu_seconds() for master in regions.masters]
    regions.meet()
    until = time.monotonic() + 300
    while len({str(master.admin.call('GEO.VECTOR')[1]) for master in regions.masters}) > 1:
        if time.monotonic() > until:
            raise SystemExit(f'{kind}: {count:,} writes in each region do not come together within 300 s')
        time.sleep(0.05)
    taken = [master.cpu_seconds() - used for master, used in zip(regions.masters, before)]
    digests = {str(master.admin.call('GEO.DIGEST')[1:]) for master in regions.masters}
    assert len(digests) == 1, f'{kind}: the regions differ'
    return max(taken), max(longest(master) for master in regions.masters)


def run(folder, report):
    regions = Regions(folder, 0)
    print(f'\nuntil two regions have come together that wrote to one key while they were cut off, seconds of a processor\n'
          f'{"":14} {f"{FEW:,} each":>12} {f"{MANY:,} each":>12} {"longest command":>16}')
    taken, lengths = {}, {}
    for kind, number in zip(KINDS, itertools.count()):
        few, _ = come_together(regions, kind, f'few:{number}', FEW)
        taken[kind], lengths[kind] = come_together(regions, kind, f'many:{number}', MANY)
        print(f'{kind:14} {few:12.2f} {taken[kind]:12.2f} {1000 * lengths[kind]:13.0f} ms', flush=True)
    regions.stop()
    worst, slowest = max(taken, key=taken.get), max(lengths, key=lengths.get)
    each = taken[worst] / MANY
    report.judge(f'of {MANY:,} on each side an op takes at most {1e6 * OP_MAX:.0f} us', each <= OP_MAX, f'{worst} {1e6 * each:.0f} us')
    report.judge(f'no command is longer than {1000 * COMMAND_MAX:.0f} ms', lengths[slowest] <= COMMAND_MAX, f'{slowest} {1000 * lengths[slowest]:.0f} ms')
