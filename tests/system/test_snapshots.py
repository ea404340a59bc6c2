"""Snapshots are refreshed without the master."""

from harness.redis_server import wait_in_sync
from harness.waiting import eventually


def test_a_snapshot_is_refreshed_without_the_master(redis_server, keeper, load):
    master = redis_server('master')
    ours = keeper(master)
    eventually(ours.link_is_up, 'up')
    forks = master.stats('total_forks')
    writes = load(master)
    eventually(lambda: writes.batches > 100, 'load')
    before = ours.info('keeper')['keeper_snapshot_offset']
    ours.keeper('SNAPSHOT')
    eventually(lambda: ours.info('keeper')['keeper_snapshot_offset'] > before, 'a fresh snapshot', within=30)
    writes.stop()
    assert master.stats('total_forks') == forks
    assert master.stats('sync_full') == 1
    replica = redis_server('replica', replica_of=ours)
    wait_in_sync(master, replica)
