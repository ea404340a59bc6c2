"""One transaction in several databases: told, replicated and restored where it wrote. Valkey 9 tells modules another database meanwhile."""

import pytest

from harness import geo
from harness.redis_server import wait_in_sync

pytestmark = pytest.mark.skipif(not geo.MODULE.exists(), reason='sluice-geo.so is not built')

AOF = {'appendonly': 'yes', 'appendfsync': 'always'}


class World:
    def __init__(self, redis_server, region):
        self.region = region
        self.one = redis_server('region1', options={**geo.options(1, allow_flush='yes'), **AOF})
        self.replica = redis_server('replica', replica_of=self.one, options=geo.options(1))
        self.a, self.b = region(self.one), region(redis_server('region2', options=geo.options(2)))
        self.mesh = geo.join(self.a, self.b)
        self.client = self.a.client

    def check(self):
        """The same everywhere: in the other region, on the replica, and from the AOF."""
        self.mesh.exchange()
        self.mesh.check_equal()
        wait_in_sync(self.one, self.replica)
        assert 'misnoted_ops:0' in self.replica.client.execute_command('GEO.INFO').decode()
        digest = self.one.digest()
        assert self.b.server.digest() == digest
        self.one.kill()
        self.one.start()
        assert self.one.digest() == digest
        mesh = geo.Mesh([self.region(self.one), self.b])
        mesh.exchange()
        mesh.check_equal()
        mesh.settle()

    def transaction(self, *lines):
        with self.client.pipeline(transaction=True) as many:
            for line in lines:
                many.execute_command(*line.split())
            many.execute()


@pytest.fixture
def world(redis_server, region):
    return World(redis_server, region)


@pytest.mark.parametrize('lines', [
    ['SET s 0', 'RPUSH l a', 'SELECT 1', 'SET s 1', 'RPUSH l b', 'INCR n', 'SELECT 2', 'HSET h f v', 'SELECT 0', 'INCR n'],
    ['RPUSH l a b', 'MOVE l 1', 'RPUSH l c', 'COPY l l DB 2', 'RENAME l m'],
    ['ZADD z 1 a 2 b 3 c', 'SELECT 1', 'ZADD z 1 d 2 e 3 f', 'ZPOPMIN z', 'SADD u x', 'SPOP u', 'SELECT 0', 'ZREMRANGEBYRANK z 0 0'],
    ['SELECT 1', 'SET s 1', 'SELECT 0', 'SET s 0', 'SELECT 1', 'FLUSHDB', 'SET t 1', 'SELECT 0']],
    ids=['SELECT', 'MOVE', 'replaced commands', 'FLUSHDB'])
def test_a_transaction_is_told_in_the_databases_that_it_wrote_to(world, lines):
    world.transaction(*lines)
    world.check()


def test_a_script_in_a_transaction_is_told_where_it_wrote(world):
    script = "redis.call('RPUSH', 'l', 'a') redis.call('SELECT', 1) redis.call('RPUSH', 'l', 'b') redis.call('MOVE', 'l', 2)"
    with world.client.pipeline(transaction=True) as many:
        many.set('s', 0)
        many.eval(script, 0)
        many.execute_command('SELECT', 3)
        many.set('s', 3)
        many.execute_command('SELECT', 0)
        many.execute()
    world.check()


def test_a_batch_in_one_transaction_with_writes_arrives_where_it_is_of(world):
    """What was noted before a batch goes into the stream with it, in one transaction, and the batch is of several databases."""
    with world.b.client.pipeline(transaction=True) as many:
        for db in (0, 1, 0, 2, 0):
            many.execute_command('SELECT', db)
            many.rpush('l', f'of {db}')
        many.execute()
    world.b.read_stream()
    with world.client.pipeline(transaction=False) as many:
        for batch in world.b.batches:
            many.rpush('l', 'here')
            many.execute_command('GEO.APPLY', batch)
        many.execute(raise_on_error=False)
    world.check()
