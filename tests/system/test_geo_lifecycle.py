"""Everything that may happen to a server with sluice-geo.so between its start and its end, beside what test_geo_lives.py kills."""

import threading
import time

import pytest

from harness import geo
from harness.raw import Raw
from harness.redis_server import wait_in_sync
from harness.waiting import eventually


@pytest.fixture
def master(redis_server):
    def start(number, name=None, **options):
        flags = {'allow_flush': 'yes', **options.pop('flags', {})}
        return redis_server(name or f'region{number}', options={**geo.options(number, **flags), **options})
    return start


def fill(client, count=40):
    """Something of every type, in two databases."""
    with client.pipeline(transaction=False) as commands:
        for n in range(count):
            commands.set(f'string{n}', n)
            commands.incr('counter')
            commands.incrbyfloat('float', 0.1)
            commands.hset('hash', f'f{n}', n)
            commands.hincrby('hash', 'n', 1)
            commands.sadd('set', n)
            commands.zincrby('zset', 1.5, n % 7)
            commands.rpush('list', n)
            commands.lpop('list') if n % 3 == 0 else None
            commands.xadd('stream', {'f': n})
            commands.pfadd('hll', n)
            commands.expire(f'string{n}', 5000 + n)
        commands.execute_command('SELECT', 1)
        commands.lpush('elsewhere', 'x')
        commands.execute_command('SELECT', 0)
        commands.execute()


def error_of(client, *words):
    with pytest.raises(geo.redis.ResponseError) as failed:
        client.execute_command(*words)
    return str(failed.value)


# --- files -------------------------------------------------------------------------------------------

def test_a_rewrite_of_the_aof_under_load_keeps_all(master, region):
    one, other = master(1, appendonly='yes'), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    stop = threading.Event()

    def write():
        client = one.connect()
        while not stop.is_set():
            fill(client, 5)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for command in ('BGREWRITEAOF', 'BGSAVE', 'BGREWRITEAOF'):
            one.client.execute_command(command)
            eventually(lambda: not any(one.client.info('persistence')[key] for key in ('aof_rewrite_in_progress', 'rdb_bgsave_in_progress')), 'it ends')
            mesh.deliver(a, b)
    finally:
        stop.set()
        writer.join()
    mesh.exchange()
    before, digest = a.vector(), a.digest()
    one.kill()
    one.start(within=30)
    assert a.digest() == digest and {key: a.vector()[key] for key in before} == before
    again = region(one)
    mesh = geo.join(again, b)
    again.client.incr('counter')
    mesh.exchange()
    mesh.check_equal()
    mesh.settle()


def test_an_aof_without_preamble_is_refused(redis_server, master):
    server = redis_server('wrong', start=False, options={**geo.options(1), 'appendonly': 'yes', 'aof-use-rdb-preamble': 'no'})
    with pytest.raises(RuntimeError):
        server.start()
    assert 'aof-use-rdb-preamble must be yes' in server.log_text()
    assert 'sluice-geo' in error_of(master(1).client, 'CONFIG', 'SET', 'aof-use-rdb-preamble', 'no')


@pytest.mark.parametrize('words', [[], ['NOSAVE'], ['NOFLUSH', 'MERGE']], ids=' '.join)
def test_a_reload_by_debug_ends_equal(master, region, words):
    one, other = master(1), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    fill(a.client)
    fill(b.client)
    mesh.exchange()
    one.client.save()
    if words == []:
        a.client.incr('counter')
    try:
        one.client.execute_command('DEBUG', 'RELOAD', *words)
    except geo.redis.ResponseError:
        pytest.skip('this server cannot')
    a.client.incr('counter')
    mesh.exchange()
    mesh.check_equal()
    mesh.settle()
    mesh.check_equal()


# --- replicas -----------------------------------------------------------------------------------------

