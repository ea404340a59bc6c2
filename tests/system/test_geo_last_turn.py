"""Servers with sluice-geo.so end between a native write and the batch that tells of it, and come back in another role or from other files."""

import pytest

from harness import geo
from harness.raw import Raw
from harness.redis_server import wait_in_sync
from harness.waiting import eventually
from test_geo_failover import BATCH, LAST_WRITE, write_in_one_turn

pytestmark = pytest.mark.skipif(not geo.MODULE.exists(), reason='sluice-geo.so is not built')

AOF = {'appendonly': 'yes', 'appendfsync': 'always'}
WRITES = ['INCR n', 'SADD s x', 'RPUSH l y']


def agree(region, one, other, replica):
    """On n = 5; the replica, of the first, too."""
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    a.client.set('n', 5)
    mesh.exchange()
    mesh.settle()
    wait_in_sync(one, replica)
    return a, b


def begin(redis_server, region, **options):
    """Two regions, the first with a replica, that agree on n = 5."""
    one, other = redis_server('region1', options={**geo.options(1), **options}), redis_server('region2', options=geo.options(2))
    replica = redis_server('replica', replica_of=one, options=geo.options(1))
    return *agree(region, one, other, replica), replica


def in_one_turn(server, *lines):
    call = Raw(server.port)
    for line in lines:
        call.send(*line.split())
    return call


def check_followed(region, master, replica):
    """It took every batch."""
    wait_in_sync(master, replica)
    copy = region(replica)
    assert copy.vector() == region(master).vector()
    assert 'is refused' not in replica.log_text()


def check_counts(mesh, count):
    """Both increment n once more; nobody lost or doubled anything."""
    for one in mesh.regions:
        one.client.incr('n')
    mesh.exchange()
    mesh.check_equal()
    first = mesh.regions[0].client
    assert int(first.get('n')) == count and first.lrange('l', 0, -1) == [b'y'] and first.smembers('s') == {b'x'}


def test_a_replica_that_restarts_before_its_promotion_tells_what_no_batch_described(redis_server, region, proxy):
    one, other = (redis_server(f'region{n}', options=geo.options(n)) for n in (1, 2))
    way = proxy(one)
    replica = redis_server('replica', replica_of=way, options={**geo.options(1), **AOF})
    _, b = agree(region, one, other, replica)
    eventually(lambda: geo.has_its_aof(replica), 'its AOF has begun')
    way.stop_between(LAST_WRITE, BATCH)
    write_in_one_turn(one, [line.split() for line in WRITES])
    eventually(lambda: replica.client.get('end') == b'1', 'the replica has the writes')
    one.kill()
    way.cut()
    replica.kill()
    replica.start()
    assert replica.client.get('end') == b'1'
    replica.client.replicaof('no', 'one')
    mesh = geo.Mesh([region(replica), b])
    check_counts(mesh, 8)
    mesh.settle()


@pytest.mark.parametrize('options', [{'save': '3600 1'}, AOF], ids=['rdb', 'aof'])
def test_what_is_written_in_the_turn_of_a_shutdown_counts_once(redis_server, region, options):
    """The server waits for its replicas then, and no batch may be sent any more: the RDB alone has it."""
    a, b, replica = begin(redis_server, region, **options)
    one = a.server
    call = in_one_turn(one, *WRITES, 'SHUTDOWN')
    one.child.wait(15)
    call.close()  # not before: the server does nothing more for who has gone
    assert replica.client.get('n') == b'6'
    one.start()
    eventually(replica.link_is_up, 'it follows again')
    mesh = geo.Mesh([region(one), b])
    check_counts(mesh, 8)
    check_followed(region, one, replica)
    assert replica.full_resyncs() == (1 if 'save' in options else 2)
    one.kill()
    replica.client.replicaof('no', 'one')
    mesh = geo.Mesh([region(replica), b])
    check_counts(mesh, 10)
    mesh.settle()


def test_who_begins_to_follow_during_a_pause_and_is_promoted_tells_what_its_snapshot_cut(redis_server, region):
    a, b, replica = begin(redis_server, region)
    one = a.server
    call = in_one_turn(one, *WRITES, 'CLIENT PAUSE 100000 WRITE')
    assert [call.read() for _ in range(4)][3] == (b'+', b'OK')
    eventually(lambda: replica.client.get('n') == b'6', 'who follows has the writes')
    heir = redis_server('heir', replica_of=one, options=geo.options(1))
    eventually(lambda: heir.client.get('n') == b'6', 'who comes has them too')
    one.kill()
    heir.client.replicaof('no', 'one')
    replica.client.replicaof('127.0.0.1', heir.port)
    eventually(lambda: replica.link_is_up(), 'it follows the heir')
    mesh = geo.Mesh([region(heir), b])
    check_counts(mesh, 8)
    assert replica.full_resyncs() == 1
    check_followed(region, heir, replica)
    mesh.settle()


@pytest.mark.parametrize('words', [['FLUSHALL'], ['FLUSHDB'], ['FUNCTION', 'FLUSH'], ['FUNCTION', 'LOAD', '#!lua name=new\nredis.register_function("new", function() return 1 end)']],
                         ids=lambda words: ' '.join(words[:2]))
