"""A keeper between stock Redis servers: full and partial resyncs on both sides, chains, re-pointing."""

import pytest

from harness.fake_master import FakeMaster
from harness.psync import PsyncLink, read_stream
from harness.redis_server import wait_in_sync
from harness.waiting import eventually, never


def fill(master, keys=2000):
    pipe = master.client.pipeline(transaction=False)
    for n in range(keys):
        pipe.set(f'key:{n}', f'value {n}' * (n % 20))
    pipe.hset('hash', mapping={f'f{n}': n for n in range(1000)})
    pipe.zadd('zset', {f'm{n}': n for n in range(1000)})
    pipe.xadd('stream', {'a': 1})
    pipe.set('expiring', 'v', px=10_000_000)
    pipe.execute()


@pytest.mark.parametrize('diskless', ['yes', 'no'])
def test_a_stock_replica_gets_the_masters_data_from_the_keeper(redis_server, keeper, load, diskless):
    master = redis_server('master', options={'repl-diskless-sync': diskless})
    fill(master)
    writes = load(master)
    ours = keeper(master)
    eventually(ours.link_is_up, 'upstream up')
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    writes.stop()
    wait_in_sync(master, replica)
    assert ours.replid == master.replid == replica.replid
    assert master.stats('sync_full') == 1


