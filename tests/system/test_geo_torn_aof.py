"""A power cut tears a region's AOF off within a turn: between native writes and the batch that tells of them, which a peer may have."""

import pytest

from harness import geo
from harness.waiting import eventually
from test_geo_failover import BATCH, BLOCKED, LAST_WRITE, MEANWHILE, TURNS, write_in_one_turn

pytestmark = pytest.mark.skipif(not geo.MODULE.exists(), reason='sluice-geo.so is not built')

AOF = {'appendonly': 'yes', 'appendfsync': 'always', 'auto-aof-rewrite-percentage': 0}


class Torn:
    """Region 1, whose AOF is torn off in its last turn, and two others."""

    def __init__(self, redis_server, region):
        self.region = region
        self.server = redis_server('region1', options={**geo.options(1), **AOF})
        self.a, self.b, self.c = (region(server) for server in
                                  (self.server, *(redis_server(f'region{n}', options=geo.options(n)) for n in (2, 3))))
        self.before = geo.join(self.a, self.b, self.c)

    def write(self, given, turn, blocked=(), has_peer_the_batch=True):
        for words in given:
            self.a.client.execute_command(*words)
        waiting = [self.server.connect() for _ in blocked]
        for client, words in zip(waiting, blocked):
            client.connection_pool.get_connection('_').send_command(*words)
        eventually(lambda: self.a.client.info('clients')['blocked_clients'] == len(blocked), 'clients wait')
        self.before.exchange()
        self.begin = geo.aof_of(self.server).stat().st_size
        write_in_one_turn(self.server, turn)
        if has_peer_the_batch:
            self.before.deliver(self.a, self.b)
            assert self.b.client.get('end') == b'1'
        self.whole = geo.content(self.a.client)
        self.server.kill()
        self.aof = geo.aof_of(self.server).read_bytes()

    def borders(self):
        last = self.aof.index(LAST_WRITE, self.begin) + len(LAST_WRITE)
        return [end for name, _, end in geo.units_of(self.aof[:last], self.begin)]

    def start(self, at):
        """With what the AOF has up to there; the mesh, and what region 1 shows at first."""
        geo.aof_of(self.server).write_bytes(self.aof[:at])
        self.server.start()
        content = geo.content(self.server.client)
        facts = self.server.client.execute_command('GEO.INFO').decode()
        assert 'retold_keys:0\r' in facts
        return geo.Mesh([self.region(self.server), self.b, self.c]), content

    def bring_the_batches(self, mesh):
        for region in mesh.regions:
            for batch in self.a.batches[-9:]:
                region.client.execute_command('GEO.APPLY', batch)


@pytest.fixture
def torn(redis_server, region):
    return Torn(redis_server, region)