def test_an_aof_that_ends_behind_what_no_event_tells_does_not_part_regions(redis_server, region, words):
    one = redis_server('region1', options={**geo.options(1, allow_flush='yes'), **AOF})
    a, b = region(one), region(redis_server('region2', options=geo.options(2)))
    mesh = geo.join(a, b)
    a.client.set('n', 5)
    a.client.execute_command('FUNCTION', 'LOAD', '#!lua name=old\nredis.register_function("old", function() return 1 end)')
    mesh.exchange()
    mesh.settle()
    one.client.bgrewriteaof()  # so that nothing is known of the keys
    eventually(lambda: geo.has_its_aof(one), 'the AOF is rewritten')
    a.client.execute_command(*words)
    one.kill()
    path = next(one.folder.glob('appendonlydir/*.incr.aof'))
    written = path.read_bytes()
    path.write_bytes(written[:written.index(BATCH, written.rindex(words[0].encode()))])
    one.start()
    mesh = geo.Mesh([region(one), b])
    mesh.exchange()
    mesh.check_equal()
    libraries = [each.client.execute_command('FUNCTION', 'LIST', 'WITHCODE') for each in mesh.regions]
    assert libraries[0] == libraries[1]


@pytest.mark.parametrize('who', ['its own region', 'another region'])
def test_what_an_aof_ends_with_yields_to_what_was_written_later(redis_server, region, who):
    one = redis_server('region1', options={**geo.options(1), **AOF})
    a, b = region(one), region(redis_server('region2', options=geo.options(2)))
    mesh = geo.join(a, b)
    a.client.set('k', 'settled')
    mesh.exchange()
    mesh.settle()
    write_in_one_turn(one, [['SET', 'k', 'torn'], ['HSET', 'h', 'f', 'torn'], ['ZADD', 'z', 1, 'm']])
    writer = one if who == 'its own region' else b.server
    write_in_one_turn(writer, [['SET', 'k', 'later'], ['HSET', 'h', 'f', 'later'], ['ZADD', 'z', 2, 'm']])
    if writer is one:
        mesh.deliver(a, b)
    one.kill()
    path = next(one.folder.glob('appendonlydir/*.incr.aof'))
    written = path.read_bytes()
    path.write_bytes(written[:written.index(BATCH, written.index(LAST_WRITE))])
    one.start()
    again = region(one)
    for batch in a.batches:  # of its former life: by the peer, who has them
        again.client.execute_command('GEO.APPLY', batch)
    mesh = geo.Mesh([again, b])
    mesh.exchange()
    mesh.check_equal()
    assert (b.client.get('k'), b.client.hget('h', 'f'), b.client.zscore('z', 'm')) == (b'later', b'later', 2)
    mesh.settle()


@pytest.mark.parametrize('flush', ['FLUSHALL', 'EVAL return(redis.call("FLUSHALL")) 0'], ids=['command', 'script'])
def test_a_flush_of_which_the_snapshot_within_it_is_left_empties_every_region(redis_server, region, flush):
    """With save points the server saves itself in the middle of FLUSHALL, when the data are gone and no batch tells of that."""
    one = redis_server('region1', options={**geo.options(1, allow_flush='yes'), 'save': '3600 1'})
    a, b = region(one), region(redis_server('region2', options=geo.options(2)))
    mesh = geo.join(a, b)
    a.client.mset({'n': 5, 'k': 'v'})
    mesh.exchange()
    mesh.settle()
    call = in_one_turn(one, 'INCR n', flush, 'INCR n', 'DEBUG SEGFAULT')
    one.child.wait(15)
    call.close()
    one.start()
    assert a.client.dbsize() == 0
    mesh = geo.Mesh([region(one), b])
    mesh.exchange()
    mesh.check_equal()
    assert b.client.dbsize() == 0
    for each in mesh.regions:
        each.client.incr('n')
    mesh.exchange()
    mesh.check_equal()
    assert b.client.get('n') == b'2'
    mesh.settle()


@pytest.mark.parametrize('meets_its_master', [True, False], ids=['following', 'alone'])
def test_a_replica_that_restarts_from_the_snapshot_within_a_flush_tells_it_once(redis_server, region, meets_its_master):
    one = redis_server('region1', options=geo.options(1, allow_flush='yes'))
    other = redis_server('region2', options=geo.options(2))
    replica = redis_server('replica', replica_of=one, options={**geo.options(1), 'save': '3600 1'})
    a, b = agree(region, one, other, replica)
    a.client.flushall()
    a.client.incr('n')
    wait_in_sync(one, replica)
    replica.kill()
    if not meets_its_master:
        one.kill()
    replica.start()
    assert replica.client.dbsize() == 0 or meets_its_master
    if meets_its_master:
        eventually(replica.link_is_up, 'it follows again')
        a.client.rpush('l', 'y')
        check_followed(region, one, replica)
        assert 'noted otherwise' not in replica.log_text() and replica.full_resyncs() == 1
        one.kill()
    replica.client.replicaof('no', 'one')
    mesh = geo.Mesh([region(replica), b])
    mesh.exchange()
    mesh.check_equal()
    assert b.client.get('n') == (b'1' if meets_its_master else None)
    mesh.settle()
