"""Masters with sluice-geo.so converge: every type, every pair of concurrent commands, both orders of delivery.

The test is the link. SLUICE_GEO_STEPS makes the random run longer, SLUICE_SEED repeats one.
"""

import itertools
import os
import random

import pytest

from harness import geo
from harness.raw import Raw
from harness.waiting import eventually

STEPS = int(os.environ.get('SLUICE_GEO_STEPS', 400))
SEED = int(os.environ.get('SLUICE_SEED', random.randrange(1 << 32)))


@pytest.fixture
def mesh(redis_server, recorder):
    def start(count=2, **server):
        regions = []
        for number in range(1, count + 1):
            options = {**geo.options(number, allow_flush='yes'), **server.get('options', {})}
            master = redis_server(f'region{number}', options=options)
            regions.append(geo.Region(master, recorder(master)))
        for one, other in itertools.permutations(range(1, count + 1), 2):
            regions[one - 1].client.execute_command('GEO.JOIN', other)
        return geo.Mesh(regions)

    return start


# What both regions see first, then what each may do meanwhile. K is the key, another one in every case.
TYPES = {
    'string': ([['SET', 'K', '10']],
               ['SET K a', 'APPEND K b', 'INCR K', 'INCRBYFLOAT K 0.5', 'DEL K', 'SETRANGE K 1 xyz', 'EXPIRE K 1000', 'GETSET K 7',
                'SET K 5 EX 900', 'GETDEL K', 'SETBIT K 3 1', 'HSET K f v', 'RENAME K K.other', 'PERSIST K', 'LPUSH K x']),
    'counter': ([['INCRBY', 'K', '10']],
                ['INCR K', 'DECRBY K 3', 'SET K 100', 'DEL K', 'INCRBYFLOAT K 1.5', 'EXPIRE K 1000']),
    'hash': ([['HSET', 'K', 'a', '1', 'b', '2']],
             ['HSET K a x', 'HSET K c new', 'HDEL K a', 'HDEL K a b', 'HINCRBY K a 5', 'HINCRBYFLOAT K b 0.5', 'HSETNX K d 1', 'DEL K',
              'SET K string', 'RENAME K K.other', 'EXPIRE K 1000']),
    'set': ([['SADD', 'K', 'a', 'b']],
            ['SADD K c', 'SADD K a z', 'SREM K a', 'SREM K a b', 'SPOP K', 'SMOVE K K.other b', 'DEL K', 'SUNIONSTORE K K K.none',
             'SET K string', 'RENAME K K.other']),
    'zset': ([['ZADD', 'K', '1', 'a', '2', 'b']],
             ['ZADD K 5 a', 'ZADD K 3 c', 'ZINCRBY K 2 a', 'ZREM K a', 'ZPOPMIN K', 'ZPOPMAX K 2', 'ZREMRANGEBYSCORE K 0 1', 'ZADD K GT 4 a',
              'ZRANGESTORE K K 0 0', 'DEL K', 'ZMPOP 1 K MIN', 'BZPOPMIN K 0']),
    'list': ([['RPUSH', 'K', 'a', 'b', 'c', 'b']],
             ['LPUSH K x y', 'RPUSH K z', 'LPOP K', 'RPOP K 2', 'LINSERT K BEFORE b i', 'LSET K 1 s', 'LREM K 1 b', 'LTRIM K 1 2', 'LMOVE K K LEFT RIGHT',
              'RPOPLPUSH K K.other', 'LMPOP 1 K LEFT COUNT 3', 'DEL K', 'RENAME K K.other', 'SORT K ALPHA STORE K', 'SET K string']),
    'stream': ([['XADD', 'K', '1-1', 'f', 'v'], ['XADD', 'K', '2-1', 'f', 'v']],
               ['XADD K * f v', 'XADD K MAXLEN 1 * f w', 'XDEL K 1-1', 'XTRIM K MAXLEN 1', 'DEL K', 'RENAME K K.other', 'XADD K MINID 2 * f x']),
    'hyperloglog': ([['PFADD', 'K', 'a', 'b']], ['PFADD K c d', 'PFADD K e', 'PFMERGE K K', 'DEL K', 'SET K string', 'EXPIRE K 1000']),
}


