"""A master with sluice-geo.so starts again, is promoted, is killed: no op is lost, none counts twice."""

import contextlib
import os
import random
import time

import pytest

from harness import geo
from harness.psync import Recorder
from harness.raw import Raw
from harness.redis_server import wait_in_sync
from harness.waiting import eventually

KILLS = int(os.environ.get('SLUICE_GEO_KILLS', 3))
SEED = int(os.environ.get('SLUICE_SEED', random.randrange(1 << 32)))


@pytest.fixture
def master(redis_server):
    def start(number, **options):
        return redis_server(f'region{number}', options={**geo.options(number, allow_flush='yes'), **options})
    return start


def restart(server):
    server.kill()
    server.start(within=30)


@pytest.mark.parametrize('options', [{'save': '3600 1'}, {'appendonly': 'yes', 'appendfsync': 'always'}], ids=['rdb', 'aof'])
def test_a_restart_keeps_vector_and_metadata(master, region, options):
    one, other = master(1, **options), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    for n in range(50):
        a.client.incr('c')
        b.client.incr('c')
        a.client.sadd('s', n)
    mesh.exchange()
    before, digest = a.vector(), a.digest()
    unstable = a.info()['unstable_keys']
    if 'save' in options:
        a.client.save()
    restart(one)
    assert a.digest() == digest
    assert {key: seq for key, seq in a.vector().items() if key in before} == before
    assert a.info()['unstable_keys'] == unstable
    again = region(one)
    mesh = geo.Mesh([again, b])
    again.client.incr('c')
    b.client.incr('c')
    mesh.exchange()
    mesh.check_equal()
    assert again.client.get('c') == b'102'


def test_native_writes_at_the_end_of_an_aof_become_ops(master, region):
    one, other = master(1, appendonly='yes', appendfsync='always'), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    a.client.sadd('s', 'a')
    mesh.exchange()
    a.client.set('k', 'v')
    one.kill()
    # What a crash between the native write and its batch leaves: the file ends before the last GEO.OPS.
    path = next(one.folder.glob('appendonlydir/*.incr.aof'))
    path.write_bytes(path.read_bytes()[:path.read_bytes().rfind(b'*2\r\n$7\r\ngeo.ops')])
    one.start()
    assert a.client.get('k') == b'v'
    again = region(one)
    mesh = geo.Mesh([again, b])
    again.client.set('other', 'x')
    mesh.exchange()
    assert b.client.get('k') == b'v' and b.client.smembers('s') == {b'a'}


def test_a_promoted_replica_goes_on_where_its_master_was(master, region, redis_server):
    one, other = master(1), master(2)
    replica = redis_server('replica', replica_of=one, options=geo.options(1))
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    wait_in_sync(one, replica)
    for n in range(100):
        a.client.incr('c')
        b.client.sadd('s', n)
    mesh.exchange()
    wait_in_sync(one, replica)
    copy = region(replica)
    assert copy.vector() == a.vector() and copy.digest() == a.digest()
    one.kill()
    replica.client.replicaof('no', 'one')
    heir = region(replica)
    heir.client.incr('c')
    b.client.incr('c')
    mesh = geo.Mesh([heir, b])
    mesh.exchange()
    mesh.check_equal()
    assert b.client.get('c') == b'102'


@pytest.mark.parametrize('load', ['disabled', 'swapdb'])
def test_a_full_sync_brings_the_metadata(master, region, redis_server, load):
    one, other = master(1), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    a.client.sadd('s', 1, 2, 3)
    b.client.incr('c')
    mesh.exchange()
    replica = redis_server('replica', replica_of=one, options={**geo.options(1), 'repl-diskless-load': load})
    wait_in_sync(one, replica)
    a.client.incr('c')
    wait_in_sync(one, replica)
    copy = region(replica)
    assert copy.vector() == a.vector() and copy.digest() == a.digest()
    assert copy.info()['unstable_keys'] == a.info()['unstable_keys']


