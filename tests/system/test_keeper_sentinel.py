"""Real Sentinels find a keeper, leave it what it is, and point it at the master they promote."""

import pytest

from harness.waiting import eventually, never


@pytest.fixture
def watched(redis_server, keeper, sentinel):
    master = redis_server(name='master')
    replica = redis_server(name='replica', replica_of=master)
    kept = keeper(master)
    for server in (replica, kept):
        eventually(server.link_is_up, f'{server.name} follows', 20)
    sentinels = [sentinel(master), sentinel(master)]
    for one in sentinels:
        eventually(lambda: kept.port in one.replicas(), 'found through INFO of the master', 30)
        eventually(lambda: one.replicas()[kept.port]['master-link-status'] == 'ok', 'its link seen', 30)
    return master, replica, kept, sentinels


def test_sees_a_healthy_replica_that_it_may_not_promote(watched):
    _, replica, kept, (sentinel, other) = watched
    seen = sentinel.replicas()[kept.port]
    assert seen['flags'] == 'slave'
    assert seen['slave-priority'] == 0
    assert seen['runid'] == kept.info('server')['run_id']
    assert seen['slave-repl-offset'] is not None
    assert set(seen) == set(sentinel.replicas()[replica.port])
    # A replica that is wrong about its master would be sent REPLICAOF every ten seconds.
    never(lambda: 'fix-slave-config' in sentinel.log_text(), 'it is corrected', 3)
    channels = kept.client.pubsub_numsub('__sentinel__:hello')
    assert dict(channels)[b'__sentinel__:hello'] == 2


def test_can_be_hidden_from_clients_and_is_pointed_at_the_new_master_all_the_same(redis_server, keeper,
                                                                                   sentinel):
    master = redis_server(name='master')
    replica = redis_server(name='replica', replica_of=master)
    kept = keeper(master, flags={'no-replica-announced': True})
    for server in (replica, kept):
        eventually(server.link_is_up, f'{server.name} follows', 20)
    one = sentinel(master)
    eventually(lambda: f'+slave slave 127.0.0.1:{kept.port}' in one.log_text(), 'found', 30)
    eventually(lambda: set(one.replicas()) == {replica.port}, 'hidden', 30)
    master.kill()
    eventually(lambda: kept.info()['master_port'] == replica.port and kept.link_is_up(), 'follows', 40)


def test_is_pointed_at_the_new_master_and_continues(watched, load):
    master, replica, kept, (sentinel, _) = watched
    writes = load(lambda: sentinel.master_port())
    eventually(lambda: kept.offset > 100_000, 'some stream')
    master.kill()
    eventually(lambda: sentinel.master_port() == replica.port, 'the stock replica is promoted', 40)
    eventually(lambda: kept.info()['master_port'] == replica.port and kept.link_is_up(),
               'the keeper follows it', 40)
    writes.stop()
    eventually(lambda: kept.replid == replica.replid and kept.offset == replica.offset, 'caught up', 20)
    about = kept.info('keeper')
    assert about['keeper_upstream_sync_full'] == 1
    assert about['keeper_replids'] == 2