def test_functions_and_all_databases_reach_the_replica(redis_server, keeper):
    master = redis_server('master')
    master.client.execute_command(
        'FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
    master.connect(db=9).set('in-nine', 1)
    ours = keeper(master)
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    master.connect(db=5).set('in-five', 1)
    wait_in_sync(master, replica)
    assert replica.connect(db=9).get('in-nine') == b'1'
    assert replica.connect(db=5).get('in-five') == b'1'
    assert replica.client.execute_command('FUNCTION', 'LIST')


@pytest.mark.parametrize('reset', [False, True])
def test_a_cut_upstream_link_continues_where_it_was(redis_server, keeper, proxy, load, reset):
    master = redis_server('master')
    fill(master)
    link = proxy(master)
    ours = keeper(link)
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    writes = load(master)
    for _ in range(3):
        link.cut(reset)
        eventually(lambda: not ours.link_is_up(), 'keeper sees the cut')
        link.heal()
        eventually(ours.link_is_up, 'keeper is back', within=20)
    writes.stop()
    wait_in_sync(master, replica)
    assert master.stats('sync_full') == 1
    assert master.stats('sync_partial_ok') >= 3
    assert replica.full_resyncs() == 1


def test_a_cut_downstream_link_continues_where_it_was(redis_server, keeper, proxy, load):
    master = redis_server('master')
    fill(master)
    ours = keeper(master)
    link = proxy(ours)
    replica = redis_server('replica', replica_of=link)
    eventually(replica.link_is_up, 'replica up')
    writes = load(master)
    for _ in range(3):
        link.cut()
        eventually(lambda: not replica.link_is_up(), 'replica sees the cut')
        link.heal()
        eventually(replica.link_is_up, 'replica is back', within=20)
    writes.stop()
    wait_in_sync(master, replica)
    assert replica.full_resyncs() == 1
    assert ours.info('stats')['sync_full'] == 1
    assert ours.info('stats')['sync_partial_ok'] >= 3


def test_a_replica_that_missed_more_than_any_backlog_continues(redis_server, keeper, proxy, load):
    master = redis_server('master', options={'repl-backlog-size': 16 << 10})
    ours = keeper(master, flags={'segment-bytes': 1 << 20})
    link = proxy(ours)
    replica = redis_server('replica', replica_of=link)
    eventually(replica.link_is_up, 'replica up')
    link.cut()
    start = ours.offset
    writes = load(master, pipeline=200, pause=0)
    eventually(lambda: ours.offset > start + (8 << 20), '8 MiB of stream', within=60)
    link.heal()
    eventually(replica.link_is_up, 'replica is back', within=20)
    writes.stop()
    wait_in_sync(master, replica)
    assert replica.full_resyncs() == 1


def test_a_stopped_replica_that_comes_back_from_its_own_rdb_continues(redis_server, keeper, load):
    master = redis_server('master')
    fill(master)
    ours = keeper(master)
    replica = redis_server('replica', replica_of=ours, options={'save': '3600 1'})
    eventually(replica.link_is_up, 'replica up')
    writes = load(master)
    replica.stop()
    replica.start()
    eventually(replica.link_is_up, 'replica is back', within=20)
    writes.stop()
    wait_in_sync(master, replica)
    assert replica.full_resyncs() == 1


def test_a_restarted_keeper_continues_on_both_sides(redis_server, keeper, load):
    master = redis_server('master')
    fill(master)
    ours = keeper(master)
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    writes = load(master)
    for _ in range(2):
        assert ours.stop() == 0
        ours.start()
        eventually(ours.link_is_up, 'keeper is back')
        eventually(replica.link_is_up, 'replica is back')
    writes.stop()
    wait_in_sync(master, replica)
    assert master.stats('sync_full') == 1
    assert replica.full_resyncs() == 1


def test_a_frozen_upstream_is_noticed_and_followed_again(redis_server, keeper, proxy):
    master = redis_server('master')
    link = proxy(master)
    ours = keeper(link, flags={'upstream-timeout': '2s'})
    eventually(ours.link_is_up, 'upstream up')
    link.freeze()
    eventually(lambda: not ours.link_is_up(), 'the silence is noticed', within=10)
    link.drop()
    link.heal()
    eventually(ours.link_is_up, 'back', within=20)
    assert master.stats('sync_full') == 1


def test_chained_keepers_serve_the_same_bytes_under_the_same_offsets(redis_server, keeper, load, recorder):
    master = redis_server('master')
    fill(master)
    record = recorder(master)
    first = keeper(master)
    eventually(first.link_is_up, 'first up')
    second = keeper(first)
    eventually(second.link_is_up, 'second up')
    third = keeper(second)
    replica = redis_server('replica', replica_of=third)
    begin = third_begin(third)
    writes = load(master)
    eventually(lambda: record.end > begin + 500_000, 'some stream')
    writes.stop()
    wait_in_sync(master, replica)
    end = third.offset
    eventually(lambda: record.end >= end, 'recorded')
    assert read_stream(third.port, master.replid, begin, end) == record.between(begin, end)
    assert master.stats('sync_full') == 2  # the recorder's and the first keeper's


def third_begin(third):
    eventually(third.link_is_up, 'third up')
    return third.info()['repl_backlog_first_byte_offset'] - 1


def test_replicaof_to_another_replica_of_the_master_keeps_the_log(redis_server, keeper, load):
    master = redis_server('master')
    fill(master)
    sibling = redis_server('sibling', replica_of=master)
    ours = keeper(master)
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    eventually(sibling.link_is_up, 'sibling up')
    writes = load(master)
    assert ours.client.execute_command('REPLICAOF', '127.0.0.1', sibling.port) == b'OK'
    eventually(lambda: ours.info()['master_port'] == sibling.port and ours.link_is_up(), 're-pointed')
    writes.stop()
    wait_in_sync(master, replica)
    assert sibling.stats('sync_full') == 0
    assert master.stats('sync_full') == 2  # the sibling's and the keeper's
    assert replica.full_resyncs() == 1


def test_replicaof_survives_a_restart_once_the_config_is_rewritten(redis_server, keeper):
    master = redis_server('master')
    sibling = redis_server('sibling', replica_of=master)
    ours = keeper(master, in_file=True)
    eventually(ours.link_is_up, 'up')
    eventually(sibling.link_is_up, 'sibling up')
    ours.client.execute_command('REPLICAOF', '127.0.0.1', sibling.port)
    eventually(lambda: ours.info()['master_port'] == sibling.port and ours.link_is_up(), 're-pointed')
    assert ours.client.config_rewrite()
    ours.stop()
    ours.start()
    eventually(lambda: ours.info()['master_port'] == sibling.port and ours.link_is_up(),
               'still follows the sibling')
    assert sibling.stats('sync_full') == 0


def test_replicaof_no_one_stops_following_and_keeps_serving(redis_server, keeper):
    master = redis_server('master')
    fill(master)
    ours = keeper(master)
    eventually(ours.link_is_up, 'up')
    ours.client.execute_command('REPLICAOF', 'NO', 'ONE')
    eventually(lambda: not ours.link_is_up(), 'follows nobody')
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'a replica is served all the same')
    assert replica.digest() == master.digest()


