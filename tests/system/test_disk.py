"""Disks that are full, that fail, and that are somebody else's."""

import errno
import subprocess

import pytest

from harness.redis_server import wait_in_sync
from harness.waiting import eventually, never

MiB = 1 << 20


def fill_up(path):
    with path.open('wb', buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))


def acked(master, ours):
    return master.replica_ack(ours.port) or 0


def test_a_full_disk_stops_the_log_and_goes_on_when_there_is_room(redis_server, keeper, load):
    master = redis_server('master')
    master.client.mset({f'k{n}': 'v' for n in range(1000)})
    ours = keeper(master, disk_bytes=48 * MiB,
                  flags={'segment-bytes': MiB, 'snapshot-refresh': 'off'})
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    ballast = ours.disk / 'ballast'
    fill_up(ballast)
    writes = load(master)
    eventually(lambda: ours.metric('sluice_keeper_disk_full') == 1, 'the keeper says so', within=20)
    writes.stop()
    stuck = acked(master, ours)
    never(lambda: acked(master, ours) > max(stuck, ours.info('keeper')['keeper_log_durable']),
          'bytes are acknowledged that are nowhere', during=1.5)
    assert master.offset > ours.offset, 'the disk was not full: void'
    assert ours.client.ping()
    eventually(lambda: replica.link_is_up() and replica.offset == ours.offset,
               'what is there is served')
    assert 'space' in ours.log_text().lower()
    ballast.unlink()
    eventually(lambda: ours.metric('sluice_keeper_disk_full') == 0, 'room again', within=30)
    wait_in_sync(master, replica, within=30)
    assert master.stats('sync_full') == 1
    assert replica.full_resyncs() == 1


def test_a_disk_too_small_for_the_snapshot_is_a_clear_state(redis_server, keeper):
    master = redis_server('master', options={'rdbcompression': 'no'})
    master.client.mset({f'k{n}': 'v' * 100_000 for n in range(100)})
    ours = keeper(master, disk_bytes=4 * MiB, flags={'segment-bytes': MiB})
    eventually(lambda: ours.metric('sluice_keeper_disk_full') == 1, 'the keeper says so', within=20)
    assert 'space' in ours.log_text().lower()
    assert ours.client.ping()
    assert not ours.link_is_up()
    never(lambda: acked(master, ours), 'acknowledged', during=1.0)


@pytest.fixture
def faulty(redis_server, keeper, faults):
    master = redis_server('master')
    master.client.mset({f'k{n}': 'v' for n in range(1000)})

    def start(fsync):
        ours = keeper(master, environment=faults.environment(),
                      flags={'fsync': fsync, 'segment-bytes': MiB, 'snapshot-refresh': 'off'})
        replica = redis_server('replica', replica_of=ours)
        eventually(replica.link_is_up, 'replica up')
        return master, ours, replica

    return start


def fails_and_recovers_by_restart(master, ours, replica, fault, writes):
    """After a failed write or sync nothing more is acknowledged until a restart has looked at the disk."""
    eventually(lambda: fault.fired > 0, 'the fault fires')
    eventually(lambda: ours.metric('sluice_keeper_disk_failed') == 1, 'the keeper says so')
    assert ours.info('keeper')['keeper_failure']
    assert ours.info('keeper')['keeper_state'] == 'failed'
    stuck = acked(master, ours)
    never(lambda: acked(master, ours) > stuck, 'acknowledged after the failure', during=1.5)
    assert stuck <= ours.info('keeper')['keeper_log_durable']
    assert ours.client.ping()
    eventually(lambda: replica.link_is_up(), 'what is sound is served')
    writes.stop()
    fault.heal()
    never(lambda: acked(master, ours) > stuck, 'it goes on by itself', during=1.0)
    ours.kill()
    ours.start()
    wait_in_sync(master, replica, within=30)
    assert master.stats('sync_full') == 1
    assert replica.full_resyncs() == 1


@pytest.mark.parametrize('fsync', ['always', 'everysec', 'os'])
def test_a_failed_write_is_final(faulty, faults, load, fsync):
    master, ours, replica = faulty(fsync)
    writes = load(master, pause=0.01)
    fault = faults.arm('write', f'{ours.dir}/l', errno.EIO, skip=5, limit=1)
    fails_and_recovers_by_restart(master, ours, replica, fault, writes)