@pytest.mark.parametrize('where', ['in the middle', 'before the batch'])
@pytest.mark.parametrize('has_peer_the_batch', [True, False], ids=['told', 'untold'])
@pytest.mark.parametrize('name', TURNS)
def test_writes_that_an_aof_ends_with_count_once(torn, name, has_peer_the_batch, where):
    given, turn = TURNS[name]
    torn.write(given, turn, BLOCKED.get(name, ()), has_peer_the_batch)
    borders = torn.borders()
    mesh, content = torn.start(borders[-1 if where == 'before the batch' else len(borders) // 2])
    first, peer, third = mesh.regions
    assert where == 'in the middle' or int(first.info()['torn_writes']) > 0
    for other in peer, third:
        mesh.deliver(first, other)
    if has_peer_the_batch:
        torn.bring_the_batches(mesh)
    mesh.exchange()
    mesh.check_equal()
    is_whole = has_peer_the_batch or where == 'before the batch'
    assert geo.content(first.client) == (torn.whole if is_whole else content)
    mesh.settle()


@pytest.mark.parametrize('name', TURNS)
def test_regions_are_equal_whatever_others_write_meanwhile(torn, name):
    given, turn = TURNS[name]
    torn.write(given, turn, BLOCKED.get(name, ()))
    borders = torn.borders()
    mesh, _ = torn.start(borders[len(borders) // 3])
    first, peer, third = mesh.regions
    for words in MEANWHILE[name]:
        third.client.execute_command(*words)
    mesh.deliver(third, peer)
    mesh.deliver(first, third)
    for words in MEANWHILE[name]:
        first.client.execute_command(*words)
    torn.bring_the_batches(mesh)
    mesh.exchange()
    mesh.check_equal()
    mesh.settle()


# By name: what stands before and a turn, of which single commands cannot tell.
MIXED = {
    'transaction': ([['SET', 'n', 5]], [['MULTI'], ['INCR', 'n'], ['RPUSH', 'l', 'a', 'b'], ['EXEC'], ['INCR', 'n'], ['MULTI'], ['INCR', 'n'], ['EVAL', "return redis.call('incrbyfloat','f','1.5')", 0],
                                       ['INCR', 'n'], ['EXEC'], ['LPOP', 'l']]),
    'script': ([['SET', 'n', 5]], [['EVAL', "redis.call('incr','n') redis.call('rpush','l','a') return redis.call('incr','n')", 0], ['INCR', 'n']]),
    'databases': ([['SET', 'n', 5], ['SELECT', 3], ['RPUSH', 'l', 'a'], ['SELECT', 0]],
                  [['INCR', 'n'], ['MOVE', 'n', 2], ['SELECT', 2], ['INCR', 'n'], ['COPY', 'n', 'm', 'DB', 3], ['SELECT', 3], ['INCR', 'm'], ['LPOP', 'l'],
                   ['RPUSH', 'l', 'b', 'c'], ['SELECT', 0]]),
    'deadlines': ([['SET', 'n', 5, 'PX', 1500], ['SET', 'm', 5, 'PX', 1500], ['HSET', 'h', 'f', 1], ['PEXPIRE', 'h', 1500]],
                  [['INCR', 'n'], ['HINCRBY', 'h', 'f', 1], ['PERSIST', 'm'], ['INCR', 'm']]),
    'groups': ([['XADD', 'x', '1-1', 'f', 'v'], ['XGROUP', 'CREATE', 'x', 'g', '$']],
               [['XADD', 'x', '2-1', 'f', 'v'], ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x', '>'], ['XADD', 'x', '3-1', 'f', 'v'], ['XACK', 'x', 'g', '2-1'],
                ['PUBLISH', 'channel', 'message'], ['XGROUP', 'CREATE', 'new', 'g', '$', 'MKSTREAM'], ['INCR', 'n']]),
}


def of_all_dbs(server):
    contents = []
    for db in range(4):
        client = server.connect()
        client.execute_command('SELECT', db)
        contents.append(geo.content(client))
    return contents


@pytest.mark.parametrize('has_peer_the_batch', [True, False], ids=['told', 'untold'])
@pytest.mark.parametrize('name', MIXED)
def test_turns_of_more_than_single_commands_count_once(torn, name, has_peer_the_batch):
    given, turn = MIXED[name]
    client = torn.server.connect()
    pipeline = client.pipeline(transaction=False)
    for words in given:
        pipeline.execute_command(*words)
    pipeline.execute()
    torn.write([], turn, (), has_peer_the_batch)
    mesh, _ = torn.start(torn.borders()[-1])
    if name == 'deadlines':
        eventually(lambda: not mesh.regions[0].client.exists('n', 'h'), 'they have passed')
    mesh.exchange()
    torn.bring_the_batches(mesh)
    mesh.check_equal()
    contents = [of_all_dbs(region.server) for region in mesh.regions]
    assert contents[1:] == contents[:1] * 2
    if name != 'deadlines':
        assert contents[0][0] == torn.whole
    mesh.settle()


def test_the_first_turn_of_a_file_counts_once(torn):
    """What a rewrite has left of the AOF is an RDB, behind which it goes on at once."""
    torn.a.client.set('n', 5)
    torn.before.exchange()
    torn.before.settle()
    torn.server.client.bgrewriteaof()
    eventually(lambda: torn.server.info('persistence')['aof_rewrite_in_progress'] == 0 and
               torn.server.info('persistence')['aof_rewrite_scheduled'] == 0, 'the AOF is rewritten')
    torn.write([], [['INCR', 'n'], ['RPUSH', 'l', 'a']])
    assert torn.aof.index(b'INCR') < torn.aof.index(BATCH)
    mesh, _ = torn.start(torn.aof.index(LAST_WRITE) + len(LAST_WRITE))
    mesh.exchange()
    mesh.check_equal()
    assert geo.content(mesh.regions[0].client) == torn.whole


@pytest.mark.parametrize('has_peer_the_batch', [True, False], ids=['told', 'untold'])
@pytest.mark.parametrize('is_whole', [True, False], ids=['rewritten', 'being rewritten'])
def test_a_turn_in_which_the_aof_is_rewritten_counts_once(torn, is_whole, has_peer_the_batch):
    """The RDB is cut in the middle of it. While that is being written the rest of the turn is in a third file."""
    torn.a.client.set('n', 5)
    torn.before.exchange()
    if not is_whole:
        torn.server.client.config_set('rdb-key-save-delay', 1_000_000)
    write_in_one_turn(torn.server, [['INCR', 'n'], ['RPUSH', 'l', 'a'], ['BGREWRITEAOF'], ['INCR', 'n'], ['RPUSH', 'l', 'b', 'c']])
    if is_whole:
        eventually(lambda: geo.has_its_aof(torn.server), 'the AOF is rewritten')
    if has_peer_the_batch:
        torn.before.deliver(torn.a, torn.b)
        assert torn.b.client.get('end') == b'1'
    torn.a.read_stream()
    torn.whole = geo.content(torn.a.client)
    torn.server.kill()
    torn.aof = geo.aof_of(torn.server).read_bytes()
    assert torn.aof.index(b'RPUSH') < torn.aof.index(BATCH)
    mesh, _ = torn.start(torn.aof.index(LAST_WRITE) + len(LAST_WRITE))
    mesh.exchange()
    torn.bring_the_batches(mesh)
    mesh.check_equal()
    assert geo.content(mesh.regions[0].client) == torn.whole
    mesh.settle()


@pytest.mark.parametrize('batches', [0, 1, 2])
def test_a_turn_of_several_batches_counts_once_wherever_it_is_torn(torn, batches):
    script = "for at = 1, 12000 do redis.call('incr', 'k' .. at) redis.call('rpush', 'l', at) end"
    torn.write([], [['INCR', 'n'], ['EVAL', script, 0], ['INCR', 'n']])
    at = torn.aof.index(LAST_WRITE) + len(LAST_WRITE)
    for _ in range(batches):
        at = torn.aof.index(BATCH, at + 1)
    assert BATCH in torn.aof[at + 1:]
    mesh, _ = torn.start(at)
    mesh.exchange()
    torn.bring_the_batches(mesh)
    mesh.check_equal()
    assert geo.content(mesh.regions[0].client) == torn.whole


def test_a_turn_that_is_too_long_is_told_by_its_keys(torn, redis_server):
    torn.write([], [['EVAL', "for at = 1, 3 do redis.call('set','big',string.rep(at,25*1024*1024)) end return redis.call('set','k','v')", 0]], has_peer_the_batch=False)
    geo.aof_of(torn.server).write_bytes(torn.aof[:torn.aof.index(BATCH, torn.aof.index(LAST_WRITE))])
    torn.server.start(within=30)
    again = torn.region(torn.server)
    assert (again.info()['torn_writes'], again.info()['retold_keys']) == ('0', '3')
    assert 'are too many to be told one by one' in torn.server.log_text()
    mesh = geo.Mesh([again, torn.b, torn.c])
    mesh.exchange()
    mesh.check_equal()
    assert torn.b.client.strlen('big') == 25 * 1024 * 1024 and torn.c.client.get('k') == b'v'


def test_two_power_cuts_in_a_row(torn):
    torn.write([['SET', 'n', 5]], [['INCR', 'n'], ['RPUSH', 'l', 'a', 'b'], ['SADD', 's', 'm']])
    torn.start(torn.borders()[1])
    torn.server.kill()
    aof = geo.aof_of(torn.server).read_bytes()
    torn.server.client.connection_pool.disconnect()
    mesh, _ = torn.start(torn.borders()[1])
    assert len(aof) > torn.borders()[1]
    write_in_one_turn(torn.server, [['INCR', 'n'], ['RPUSH', 'l', 'c']])
    mesh.deliver(mesh.regions[0], torn.c)
    torn.server.kill()
    again = geo.aof_of(torn.server).read_bytes()
    at = again.rindex(LAST_WRITE) + len(LAST_WRITE)
    geo.aof_of(torn.server).write_bytes(again[:at])
    torn.server.start()
    mesh = geo.Mesh([torn.region(torn.server), torn.b, torn.c])
    torn.bring_the_batches(mesh)
    mesh.exchange()
    mesh.check_equal()
    first = mesh.regions[0].client
    assert (first.get('n'), first.lrange('l', 0, -1), first.smembers('s')) == (b'7', [b'a', b'b', b'c'], {b'm'})
    mesh.settle()
