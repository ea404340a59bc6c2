"""An upstream that lost its data, or follows itself, does not take the replicas down with it."""

import pytest

from harness.redis_server import wait_in_sync
from harness.waiting import eventually, never

KEYS = 5000


def fill(master, keys=KEYS):
    master.client.mset({f'key:{n}': 'value' for n in range(keys)})


@pytest.fixture
def shard(redis_server, keeper):
    """A master with data, its keeper, and a replica behind it."""
    master = redis_server('master')
    fill(master)
    # A master that begins to follow us keeps our link and falls silent: that ends by the timeout.
    ours = keeper(master, flags={'upstream-timeout': '3s'})
    replica = redis_server('replica', replica_of=ours)
    wait_in_sync(master, replica)
    return master, ours, replica


def is_quarantined(ours):
    return (ours.info('keeper')['keeper_quarantine_reason']
            and ours.metric('sluice_keeper_quarantined') == 1)


def restart_empty(master):
    master.kill()
    master.start()
    assert master.client.dbsize() == 0


def test_a_master_that_restarts_empty_is_held_back_and_can_be_rejected(shard):
    master, ours, replica = shard
    digest = replica.digest()
    restart_empty(master)
    eventually(lambda: is_quarantined(ours), 'quarantine')
    never(lambda: replica.client.dbsize() < KEYS, 'the replica lost keys')
    assert replica.digest() == digest
    ours.keeper('REJECT')
    never(lambda: replica.client.dbsize() < KEYS, 'the replica lost keys')
    assert replica.digest() == digest


def test_what_is_held_back_goes_downstream_once_accepted(shard):
    master, ours, replica = shard
    restart_empty(master)
    eventually(lambda: is_quarantined(ours), 'quarantine')
    master.client.set('written-meanwhile', 1)
    assert replica.client.dbsize() == KEYS
    ours.keeper('ACCEPT')
    wait_in_sync(master, replica, within=30)
    assert replica.client.keys() == [b'written-meanwhile']
    eventually(lambda: ours.metric('sluice_keeper_quarantined') == 0, 'the alert is over')
    assert not ours.info('keeper')['keeper_quarantine_reason']


def test_quarantine_survives_a_restart_of_the_keeper(shard):
    master, ours, replica = shard
    restart_empty(master)
    eventually(lambda: is_quarantined(ours), 'quarantine')
    ours.kill()
    ours.start()
    eventually(replica.link_is_up, 'the replica continues')
    eventually(lambda: is_quarantined(ours), 'still in quarantine')
    never(lambda: replica.client.dbsize() < KEYS, 'the replica lost keys')
    ours.keeper('ACCEPT')
    wait_in_sync(master, replica, within=30)
    assert replica.client.dbsize() == 0


def test_new_replicas_get_the_old_data_while_an_upstream_is_held_back(shard, redis_server):
    master, ours, replica = shard
    digest = replica.digest()
    restart_empty(master)
    eventually(lambda: is_quarantined(ours), 'quarantine')
    late = redis_server('late', replica_of=ours)
    eventually(lambda: late.client.dbsize() == KEYS, 'served from the old snapshot')
    assert late.digest() == digest


def test_a_master_that_lost_most_keys_is_held_back(shard):
    master, ours, replica = shard
    restart_empty(master)
    master.client.set('a', 1)  # not empty, but nearly
    eventually(lambda: is_quarantined(ours), 'quarantine')
    never(lambda: replica.client.dbsize() < KEYS, 'the replica lost keys', during=1.0)


def test_a_master_that_restarts_with_its_data_is_followed(redis_server, keeper):
    master = redis_server('master', options={'save': '3600 1'})
    fill(master)
    ours = keeper(master)
    replica = redis_server('replica', replica_of=ours)
    wait_in_sync(master, replica)
    master.client.save()
    master.kill()
    master.start()
    master.client.set('after', 1)
    wait_in_sync(master, replica, within=30)
    assert ours.metric('sluice_keeper_quarantined') == 0


def test_what_counts_as_shrunk_is_changed_while_it_runs(shard):
    master, ours, replica = shard
    ours.client.config_set('quarantine_keys_min', KEYS * 10)
    restart_empty(master)
    eventually(lambda: replica.client.dbsize() == 0, 'passed on', within=30)
    assert not is_quarantined(ours)


def test_how_long_an_upstream_may_be_silent_is_changed_while_it_runs(redis_server, keeper):
    master = redis_server('master')
    ours = keeper(master)
    eventually(ours.link_is_up, 'followed')
    master.pause()  # its kernel goes on, and the default would wait for a minute
    ours.client.config_set('upstream_timeout', '1s')
    eventually(lambda: not ours.link_is_up(), 'given up', within=20)
    master.resume()
    eventually(ours.link_is_up, 'followed again')


def test_a_flushall_is_a_write_like_any_other(shard):
    master, ours, replica = shard
    master.client.flushall()
    wait_in_sync(master, replica)
    assert replica.client.dbsize() == 0
    assert ours.metric('sluice_keeper_quarantined') == 0


def test_a_master_that_becomes_its_own_replica_is_held_back(shard):
    master, ours, replica = shard
    digest = replica.digest()
    master.client.execute_command('REPLICAOF', '127.0.0.1', master.port)
    master.client.execute_command('CLIENT', 'KILL', 'TYPE', 'replica')
    eventually(lambda: is_quarantined(ours), 'quarantine', within=30)
    never(lambda: replica.digest() != digest, 'the replica changed')


def test_an_upstream_that_follows_this_keeper_is_held_back(shard):
    master, ours, replica = shard
    digest = replica.digest()
    master.client.execute_command('REPLICAOF', '127.0.0.1', ours.port)
    eventually(lambda: is_quarantined(ours), 'quarantine', within=30)
    never(lambda: replica.digest() != digest, 'the replica changed')
    master.client.execute_command('REPLICAOF', 'NO', 'ONE')
    eventually(ours.link_is_up, 'followed again once the cycle is gone', within=40)
    master.client.set('after', 1)
    wait_in_sync(master, replica, within=30)


def test_keepers_that_follow_each_other_are_held_back(redis_server, keeper):
    master = redis_server('master')
    fill(master)
    first = keeper(master)
    second = keeper(first)
    replica = redis_server('replica', replica_of=second)
    wait_in_sync(master, replica)
    digest = replica.digest()
    first.client.execute_command('REPLICAOF', '127.0.0.1', second.port)
    eventually(lambda: is_quarantined(first) or is_quarantined(second), 'quarantine', within=30)
    never(lambda: replica.digest() != digest, 'the replica changed')
    first.client.execute_command('REPLICAOF', '127.0.0.1', master.port)
    master.client.set('after', 1)
    wait_in_sync(master, replica, within=40)


@pytest.mark.parametrize('word', ['ACCEPT', 'REJECT'])
def test_without_a_quarantine_there_is_nothing_to_decide(shard, word):
    _, ours, _ = shard
    with pytest.raises(Exception, match='quarantine'):
        ours.keeper(word)