def test_a_torn_write_is_final_and_cut_off_at_restart(faulty, faults, load):
    master, ours, replica = faulty('everysec')
    writes = load(master, pause=0.01)
    fault = faults.arm('write', f'{ours.dir}/l', errno.EIO, short_of=100, skip=5, limit=1)
    fails_and_recovers_by_restart(master, ours, replica, fault, writes)


@pytest.mark.parametrize('fsync', ['always', 'everysec'])
def test_a_failed_sync_is_final_and_not_tried_again(faulty, faults, load, fsync):
    master, ours, replica = faulty(fsync)
    writes = load(master, pause=0.01)
    fault = faults.arm('sync', f'{ours.dir}/l', errno.EIO, skip=1, limit=1)
    fails_and_recovers_by_restart(master, ours, replica, fault, writes)


def test_short_writes_are_completed(faulty, faults, load):
    master, ours, replica = faulty('everysec')
    fault = faults.arm('write', f'{ours.dir}/l', error=0, short_of=7, limit=200)
    writes = load(master, pause=0.01)
    eventually(lambda: fault.fired >= 200, 'the fault fires', within=30)
    writes.stop()
    wait_in_sync(master, replica)
    assert ours.metric('sluice_keeper_disk_failed') == 0


def test_enospc_in_the_middle_of_a_write_is_passing(faulty, faults, load):
    master, ours, replica = faulty('everysec')
    writes = load(master, pause=0.01)
    fault = faults.arm('write', f'{ours.dir}/l', errno.ENOSPC, short_of=50, skip=5, limit=1)
    eventually(lambda: fault.fired == 1, 'the fault fires')
    batches = writes.batches
    eventually(lambda: writes.batches > batches + 20, 'writes go on')
    writes.stop()
    wait_in_sync(master, replica, within=30)
    assert master.stats('sync_full') == 1
    assert ours.metric('sluice_keeper_disk_failed') == 0


def test_a_second_keeper_on_the_folder_is_refused(redis_server, keeper):
    master = redis_server('master')
    ours = keeper(master)
    eventually(ours.link_is_up, 'up')
    second = keeper(master, start=False)
    second.dir = ours.dir
    done = subprocess.run([str(word) for word in second.argv()], capture_output=True, timeout=20, text=True)
    assert done.returncode not in (0, -6, -11)
    assert str(ours.dir) in done.stdout + done.stderr
    assert ours.link_is_up()


def test_a_folder_that_cannot_be_used_is_a_clear_refusal(redis_server, keeper, tmp_path):
    master = redis_server('master')
    ours = keeper(master, start=False)
    file = tmp_path / 'a-file'
    file.write_text('')
    ours.dir = file / 'below'
    done = subprocess.run([str(word) for word in ours.argv()], capture_output=True, timeout=20, text=True)
    assert done.returncode not in (0, -6, -11)
    assert 'a-file' in done.stdout + done.stderr


def test_a_flipped_byte_in_the_log_is_not_served(redis_server, keeper, load):
    master = redis_server('master')
    ours = keeper(master, flags={'segment-bytes': MiB, 'snapshot-refresh': 'off'})
    eventually(ours.link_is_up, 'up')
    writes = load(master, pipeline=200, pause=0)
    begin = ours.info('keeper')['keeper_log_begin']
    eventually(lambda: ours.offset > begin + 3 * MiB, 'three segments', within=40)
    writes.stop()
    eventually(lambda: ours.offset == master.offset, 'all received')
    ours.stop()
    segments = sorted((path for path in ours.dir.glob('l*/*') if path.stat().st_size > MiB // 2),
                      key=lambda path: path.name)
    victim = segments[0]
    with victim.open('r+b') as file:
        file.seek(victim.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0x40]))
    from harness.keeper import log_tool
    assert log_tool('verify', '--dir', ours.dir, check=False).returncode != 0
    try:
        ours.start()
    except RuntimeError:
        return  # refusing the whole folder, with a message, is sound too
    from harness.psync import PsyncLink
    link = PsyncLink(ours.port, master.replid, begin + 1)
    link.set_timeout(3)
    received = 0
    try:
        while piece := link.receive():
            received += len(piece)
            assert received < 3 * MiB, 'the flipped byte was passed'
    except OSError:
        pass