def test_a_manual_failover_is_followed_downstream_by_partial_resync(redis_server, keeper, load):
    master = redis_server('master')
    fill(master)
    heir = redis_server('heir', replica_of=master)
    ours = keeper(master)
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    eventually(heir.link_is_up, 'heir up')
    wait_in_sync(master, heir, replica)
    old = master.replid
    heir.client.execute_command('REPLICAOF', 'NO', 'ONE')
    ours.client.execute_command('REPLICAOF', '127.0.0.1', heir.port)
    eventually(lambda: ours.link_is_up() and ours.replid == heir.replid != old, 'keeper follows the heir')
    eventually(lambda: replica.link_is_up() and replica.replid == heir.replid, 'replica adopts the new id')
    writes = load(heir)
    eventually(lambda: writes.batches > 20, 'writes')
    writes.stop()
    wait_in_sync(heir, replica)
    assert heir.stats('sync_full') == 0
    assert replica.full_resyncs() == 1
    assert ours.info()['master_replid2'] == old


def test_a_full_resync_that_breaks_midway_is_not_served_and_begins_again(redis_server, keeper, proxy):
    master = redis_server('master', options={'repl-diskless-sync': 'no'})
    pipe = master.client.pipeline(transaction=False)
    for n in range(300):
        pipe.set(f'big:{n}', bytes([n % 251]) * 100_000 + str(n).encode())
    pipe.execute()
    master.client.config_set('rdbcompression', 'no')
    link = proxy(master)
    link.limit(20 << 20)
    ours = keeper(link)
    eventually(lambda: link.bytes_down > 2 << 20, 'midway')
    link.drop()
    link.limit(None)
    eventually(ours.link_is_up, 'loaded at the second try', within=20)
    replica = redis_server('replica', replica_of=ours)
    wait_in_sync(master, replica)


def test_before_the_first_snapshot_a_replica_waits_and_then_gets_it(redis_server, keeper):
    master = redis_server('master')
    fill(master)
    master.pause()
    ours = keeper(master)
    replica = redis_server('replica', replica_of=ours)
    never(replica.link_is_up, 'there is nothing to load', during=1.0)
    master.resume()
    wait_in_sync(master, replica, within=30)


def test_a_replica_is_not_given_bytes_that_it_asks_for_ahead_of_the_log(redis_server, keeper):
    master = redis_server('master')
    fill(master)
    ours = keeper(master, flags={'ahead-wait': '1s'})
    eventually(ours.link_is_up, 'up')
    assert not PsyncLink(ours.port, master.replid, ours.offset + 1).is_full
    assert PsyncLink(ours.port, master.replid, ours.offset + 1_000_000).is_full
    assert PsyncLink(ours.port, 'f' * 40, 1).is_full


def test_a_master_whose_snapshot_cannot_be_read_is_not_asked_for_it_over_and_over(bench, keeper):
    master = bench.add_other(FakeMaster(snapshot=b'REDIS0010\xf0garbage'))
    ours = keeper(master)
    eventually(lambda: 'cannot be read' in ours.log_text(), 'the log says why')
    eventually(lambda: master.snapshots_given == 2, 'one more try')
    never(lambda: master.snapshots_given > 2, 'it forks for nothing', 2)
    assert not ours.link_is_up()
