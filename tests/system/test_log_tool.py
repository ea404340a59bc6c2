"""`sluice log`: what is on disk, and the data set as of any offset or time."""

import datetime
import time

import pytest
import redis

from harness.keeper import log_tool
from harness.redis_server import REDIS_SERVER
from harness.waiting import eventually

PING = b'*1\r\n$4\r\nPING\r\n'


@pytest.fixture
def logged(redis_server, keeper, load):
    """A keeper that has some stream on disk, and was stopped. With the digests at some offsets."""
    master = redis_server('master')
    master.client.mset({f'start:{n}': 'v' for n in range(1000)})
    ours = keeper(master, flags={'segment-bytes': 1 << 20})
    eventually(ours.link_is_up, 'up')
    points = []
    for seed in range(3):
        writes = load(master, seed=seed, pause=0)
        eventually(lambda: writes.batches > 100, 'load')
        writes.stop()
        master.expires(False)
        for db in (0, 3):  # a restored server would drop what has expired since
            keys = redis.Redis(port=master.port, db=db)
            for key in keys.scan_iter('expiring:*'):
                keys.persist(key)
        eventually(lambda: ours.offset == master.offset, 'received')
        points.append((master.offset, time.time(), master.digest()))
        master.expires(True)
        # The log's marks of time are up to a second apart, and so are the master's pings: with the
        # second of them, a mark divides this point from the load that follows.
        eventually(lambda: ours.offset >= points[-1][0] + 2 * len(PING), 'two pings')
    ours.stop()
    return master, ours, points


def restore(redis_server, bench, ours, at, name):
    folder = bench.folder / name
    folder.mkdir()
    log_tool('export', '--dir', ours.dir, '--at', at, '--out', folder / 'dump.rdb',
             '--redis-server', REDIS_SERVER)
    return redis_server(name, options={'dir': folder})


def test_an_export_equals_the_master_at_that_offset(logged, redis_server, bench):
    _, ours, points = logged
    for number, (offset, _, digest) in enumerate(points):
        restored = restore(redis_server, bench, ours, offset, f'restored{number}-')
        assert restored.digest() == digest, f'point {number}, offset {offset}'


def test_an_export_at_a_time_equals_the_master_then(logged, redis_server, bench):
    _, ours, points = logged
    for number, (_, seconds, digest) in enumerate(points[:2]):
        at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(
            timespec='milliseconds').replace('+00:00', 'Z')
        restored = restore(redis_server, bench, ours, at, f'then{number}-')
        assert restored.digest() == digest, f'point {number}, {at}'


def test_ls_names_snapshots_and_segments(logged):
    master, ours, _ = logged
    text = log_tool('ls', '--dir', ours.dir).stdout.decode()
    assert master.replid in text
    assert str(master.offset) in text or 'segment' in text


def test_verify_is_content_with_a_sound_log_and_says_where_it_is_not(logged):
    _, ours, _ = logged
    log_tool('verify', '--dir', ours.dir)
    victim = max(ours.dir.glob('l*/*'), key=lambda path: path.stat().st_size)
    with victim.open('r+b') as file:
        file.seek(victim.stat().st_size // 3)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    done = log_tool('verify', '--dir', ours.dir, check=False)
    assert done.returncode != 0
    assert victim.name in (done.stdout + done.stderr).decode()


def test_cat_prints_commands_with_offset_and_db(logged):
    _, ours, _ = logged
    lines = log_tool('cat', '--dir', ours.dir).stdout.decode(errors='replace').splitlines()
    assert len(lines) > 1000
    assert any('scripted' in line for line in lines)
    assert any('string:' in line and 'SET' in line.upper() for line in lines)


def test_an_offset_that_is_not_there_is_a_clear_error(logged, bench):
    _, ours, points = logged
    for at in (points[-1][0] + 1_000_000, 'yesterday-ish'):
        done = log_tool('export', '--dir', ours.dir, '--at', at, '--out', bench.folder / 'x.rdb', check=False)
        assert done.returncode != 0
        assert done.stderr
        assert not (bench.folder / 'x.rdb').exists()
