"""Instructions in user space per request, with the module and without it."""

import random
import re
import shutil

from .server import CLIENTS, KEYS, PIPELINE, USUAL_KEYS, Server, name_of, one_request, requests, usual_requests

LIMITS = {'GET': 1.05, 'SET': 1.35, 'INCR': 1.35, 'HSET': 1.35, 'SADD': 1.35, 'ZADD': 1.35}
LEFT_OUT = ['RM_GetServerInfo', 'RM_FreeServerInfo', 'serverCron', 'lookupCommandLogic']
USUAL_KINDS = ['GET', 'SET', 'INCR', 'HSET', 'SADD', 'ZADD', 'LPUSH']
KINDS = ['GET', 'SET', 'INCR', 'HSET', 'SADD', 'ZADD', 'HSET x10', 'LPUSH']


def prefill(folder, kind):
    """A snapshot in which all keys exist."""
    rng = random.Random(7)
    keys = [one_request(prefill_kind(kind), name_of(kind, key), rng) for key in range(KEYS)]
    save(folder, kind, [b''.join(keys[at:at + PIPELINE]) for at in range(0, KEYS, PIPELINE)])


def save(folder, kind, work):
    """The snapshot for `kind` is what `work` leaves."""
    server = Server(folder, False)
    server.run(work)
    server.admin.call('SAVE')
    (folder / f'{server.port}.rdb').rename(folder / f'{kind}.rdb')
    server.stop()


def prefill_kind(kind):
    return 'SET' if kind == 'GET' else kind


def instructions(folder, kind, module, work, prefilled=True, profile=None):
    # What happens ten times a second weighs fifty times as much under valgrind: it is left out. So is the search for
    # the command: the server's table of commands is hashed by another seed at each start.
    valgrind = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={profile or "/dev/null"}',
                *[f'--toggle-collect={name}' for name in LEFT_OUT], '--collect-atstart=yes']  # in this order
    data = folder / 'data.rdb'
    data.unlink(missing_ok=True)  # of the snapshot for the replica of the run before
    if prefilled:
        shutil.copy(folder / f'{kind}.rdb', data)
    server = Server(folder, module, valgrind, words=['--dbfilename', data.name])
    server.wait_until_loaded()
    server.attach_replica()
    server.run(work, has_peer=module and kind != 'GET')
    text = server.stop()
    return int(re.search(rf'=={server.child.pid}== Collected : (\d+)', text)[1])  # the other is of the fork


def per_request(folder, kind, module, work, prefilled):
    """The difference of two runs, so that starting and stopping do not count."""
    few = len(work) // 10
    more = len(work) - few
    return (instructions(folder, kind, module, work, prefilled)
            - instructions(folder, kind, module, work[:few], prefilled)) / (more * PIPELINE)


def run(folder, count, report):
    print(f'\ninstructions per request, {CLIENTS} clients with pipelines of {PIPELINE}, a replica attached to both')
    save(folder, 'GET', usual_requests('SET', USUAL_KEYS, seed=7))  # as redis-benchmark: after its SETs
    table(folder, 'as redis-benchmark -r 100000', USUAL_KINDS, lambda kind: usual_requests(kind, count), report)
    for kind in KINDS:
        prefill(folder, kind)
    table(folder, f'one element of {KEYS:,} keys that exist', KINDS, lambda kind: requests(kind, count))


def table(folder, title, kinds, work_of, report=None):
    print(f'{title}\n{"":10} {"plain":>8} {"module":>8} {"ratio":>6} {"target":>6}')
    for kind in kinds:
        work = work_of(kind)
        plain, with_module = (per_request(folder, kind, module, work, report is None or kind == 'GET') for module in (False, True))
        ratio, limit = with_module / plain, LIMITS.get(kind) if report else None
        print(f'{kind:10} {plain:8.0f} {with_module:8.0f} {ratio:6.3f} {limit or "":>6}', flush=True)
        if limit:
            report.judge(f'{kind} costs at most {limit} times', ratio <= limit, f'{ratio:.3f}')
