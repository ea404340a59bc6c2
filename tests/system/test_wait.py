"""WAIT on the master counts a keeper exactly when its bytes are as durable as was asked for."""

import time

import pytest

from harness.waiting import eventually


@pytest.fixture
def slow_disk(redis_server, keeper, faults):
    """slow_disk(fsync) -> (master, keeper, arm): arm() makes each sync take half a second more."""

    def start(fsync):
        master = redis_server('master')
        ours = keeper(master, flags={'fsync': fsync}, environment=faults.environment())
        eventually(ours.link_is_up, 'up')
        assert master.client.wait(1, 5000) == 1
        return master, ours, lambda: faults.arm('sync', str(ours.dir), error=0, delay_ms=1500)

    return start


def write_and_wait(master, milliseconds):
    master.client.incr('n')
    began = time.monotonic()
    return master.client.wait(1, milliseconds), time.monotonic() - began


def test_under_always_it_waits_for_the_sync(slow_disk):
    master, _, arm = slow_disk('always')
    assert write_and_wait(master, 2000)[0] == 1
    fault = arm()
    assert write_and_wait(master, 700)[0] == 0
    assert master.client.wait(1, 5000) == 1
    assert fault.fired > 0


def test_under_everysec_it_waits_for_the_next_sync(slow_disk):
    master, _, arm = slow_disk('everysec')
    counted, seconds = write_and_wait(master, 5000)
    assert counted == 1 and seconds < 2.5
    fault = arm()
    assert write_and_wait(master, 1000)[0] == 0
    assert master.client.wait(1, 8000) == 1
    assert fault.fired > 0


def test_under_os_it_does_not_wait_for_a_sync(slow_disk):
    master, _, arm = slow_disk('os')
    arm()
    counted, seconds = write_and_wait(master, 1000)
    assert counted == 1 and seconds < 0.5


def test_wait_on_the_keeper_counts_its_replicas(redis_server, keeper):
    master = redis_server('master')
    ours = keeper(master)
    replicas = [redis_server('replica', replica_of=ours) for _ in range(2)]
    for replica in replicas:
        eventually(replica.link_is_up, 'replica up')
    eventually(lambda: ours.client.execute_command('WAIT', 2, 1000) == 2, 'both have it')
    replicas[0].pause()
    master.client.set('k', 'v')
    eventually(lambda: ours.offset == master.offset, 'keeper has it')
    assert ours.client.execute_command('WAIT', 2, 1500) in (0, 1)
    replicas[0].resume()
    eventually(lambda: ours.client.execute_command('WAIT', 2, 1000) == 2, 'both again')
