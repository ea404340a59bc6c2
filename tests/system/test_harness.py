"""The harness holds what it promises, shown on stock Redis alone: a test bench that lies is worse
than none."""

import errno

import pytest
import redis

from harness.psync import PsyncLink, Refused, read_stream
from harness.redis_server import wait_in_sync
from harness.waiting import eventually


def test_a_replica_behind_a_proxy_survives_a_cut_by_partial_resync(redis_server, proxy, load):
    master = redis_server('master')
    link = proxy(master)
    replica = redis_server('replica', replica_of=link)
    writes = load(master)
    eventually(replica.link_is_up, 'link up')
    for reset in (False, True):
        link.cut(reset)
        eventually(lambda: not replica.link_is_up(), 'link down')
        link.heal()
        eventually(replica.link_is_up, 'link up again')
    writes.stop()
    wait_in_sync(master, replica)
    assert master.stats('sync_full') == 1
    assert master.stats('sync_partial_ok') == 2


@pytest.mark.parametrize('diskless', ['yes', 'no'])
def test_the_recorder_has_the_bytes_that_a_partial_resync_yields(redis_server, recorder, load, diskless):
    master = redis_server('master', options={'repl-diskless-sync': diskless})
    master.client.set('before', 1)
    record = recorder(master)
    writes = load(master)
    eventually(lambda: record.end > record.begin + 200_000, 'some stream')
    writes.stop()
    end = record.end
    assert record.rdb.startswith(b'REDIS')
    again = read_stream(master.port, record.replid, record.begin, end)
    assert again == record.between(record.begin, end)
    assert record.failure is None


def test_a_raw_link_reports_a_wrong_password(redis_server):
    master = redis_server('master', password='right')
    with pytest.raises(Refused, match='WRONGPASS'):
        PsyncLink(master.port, password='wrong')
    assert PsyncLink(master.port, password='right').is_full


def test_redis_over_tls_serves_a_raw_link(redis_server, tls):
    master = redis_server('master', tls=tls)
    master.client.set('k', 'v')
    assert PsyncLink(master.port, tls=tls).rdb.startswith(b'REDIS')


def test_sentinel_promotes_the_replica_of_a_killed_master(redis_server, sentinel):
    master = redis_server('master')
    replica = redis_server('replica', replica_of=master)
    watcher = sentinel(master)
    eventually(lambda: replica.port in watcher.replicas(), 'replica discovered', within=20)
    master.kill()
    eventually(lambda: watcher.master_port() == replica.port, 'failover', within=30)
    eventually(lambda: replica.info()['role'] == 'master', 'promoted')


def test_an_armed_fault_fires_on_its_file_alone_and_heals(redis_server, faults):
    server = redis_server('faulty', start=False,
                          options={'appendonly': 'yes', 'appendfsync': 'always'})
    server.environment = faults.environment()
    server.start_anywhere()
    other = faults.arm('write', 'no-such-file', errno.ENOSPC)
    fault = faults.arm('write', '.aof', errno.ENOSPC, limit=1)
    with pytest.raises(redis.RedisError):  # Redis exits when an AOF that is always synced fails
        server.client.set('k', 'v')
    eventually(lambda: fault.fired == 1, 'the fault fires')
    assert other.fired == 0