def run(region, command, key):
    words = [word.replace('K', key) if word[0] == 'K' else word for word in command.split()]
    words[0] = command.split()[0]
    try:
        return region.client.execute_command(*words)
    except geo.redis.ResponseError:
        return None  # of another type by now: a part of the game


@pytest.mark.parametrize('kind', TYPES)
def test_every_pair_of_concurrent_commands_converges_in_both_orders(mesh, kind):
    world = mesh(3)
    one, other, third = world.regions
    before, concurrent = TYPES[kind]
    pairs = list(itertools.product(concurrent, repeat=2))
    for n, _ in enumerate(pairs):
        for words in before:
            one.client.execute_command(*[word.replace('K', f'k{n}') for word in words])
    world.exchange()
    for n, (mine, theirs) in enumerate(pairs):
        run(one, mine, f'k{n}')
        run(other, theirs, f'k{n}')
    # The third sees them in the other order than the first.
    world.deliver(other, third)
    world.deliver(one, third)
    world.exchange()
    try:
        world.check_equal()
    except AssertionError as error:
        raise AssertionError('\n'.join(f'{line}   {blame(line, pairs)}' for line in str(error).splitlines())) from None
    world.settle()
    world.check_equal()


def blame(line, pairs):
    digits = ''.join(itertools.takewhile(str.isdigit, line.partition('k')[2]))
    return pairs[int(digits)] if digits else ''


def random_command(rng):
    key = lambda kind: f'{kind}{rng.randrange(4)}'  # noqa: E731
    member = lambda: f'm{rng.randrange(5)}'  # noqa: E731
    return rng.choice([
        lambda: ['SET', key('s'), rng.randrange(100)], lambda: ['INCRBY', key('c'), rng.randrange(1, 9)],
        lambda: ['DEL', key(rng.choice('schtz'))], lambda: ['HSET', key('h'), member(), rng.randrange(100)],
        lambda: ['HINCRBY', key('h'), f'n{rng.randrange(3)}', 1], lambda: ['HDEL', key('h'), member()],
        lambda: ['SADD', key('t'), member(), member()], lambda: ['SREM', key('t'), member()], lambda: ['SPOP', key('t')],
        lambda: ['ZADD', key('z'), rng.randrange(100), member()], lambda: ['ZINCRBY', key('z'), 2, member()],
        lambda: ['ZREM', key('z'), member()], lambda: ['ZPOPMIN', key('z')],
        lambda: ['EXPIRE', key(rng.choice('schtz')), rng.randrange(500, 1000)], lambda: ['PERSIST', key(rng.choice('schtz'))],
        lambda: ['RENAME', key('t'), key('t')], lambda: ['SUNIONSTORE', key('t'), key('t'), key('t')],
        lambda: ['EVAL', "redis.call('SADD', KEYS[1], ARGV[1]); return redis.call('INCR', KEYS[2])", 2, key('t'), key('c'), member()],
    ])()


@pytest.mark.parametrize('count', [2, 3])
def test_random_writes_with_cuts_converge_and_leave_no_metadata(mesh, count):
    world = mesh(count)
    rng = random.Random(SEED)
    print(f'SLUICE_SEED={SEED}')
    cut = set()
    for _ in range(STEPS):
        region = rng.choice(world.regions)
        try:
            if rng.random() < 0.2:
                with region.client.pipeline(transaction=True) as transaction:
                    for _ in range(3):
                        transaction.execute_command(*random_command(rng))
                    transaction.execute(raise_on_error=False)
            else:
                region.client.execute_command(*random_command(rng))
        except geo.redis.ResponseError:
            pass
        if rng.random() < 0.05:
            cut = set(rng.sample(range(count), rng.randrange(count)))
        source, target = rng.sample(range(count), 2)
        if source not in cut and target not in cut and rng.random() < 0.5:
            world.deliver(world.regions[source], world.regions[target], most=rng.choice([1, 3, None]))
    world.exchange()
    world.check_equal()
    world.settle()
    world.check_equal()


