"""Snapshots are refreshed without the master."""

from harness.keeper import log_tool
from harness.fake_master import FakeMaster
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


def test_a_snapshot_that_the_private_server_cannot_load_is_an_error_that_says_so(bench, keeper):
    master = bench.add_other(FakeMaster())
    ours = keeper(master)
    eventually(ours.link_is_up, 'up')
    ours.keeper('SNAPSHOT')
    eventually(lambda: 'does not load the snapshot' in ours.log_text(), 'the log says why', within=30)
    eventually(lambda: ours.metric('sluice_keeper_snapshot_refreshes_failed_total') == 1, 'counted')
    done = log_tool('export', '--dir', ours.dir, '--out', bench.folder / 'dump.rdb', check=False)
    assert done.returncode != 0
    assert 'redis-server does not load the snapshot' in done.stderr.decode()
    assert ours.link_is_up()
