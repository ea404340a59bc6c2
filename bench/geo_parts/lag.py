"""How long after a write in one region the other shows it, over an ocean of 200 ms round trip."""

import random
import threading
import time
from collections import deque

from .mesh import Regions
from .server import Connection, one_request

ROUND_TRIP = 0.2
WRITES = 400
EVERY = 0.02  # seconds from one write that is watched to the next
BESIDE = 2_000  # other writes per second, half of them in each region
P50_MAX, P99_MAX = 0.120, 0.200  # the way takes 100 ms


def load(port, seconds):
    """Writes of all kinds at an even rate."""
    client, rng = Connection(port), random.Random(port)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        client.send(b''.join(one_request(rng.choice(['SET', 'INCR', 'HSET', 'SADD', 'ZADD']), f'beside:{rng.randrange(10**6)}', rng)
                             for _ in range(BESIDE // 2 // 100)))
        client.lines(BESIDE // 2 // 100)
        time.sleep(max(0, began + 0.01 - time.monotonic()))


def watched(master, other):
    written, seen = {}, {}

    def look():
        client, waiting = Connection(other.port), deque(range(WRITES))
        while waiting:
            if client.call('GET', f'watched:{waiting[0]}') is None:
                time.sleep(0.0005)
                continue
            seen[waiting.popleft()] = time.monotonic()

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    for number in range(WRITES):
        written[number] = time.monotonic()
        master.admin.call('SET', f'watched:{number}', number)
        time.sleep(EVERY)
    looker.join(30)
    if len(seen) < WRITES:
        raise SystemExit(f'{WRITES - len(seen)} of {WRITES} writes did not come')
    return sorted(seen[number] - written[number] for number in range(WRITES))


def run(folder, report):
    regions = Regions(folder, ROUND_TRIP)
    seconds = WRITES * EVERY + 2
    beside = [threading.Thread(target=load, args=(master.port, seconds), daemon=True) for master in regions.masters]
    for thread in beside:
        thread.start()
    lags = watched(*regions.masters)
    for thread in beside:
        thread.join()
    regions.stop()
    p50, p99 = lags[len(lags) // 2], lags[len(lags) * 99 // 100]
    print(f'\nfrom a write to its sight in the other region, {1000 * ROUND_TRIP:.0f} ms round trip, {BESIDE:,} other writes a second: '
          f'p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, max {1000 * lags[-1]:.0f} ms')
    report.judge(f'p50 of the lag at most {1000 * P50_MAX:.0f} ms, of which the way takes 100', p50 <= P50_MAX, f'{1000 * p50:.0f} ms')
    report.judge(f'p99 of the lag at most {1000 * P99_MAX:.0f} ms', p99 <= P99_MAX, f'{1000 * p99:.0f} ms')