def test_increments_of_all_regions_count_once(mesh):
    world = mesh(3)
    for number, region in enumerate(world.regions):
        for n in range(50):
            region.client.incrby('c', number + 1)
            region.client.hincrby('h', 'f', 1)
        region.client.sadd('s', f'of{number}')
    world.exchange()
    for region in world.regions:
        assert region.client.get('c') == b'300'
        assert region.client.hget('h', 'f') == b'150'
        assert region.client.smembers('s') == {b'of0', b'of1', b'of2'}


def test_a_queued_command_is_known_at_exec_whatever_others_do_meanwhile(mesh):
    world = mesh(2)
    one, other = world.regions
    slow = Raw(one.server.port)
    slow('MULTI')
    slow('SADD', 's', 'queued')
    slow('SET', 'k', 'queued value')
    for n in range(200):
        one.client.sadd('s', f'm{n}')
        one.client.sadd('s', f'm{n}')
    slow('EXEC')
    world.exchange()
    world.check_equal()
    assert other.client.sismember('s', 'queued')
    eventually(lambda: one.info()['held_commands'] == '0', 'nothing is held once no MULTI is open')


def test_a_removal_by_lex_is_told_even_where_scores_differ(mesh):
    world = mesh(2)
    one, other = world.regions
    one.client.zadd('z', {'zzz': 0, **{f'a{n}': 1 for n in range(300)}, 'b1': 2, 'b2': 3})
    assert one.client.zrangebylex('z', '[b1', '[b2') == []
    assert one.client.zremrangebylex('z', '[b1', '[b2') == 2
    world.exchange()
    world.check_equal()


def test_streams_without_entries_are_keys_everywhere(mesh):
    world = mesh(2)
    one, other = world.regions
    one.client.execute_command('XGROUP', 'CREATE', 'made', 'g', '$', 'MKSTREAM')
    for key in ('emptied', 'renamed', 'copied'):
        one.client.execute_command('XDEL', key, one.client.execute_command('XADD', key, '*', 'f', 'v'))
    one.client.rename('renamed', 'new name')
    one.client.copy('copied', 'copy')
    world.exchange()
    world.check_equal()
    for key in ('made', 'emptied', 'new name', 'copied', 'copy'):
        assert other.client.type(key) == b'stream' and other.client.xlen(key) == 0, key


def test_waiting_for_several_keys_is_served_by_the_one_that_is_written(mesh):
    world = mesh(2)
    one, other = world.regions
    waiting = Raw(one.server.port), Raw(one.server.port)
    waiting[0].send('BZPOPMIN', 'a', 'b', 0)
    waiting[1].send('BZMPOP', 0, 2, 'a', 'c', 'MAX', 'COUNT', 5)
    eventually(lambda: one.client.info('clients')['blocked_clients'] == 2, 'both wait')
    one.client.set('a', 'no sorted set')
    one.client.zadd('b', {'x': 1, 'y': 2})
    one.client.zadd('c', {'x': 1, 'y': 2})
    assert waiting[0].read()[1][:2] == [(b'$', b'b'), (b'$', b'x')]
    assert waiting[1].read()[1][0] == (b'$', b'c')
    world.exchange()
    world.check_equal()
    assert other.client.zrange('b', 0, -1) == [b'y'] and not other.client.exists('c')


def test_blocked_clients_are_served_and_what_they_took_is_gone_everywhere(mesh):
    world = mesh(2)
    one, other = world.regions
    waiting = Raw(one.server.port), Raw(one.server.port)
    waiting[0].send('BZPOPMIN', 'z', 0)
    waiting[1].send('BZMPOP', 0, 1, 'z2', 'MIN', 'COUNT', 2)
    eventually(lambda: one.client.info('clients')['blocked_clients'] == 2, 'both wait')
    one.client.zadd('z', {'a': 1, 'b': 2})
    one.client.zadd('z2', {'a': 1, 'b': 2, 'c': 3})
    pair = lambda member, score: (b'*', [(b'$', member), (b'$', score)])  # noqa: E731
    assert waiting[0].read() == (b'*', [(b'$', b'z'), (b'$', b'a'), (b'$', b'1')])
    assert waiting[1].read() == (b'*', [(b'$', b'z2'), (b'*', [pair(b'a', b'1'), pair(b'b', b'2')])])
    world.exchange()
    world.check_equal()
    assert other.client.zrange('z', 0, -1) == [b'b'] and other.client.zrange('z2', 0, -1) == [b'c']