def test_a_chain_of_replicas_has_the_same_metadata(master, region, redis_server):
    one, other = master(1), master(2)
    middle = redis_server('middle', replica_of=one, options=geo.options(1))
    last = redis_server('last', replica_of=middle, options={**geo.options(1), 'repl-diskless-load': 'swapdb'})
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    fill(a.client)
    fill(b.client)
    mesh.exchange()
    wait_in_sync(one, middle, last)
    for copy in (region(middle), region(last)):
        assert copy.vector() == a.vector() and copy.digest() == a.digest()


def test_a_replica_takes_no_write_of_a_client_nor_a_batch(master, region, redis_server):
    one = master(1)
    replica = redis_server('replica', replica_of=one, options=geo.options(1))
    wait_in_sync(one, replica)
    for words in ('SPOP s', 'XADD x * f v', 'FUNCTION FLUSH', 'FLUSHALL', 'GEO.JOIN 2', 'GEO.DETACH 2', 'GEO.APPLY x', 'SET k v'):
        assert error_of(replica.client, *words.split()).startswith(("You can't write against a read only replica", 'READONLY')), words
    assert 'what a master tells its replicas' in error_of(one.client, 'GEO.OPS', 'x')


def test_a_writable_replica_that_is_synced_again_has_lost_its_own_writes_only(master, region, redis_server):
    one, other = master(1), master(2)
    replica = redis_server('replica', replica_of=one, options={**geo.options(1), 'replica-read-only': 'no'})
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    wait_in_sync(one, replica)
    replica.client.set('own', 1)
    replica.client.sadd('s', 'own')
    replica.client.spop('s')
    a.client.sadd('s', 'a')
    mesh.exchange()
    replica.client.execute_command('DEBUG', 'CHANGE-REPL-ID')
    replica.client.execute_command('REPLICAOF', 'NO', 'ONE')
    replica.client.execute_command('REPLICAOF', '127.0.0.1', one.port)
    wait_in_sync(one, replica)
    copy = region(replica)
    assert copy.digest() == a.digest() and copy.info()['unstable_keys'] == a.info()['unstable_keys']


# --- refusals -----------------------------------------------------------------------------------------

@pytest.mark.parametrize('words, what', [
    ('id=1', 'region is missing'), ('region=eu', 'id is missing'), ('region= id=1', 'region has no name'), ('region=eu id=0', 'from 1 to 16'),
    ('region=eu id=17', 'from 1 to 16'), ('region=eu id=-1', 'not a number'), ('region=eu id=x', 'not a number'), ('region=eu id=1 id=2', 'id is given twice'),
    ('region=eu region=us id=1', 'region is given twice'), ('region=eu id=1 allow-flush=maybe', 'neither yes nor no'), ('region=eu id=1 1', 'what is 1'),
    ('region=eu id=1 colour=red', 'unknown argument colour'), ('region=eu id=1 unstable-bytes-max=1gb', 'not a number')])
def test_wrong_arguments_are_named(redis_server, words, what):
    server = redis_server('wrong', start=False, options={'loadmodule': f'{geo.MODULE} {words}'})
    with pytest.raises(RuntimeError):
        server.start()
    assert what in server.log_text() and 'loadmodule sluice-geo.so region=NAME id=1..16' in server.log_text()


def test_the_module_is_loaded_once_and_never_unloaded(redis_server):
    server = redis_server(options={**geo.options(1), 'enable-module-command': 'yes'})
    client = server.client
    error_of(client, 'MODULE', 'LOAD', str(geo.MODULE), 'region=us', 'id=2')
    error_of(client, 'MODULE', 'UNLOAD', 'geo')
    client.incr('c')
    assert client.get('c') == b'1' and client.execute_command('GEO.VECTOR')[0][1] == 1