def test_a_replica_without_the_module_fails_loudly(master, redis_server):
    one = master(1)
    one.client.set('k', 'v')
    plain = redis_server('plain', start=False, options={'replicaof': f'127.0.0.1 {one.port}'})
    with contextlib.suppress(RuntimeError, geo.redis.ConnectionError):  # it ends as soon as it has read that
        plain.start()
    eventually(lambda: "no matching module 'sluicegeo'" in plain.log_text(), 'the replica says what it lacks')
    eventually(lambda: plain.child.poll() is not None, 'it ends')


def test_the_module_is_loaded_into_a_running_server_with_data(redis_server, region, master):
    plain = redis_server('plain', options={'enable-module-command': 'yes'})
    plain.client.mset({f'k{n}': n for n in range(1000)})
    words = geo.options(1)['loadmodule'].split()
    plain.client.execute_command('MODULE', 'LOAD', *words)
    a, b = region(plain), region(master(2))
    mesh = geo.join(a, b)
    a.client.incr('k1')
    b.client.incr('c')
    mesh.exchange()
    assert b.client.get('k1') == b'2' or b.client.get('k1') == b'1'
    with pytest.raises(geo.redis.ResponseError):
        plain.client.execute_command('MODULE', 'UNLOAD', 'geo')


def test_a_module_with_a_wrong_configuration_says_what_is_wrong(redis_server):
    for words, what in [('region=eu', 'id is missing'), ('region=eu id=17', 'from 1 to 16'), ('id=1', 'region is missing'),
                        ('region=eu id=1 colour=red', 'unknown argument colour')]:
        server = redis_server('wrong', start=False, options={'loadmodule': f'{geo.MODULE} {words}'})
        with pytest.raises(RuntimeError):
            server.start()
        assert what in server.log_text()


def test_pausing_clients_for_a_failover_harms_nothing(master, region):
    one, other = master(1), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    a.client.set('x', 1, px=50)
    a.client.execute_command('CLIENT', 'PAUSE', 300, 'WRITE')
    time.sleep(0.4)
    a.client.incr('c')
    mesh.exchange()
    mesh.check_equal()


def test_kills_lose_nothing_that_the_replica_or_the_peer_has(master, region, redis_server):
    """kill -9 under load, the replica promoted, again and again; INCRs counted by who acknowledged them."""
    rng = random.Random(SEED)
    print(f'SLUICE_SEED={SEED}')
    peer = region(master(2))
    current = master(1)
    for _ in range(KILLS):
        replica = redis_server('replica', replica_of=current, options=geo.options(1))
        eventually(replica.link_is_up, 'replicates')
        a = region(current)
        mesh = geo.join(a, peer)
        pipeline = current.connect().pipeline(transaction=False)
        for _ in range(rng.randrange(5, 60)):
            for n in range(20):
                pipeline.incr('c')
                pipeline.sadd('s', rng.randrange(1 << 40))
                pipeline.hset('h', rng.randrange(50), n)
            pipeline.execute()
            if rng.random() < 0.2:
                mesh.deliver(a, peer)
        for n in range(200):
            pipeline.incr('c')
        try:
            pipeline.connection_pool.get_connection('_').send_packed_command([b'*2\r\n$4\r\nINCR\r\n$1\r\nc\r\n' * 500])
        finally:
            current.kill()
        replica.client.replicaof('no', 'one')
        current = replica
        eventually(lambda: a.recorder.failure, 'the old stream has ended')
        commands, _ = geo.commands_of(a.recorder.between(a.recorder.begin, a.recorder.end))
        a.batches = [words[1] for words in commands if words[0].lower() == b'geo.ops']
        heir = region(current)
        geo.join(heir, peer)
        for batch in a.batches:  # the keeper's tail of the old life, to both
            for target in (heir, peer):
                target.client.execute_command('GEO.APPLY', batch)
        heir.client.incr('c')
        mesh = geo.Mesh([heir, peer])
        mesh.exchange()
        mesh.check_equal()


def pipelined(server, *commands):
    """All in one turn of the server's event loop."""
    call = Raw(server.port)
    for words in commands:
        call.send(*words.split())
    answers = [call.read() for _ in commands]
    call.close()
    return answers