def test_eviction_is_refused_and_a_full_memory_keeps_regions_equal(redis_server, master, region):
    for policy in ('allkeys-lru', 'volatile-ttl', 'allkeys-random'):
        server = redis_server('wrong', start=False, options={**geo.options(1), 'maxmemory-policy': policy, 'maxmemory': '100mb'})
        with pytest.raises(RuntimeError):
            server.start()
        assert 'maxmemory-policy must be noeviction' in server.log_text()
    one, other = master(1), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    assert 'noeviction' in error_of(one.client, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    b.client.sadd('s', 'b')
    mesh.exchange()
    a.client.config_set('maxmemory', 1)
    for words in ('SET k v', 'XADD x * f v', 'LPUSH l x', 'SADD s x'):
        assert 'OOM' in error_of(one.client, *words.split()), words
    assert a.client.spop('s') == b'b'  # frees memory
    b.client.incr('c')
    b.read_stream()
    assert 'OOM' in error_of(one.client, 'GEO.APPLY', b.batches[-1])
    a.client.config_set('maxmemory', 0)
    mesh.exchange()
    mesh.check_equal()


@pytest.mark.parametrize('form', ['bare', 'multi', 'script'])
def test_flushing_needs_to_be_allowed_and_is_then_told(master, region, form):
    one, other = master(1, flags={'allow_flush': 'no'}), master(2)
    a, b = region(one), region(other)
    mesh = geo.join(a, b)
    fill(a.client, 5)
    mesh.exchange()

    def flush(name, *options):
        call = Raw(one.port)
        if form == 'bare':
            return call(name, *options)
        if form == 'script':
            return call('EVAL', 'return redis.pcall(unpack(ARGV))', 0, name, *options)
        call('MULTI'), call(name, *options)
        return call('EXEC')[1][0]

    for name in ('FLUSHALL', 'FLUSHDB'):
        assert 'geo.allow-flush' in flush(name)
    assert b.client.dbsize() == a.client.dbsize() > 5
    a.client.config_set('geo.allow-flush', 'yes')
    b.client.set('meanwhile', 1)
    assert flush('FLUSHDB', 'ASYNC') == (b'+', b'OK')
    mesh.exchange()
    assert a.client.keys() == [b'meanwhile'] and b.server.connect(db=1).dbsize() == 1
    assert flush('FLUSHALL') == (b'+', b'OK')
    mesh.exchange()
    mesh.check_equal()
    assert b.server.connect(db=1).dbsize() == 0
    assert 'sluice-geo' in error_of(one.client, 'SWAPDB', 0, 1)


# --- identities and clocks -----------------------------------------------------------------------------

def test_two_regions_of_one_id_are_told_apart_loudly(master, region):
    one, other = master(1, 'one'), master(1, 'other')
    a, b = region(one), region(other)
    assert 'the region itself' in error_of(one.client, 'GEO.JOIN', 1)
    a.client.incr('c')
    b.client.incr('c')
    a.read_stream()
    # As ops of a former life of its own they may be taken; never as if they had been its own all along.
    for batch in a.batches:
        try:
            b.client.execute_command('GEO.APPLY', batch)
        except geo.redis.ResponseError as error:
            assert str(error).startswith('GEO'), error
    assert b.client.get('c') in (b'1', b'2')


def test_of_several_batches_those_before_a_refused_one_are_taken(master, region):
    one, other = master(1), master(2)
    follower = master(2, 'replica', replicaof=f'127.0.0.1 {other.port}')
    wait_in_sync(other, follower)
    a, b = region(one), region(other)
    for _ in range(5):
        a.client.incr('n')
        a.read_stream()
    at = ['AT', 'us', 'a' * 40, 1]
    # Not what it announces in between, whenever that is: of its Begin and the increments.
    told = [batch for batch in a.batches if batch.endswith(b'\x01\x00\x17\x00') or b'\x01n\x04' in batch]
    *before, lacking, last = told
    assert error_of(b.client, 'GEO.APPLY', *before, last, *at).startswith('GEOGAP ')
    assert b.client.get('n') == b'3'
    eventually(lambda: follower.client.get('n') == b'3', 'the replica has them')
    assert b.client.execute_command('GEO.APPLY', *told, *at) == b'OK'
    assert b.client.execute_command('GEO.APPLY', lacking, last, *at) == b'DUPLICATE'
    assert b.client.get('n') == b'5'
    eventually(lambda: follower.client.get('n') == b'5', 'the replica has all')


def test_a_clock_far_ahead_is_refused_until_it_is_not(master, region):
    one = master(1, flags={'clock_ahead_max_ms': 60000})
    a = region(one)
    now = int(time.time() * 1000)
    batch = lambda ms: bytes([1, 2, 7, 1, 2]) + ((ms << 16).to_bytes(8, 'little')) + bytes([0, 0]) + b'\x01\x01k\x02\x00\x01v\x00'  # noqa: E731
    refused = error_of(a.client, 'GEO.APPLY', batch(now + 3_600_000))
    assert refused.startswith('GEOAHEAD ') and 3_500_000 < int(refused.split()[1]) <= 3_600_000
    assert a.client.get('k') is None
    assert a.client.execute_command('GEO.APPLY', batch(now + 30_000)) == b'OK'
    a.client.set('k', 'later')  # in the order of what it has seen, not of its clock
    assert int(a.info()['conflicts_lww']) == 0


def test_a_cluster_node_serves_its_slots(redis_server, region):
    node = redis_server(options={**geo.options(1), 'cluster-enabled': 'yes'})
    client = node.client
    client.execute_command('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
    eventually(lambda: b'cluster_state:ok' in client.execute_command('CLUSTER', 'INFO') if isinstance(
        client.execute_command('CLUSTER', 'INFO'), bytes) else client.execute_command('CLUSTER', 'INFO')['cluster_state'] == 'ok', 'the cluster is up')
    a = region(node)
    call = Raw(node.port)
    for words in ('SADD s a', 'ZADD z 1 m', 'ZMPOP 1 z MIN', 'SPOP s', 'XADD x * f v', 'BZPOPMIN z 0.01', 'RPUSH {t}l a', 'LREM {t}l 1 a'):
        assert not isinstance(call(*words.split()), str), words
    assert call('ZMPOP', 2, 'a', 'b', 'MIN').startswith('CROSSSLOT')
    assert call('BZPOPMIN', 'a', 'b', 1).startswith('CROSSSLOT')
    eventually(lambda: a.read_stream() > 1, 'ops are told')


def shut_down(server):
    """As the last thing it saves what its replicas have too."""
    server.client.shutdown(save=True)
    server.child.wait(15)


def is_ended(server):
    return not server.alive and "no matching module 'sluicegeo'" in server.log_text()


def test_loading_the_module_into_a_master_parts_it_from_replicas_without(redis_server):
    plain = redis_server('master', options={'enable-module-command': 'local'})
    plain.client.set('before', 1)
    without = redis_server('without', replica_of=plain)
    heir = redis_server('with', replica_of=plain, options=geo.options(1))
    for replica in (without, heir):
        eventually(replica.link_is_up, 'it follows')
    plain.client.execute_command('MODULE', 'LOAD', str(geo.MODULE), 'region=r1', 'id=1')
    plain.client.sadd('s', 'a', 'b', 'c')
    plain.client.incrbyfloat('f', 1.5)
    plain.client.spop('s', 2)
    eventually(lambda: is_ended(without), 'the replica without the module ends')
    eventually(lambda: heir.link_is_up() and heir.client.get('f') == b'1.5' and heir.client.scard('s') == 1, 'the other has all')


def test_a_master_that_comes_back_with_the_module_parts_from_replicas_without(redis_server):
    plain = redis_server('master')
    plain.client.set('before', 1)
    without = redis_server('without', replica_of=plain)
    eventually(without.link_is_up, 'it follows')
    shut_down(plain)
    plain.options.update(geo.options(1))
    plain.start()
    plain.client.incrbyfloat('f', 1.5)
    eventually(lambda: is_ended(without), 'the replica without the module ends')
    # Once it has its state, a restart is a partial resync as ever.
    heir = redis_server('with', replica_of=plain, options=geo.options(1))
    eventually(heir.link_is_up, 'it follows')
    shut_down(plain)
    plain.start()
    plain.client.incr('n')
    eventually(lambda: heir.link_is_up() and heir.client.get('n') == b'1', 'it goes on')
    assert plain.info('stats')['sync_full'] == 0