def test_a_reload_forgets_no_op_of_the_same_turn(master, region, redis_server):
    one, other = master(1), master(2)
    replica = redis_server('replica', replica_of=one, options=geo.options(1))
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    wait_in_sync(one, replica)
    for _ in range(3):
        pipelined(one, 'INCR c', 'RPUSH l a b c', 'LPOP l', 'DEBUG RELOAD', 'INCR c')
        b.client.rpush('l', 'x')
        mesh.exchange()
    assert b.client.get('c') == b'6' and a.client.llen('l') == 9
    mesh.check_equal()
    wait_in_sync(one, replica)
    assert region(replica).vector() == a.vector()


def test_a_failover_by_command_loses_and_doubles_nothing(master, region, redis_server):
    one, other = master(1), master(2)
    replica = redis_server('replica', replica_of=one, options=geo.options(1))
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    roles = [one, replica]
    for n in range(3):
        wait_in_sync(*roles)
        pipelined(roles[0], 'INCR c', 'RPUSH l a', f'FAILOVER TO 127.0.0.1 {roles[1].port}', 'PING')
        eventually(lambda: roles[1].client.role()[0] == b'master' and roles[0].client.role()[0] == b'slave', 'roles are exchanged')
        roles.reverse()
        # The new stream has what no batch of the old one told.
        a = region(roles[0])
        mesh = geo.join(a, b)
        a.client.incr('c')
        b.client.incr('c')
        mesh.exchange()
        mesh.check_equal()
    assert b.client.get('c') == b'9' and b.client.llen('l') == 3
    wait_in_sync(*roles)
    mesh.settle()


def test_a_deadline_that_arrives_too_late_removes_nothing_in_the_middle_of_a_batch(master, region, redis_server):
    one, other = master(1, appendonly='yes', appendfsync='always'), master(2)
    replica = redis_server('replica', replica_of=one, options=geo.options(1))
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    wait_in_sync(one, replica)
    b.client.rpush('l', 1, 2, 3)
    b.client.sadd('s', 1, 2, 3)
    mesh.exchange()
    pipelined(other, 'PEXPIRE l 30', 'RPUSH l 4 5', 'PEXPIRE s 30', 'SADD s 4', 'SET k v PX 30', 'APPEND k w', 'RPUSH l 6')
    time.sleep(0.1)  # the batch is under way for longer than that
    mesh.exchange()
    eventually(lambda: a.client.exists('l', 's', 'k') == 0, 'all have expired')
    mesh.exchange()
    mesh.check_equal()
    wait_in_sync(one, replica)
    vector = a.vector()
    restart(one)
    assert {key: a.vector()[key] for key in vector} == vector and a.client.dbsize() == 0


def test_a_flush_that_meets_expired_keys_leaves_nothing_and_counts_right(master, region):
    one, other = master(1), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    one.expires(False)  # until somebody looks at them
    for n in range(20):
        a.client.set(f'k{n}', 'v', px=20)
        a.client.sadd(f's{n}', 1)
        a.client.pexpire(f's{n}', 20)
    time.sleep(0.05)
    b.client.set('x', 1)
    b.client.flushall()
    mesh.deliver(b, a)
    assert 0 <= int(a.info()['unstable_bytes']) < 1 << 20
    mesh.exchange()
    mesh.check_equal()
    mesh.settle()
    assert [region.info()['unstable_bytes'] for region in mesh.regions] == ['0', '0']


@pytest.mark.parametrize('way', ['restart', 'reload'])
def test_what_expired_while_an_rdb_was_loaded_is_told(master, region, way):
    """The server drops it without a word; another region gave it a longer life, which saves nothing."""
    one, other = master(1, save='3600 1'), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b, region(master(3)))
    a.client.execute_command('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    for words in (['INCRBY', 'counter', 5], ['RPUSH', 'list', 'a', 'b'], ['SADD', 'set', 'x'], ['HSET', 'hash', 'f', 1],
                  ['ZINCRBY', 'zset', 2, 'm'], ['SET', 'string', 'v'], ['XADD', 'stream', '1-1', 'f', 'v'], ['PFADD', 'hll', 'x'],
                  ['RPUSH', 'gone', 'a']):
        a.client.execute_command(*words)
        a.client.execute_command('PEXPIRE', words[1], 2000)
    mesh.exchange()
    for key in b.client.keys():
        b.client.expire(key, 1000)
    assert b.client.dbsize() == 9
    for number, writer in ((2, b), (1, a)):  # libraries are no keys: the later one wins
        writer.client.execute_command('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('one', function() return %d end)" % number)
        time.sleep(0.01)
    if way == 'restart':
        a.client.save()
        one.kill()
        time.sleep(2)
        one.start(within=30)
        a = region(one)
        mesh = geo.Mesh([a, *mesh.regions[1:]])
    else:
        time.sleep(2)
        a.client.execute_command('DEBUG', 'RELOAD')
    assert a.client.dbsize() == 0
    for words in (['INCR', 'counter'], ['RPUSH', 'list', 'new'], ['SADD', 'set', 'y'], ['HSET', 'hash', 'g', 1], ['ZINCRBY', 'zset', 1, 'm'],
                  ['APPEND', 'string', 'new'], ['XADD', 'stream', '2-1', 'f', 'v'], ['PFADD', 'hll', 'y']):
        a.client.execute_command(*words)
    expected = geo.content(a.client)
    mesh.exchange()
    mesh.check_equal()
    assert all(one.client.execute_command('FCALL', 'one', 0) == 1 for one in mesh.regions)
    assert {key: value[:2] for key, value in geo.content(b.client).items()} == {key: value[:2] for key, value in expected.items()}
    mesh.settle()


def test_a_restart_that_dropped_a_key_renewed_elsewhere_asks_for_a_snapshot(master, region):
    """Nothing is known of it here: the renewal is all that tells of it."""
    one, other = master(1, save='3600 1'), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    a.client.execute_command('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    a.client.set('session', 'v', px=4000)
    mesh.exchange()
    mesh.settle()
    a.client.save()
    one.kill()
    assert b.client.expire('session', 1000)
    eventually(lambda: a_deadline_has_passed(b), 'the deadline that the RDB has', within=10)
    one.start(within=30)
    a = region(one)
    assert a.client.dbsize() == 0 and a.info()['must_rejoin'] == 'no'
    b.client.set('other', 1)
    mesh = geo.Mesh([a, b])
    mesh.deliver(b, a)
    assert a.info()['must_rejoin'] == 'yes'


def a_deadline_has_passed(region):
    return region.client.ttl('session') <= 1000 - 5


def test_what_expires_between_commands_is_told_by_its_name(master, region, redis_server):
    """The server makes a new object of such a key's name, which may stand where an argument of the command before stood."""
    one, other = master(1), master(2)
    follower = redis_server('follower', replica_of=one, options=geo.options(1))
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    words = [f'word{n}' for n in range(40)]
    a.client.mset(dict.fromkeys(words, 'here for ever'))
    wait_in_sync(one, follower)
    ends = time.monotonic() + 2  # the server looks for such keys ten times a second
    while time.monotonic() < ends:
        turn = a.client.pipeline(transaction=False)
        for n in range(20):
            turn.execute_command('SET', f'gone{n:02}', 1, 'PX', 1)
            turn.execute_command('SADD', f's{n:02}', *words)
        turn.execute()
    eventually(lambda: a.client.dbsize() == len(words) + 20, 'all has expired')
    mesh.exchange()
    mesh.check_equal()
    wait_in_sync(one, follower)
    misnoted = [line for line in follower.log_text().splitlines() if 'noted otherwise' in line]
    assert not misnoted, misnoted


def test_what_a_pause_of_clients_holds_up_is_told_whole(master, region):
    a, b = region(master(1)), region(master(2))
    mesh = geo.join(a, b)
    a.client.rpush('l', 'old')
    mesh.exchange()
    waiting = [Raw(a.server.port) for _ in range(2)]
    Raw(a.server.port)('CLIENT', 'PAUSE', 300, 'WRITE')
    waiting[0].send('LPUSH', 'l', 'a', 'b', 'c')
    waiting[1].send('SADD', 's', 'x', 'y')
    assert [one.read() for one in waiting] == [(b':', b'4'), (b':', b'2')]
    mesh.exchange()
    mesh.check_equal()
    assert b.client.lrange('l', 0, -1) == [b'c', b'b', b'a', b'old']
