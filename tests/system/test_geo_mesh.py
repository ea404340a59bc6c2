"""Masters with sluice-geo.so converge: every type, every pair of concurrent commands, both orders of delivery.

The test is the link. SLUICE_GEO_STEPS makes the random run longer, SLUICE_SEED repeats one.
"""

import itertools
import os
import random
import re
import time

import pytest

from harness import geo
from harness.process import ROOT
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


# What both regions see first, then what each may do meanwhile. K is the key, another one in every case; K.other one of the same case.
ANY = ['DEL K', 'UNLINK K', 'EXPIRE K 1000', 'PEXPIRE K 900000', 'EXPIREAT K 9999999999', 'PEXPIREAT K 9999999999999', 'EXPIRE K -1', 'PERSIST K', 'RENAME K K.other',
       'RENAMENX K K.other', 'COPY K K.other', 'COPY K.none K REPLACE', 'MOVE K 1', 'RENAME K.same K', 'COPY K.same K REPLACE', 'RESTORE K', 'RESTORE-ASKING K', 'SET K string']
TYPES = {
    'string': ([['SET', 'K', '10'], ['SET', 'K.same', '7']],
               [*ANY, 'SETNX K a', 'SETEX K 900 a', 'PSETEX K 900000 a', 'GETSET K 7', 'MSET K 1 K.other 2', 'MSETNX K 1 K.other 2', 'GETDEL K', 'GETEX K EX 900', 'GETEX K PERSIST',
                'APPEND K b', 'SETRANGE K 1 xyz', 'SETBIT K 3 1', 'BITFIELD K SET u8 0 65', 'BITFIELD K INCRBY u8 0 1', 'BITOP NOT K K', 'BITOP OR K K K.same', 'SET K 5 KEEPTTL',
                'SET K 5 EX 900', 'SET K 5 XX GET', 'INCR K', 'DECR K', 'INCRBY K 5', 'DECRBY K 3', 'INCRBYFLOAT K 0.5', 'HSET K f v', 'LPUSH K x', 'SADD K m', 'PFADD K a']),
    'hash': ([['HSET', 'K', 'a', '1', 'b', '2'], ['HSET', 'K.same', 'a', '5', 'z', '6']],
             [*ANY, 'HSET K a x', 'HSET K c new', 'HMSET K a 7 b 8', 'HSETNX K d 1', 'HDEL K a', 'HDEL K a b', 'HINCRBY K a 5', 'HINCRBY K n 5', 'HINCRBYFLOAT K b 0.5', 'SADD K m', 'INCR K']),
    'set': ([['SADD', 'K', 'a', 'b'], ['SADD', 'K.same', 'a', 'z']],
            [*ANY, 'SADD K c', 'SADD K a z', 'SREM K a', 'SREM K a b', 'SPOP K', 'SPOP K 5', 'SMOVE K K.other b', 'SMOVE K.same K z', 'SUNIONSTORE K K K.same', 'SINTERSTORE K K K.same',
             'SDIFFSTORE K K K.same', 'SINTERSTORE K K K.none', 'HSET K f v']),
    'zset': ([['ZADD', 'K', '1', 'a', '2', 'b'], ['ZADD', 'K.same', '5', 'a', '6', 'z']],
             [*ANY, 'ZADD K 5 a', 'ZADD K 3 c', 'ZADD K GT 4 a', 'ZADD K INCR 4 a', 'ZINCRBY K 2 a', 'ZINCRBY K 2 n', 'ZREM K a', 'ZREM K a b', 'GEOADD K 13 38 a', 'ZPOPMIN K', 'ZPOPMAX K 2',
              'ZMPOP 1 K MIN', 'BZPOPMIN K 0', 'BZPOPMAX K 0', 'BZMPOP 0 1 K MAX COUNT 2', 'ZREMRANGEBYSCORE K 0 1', 'ZREMRANGEBYRANK K 0 0', 'ZREMRANGEBYLEX K - +', 'ZUNIONSTORE K 2 K K.same',
              'ZINTERSTORE K 2 K K.same', 'ZDIFFSTORE K 2 K K.same', 'ZRANGESTORE K K 0 0', 'GEORADIUS K 0 0 20000 km STORE K', 'GEORADIUSBYMEMBER K a 20000 km STORE K',
              'GEOSEARCHSTORE K K FROMLONLAT 0 0 BYRADIUS 20000 km', 'SADD K m']),
    'list': ([['RPUSH', 'K', 'a', 'b', 'c', 'b'], ['RPUSH', 'K.same', 'y', 'z']],
             [*ANY, 'LPUSH K x y', 'RPUSH K z', 'LPUSHX K p', 'RPUSHX K q', 'LPOP K', 'RPOP K 2', 'LMPOP 1 K LEFT COUNT 3', 'BLMPOP 0 1 K RIGHT', 'BLPOP K 0', 'BRPOP K 0', 'LMOVE K K LEFT RIGHT',
              'LMOVE K.same K RIGHT LEFT', 'RPOPLPUSH K K.other', 'RPOPLPUSH K K', 'BLMOVE K K.other LEFT LEFT 0', 'BRPOPLPUSH K K 0', 'LINSERT K BEFORE b i', 'LINSERT K AFTER b j', 'LSET K 1 s', 'LREM K 1 b',
              'LREM K 0 b', 'LTRIM K 1 2', 'LTRIM K 5 9', 'SORT K ALPHA STORE K', 'SADD K m']),
    'stream': ([['XADD', 'K', '1-1', 'f', 'v'], ['XADD', 'K', '2-1', 'f', 'v'], ['XADD', 'K.same', '3-1', 'f', 'v']],
               [*ANY, 'XADD K * f v', 'XADD K 7-7 f chosen', 'XADD K 7-7 g other', 'XADD K MAXLEN 1 * f w', 'XADD K MINID 2 * f x', 'XADD K NOMKSTREAM * f y', 'XDEL K 1-1', 'XDEL K 1-1 2-1',
                'XTRIM K MAXLEN 1', 'XTRIM K MINID 2', 'SADD K m']),
    'hyperloglog': ([['PFADD', 'K', 'a', 'b'], ['PFADD', 'K.same', 'c']],
                    [*ANY, 'PFADD K c d', 'PFADD K e', 'PFMERGE K K', 'PFMERGE K K.same', 'INCR K', 'APPEND K x', 'HSET K f v']),
    'nothing': ([], ['SET K 1', 'INCR K', 'APPEND K x', 'INCRBYFLOAT K 2.5', 'HSET K f v', 'HINCRBY K f 3', 'SADD K m', 'ZADD K 1 m', 'ZINCRBY K 2 m', 'RPUSH K e', 'LPUSH K d', 'XADD K * f v', 'PFADD K e',
                     'PFMERGE K K.none', 'XGROUP CREATE K g $ MKSTREAM', 'SETBIT K 3 1', 'GEOADD K 1 1 m', 'LINSERT K BEFORE a b', 'DEL K', 'EXPIRE K 1000', 'SET K 5 EX 900']),
}
# What is about no key, or shared in no way: test_geo_replies.py and the rounds have these.
NOT_ABOUT_A_KEY = {'flushdb', 'flushall', 'swapdb', 'migrate', 'pfdebug', 'function', 'debug', 'config', 'xsetid', 'xack', 'xclaim', 'xautoclaim', 'xreadgroup',
                   'hgetdel', 'hexpire', 'hexpireat', 'hpexpire', 'hpexpireat', 'hpersist', 'hsetex', 'hgetex', 'msetex', 'delifeq', 'cluster'}  # test_geo_newer.py


def test_the_matrix_has_every_command_of_the_table():
    source = (ROOT / 'src' / 'module' / 'command_table.cc').read_text()
    rows = {name for name in re.findall(r'^    \{"([^"]+)"', source, re.MULTILINE) if '|' not in name}
    tried = {command.split()[0].lower() for _, commands in TYPES.values() for command in commands}
    assert rows - tried - NOT_ABOUT_A_KEY == set()
    assert tried & NOT_ABOUT_A_KEY == set()


def with_key(words, key):
    return [key + word[1:] if word == 'K' or word.startswith('K.') else word for word in words]


def run(region, command, key):
    words = with_key(command.split(), key)
    client = region.client
    if words[0].startswith('RESTORE'):
        words = [words[0], key, 0, client.dump(key + '.same'), 'REPLACE'] if client.exists(key + '.same') else ['PING']
    call = region.server.raw = getattr(region.server, 'raw', None) or Raw(region.server.port)
    if words[0][:2] in ('BL', 'BR', 'BZ'):  # does not wait in a transaction
        call('MULTI'), call(*words), call('EXEC')
    else:
        call(*words)  # an error, where the key is of another type, is a part of the game


@pytest.mark.parametrize('kind', TYPES)
def test_every_pair_of_concurrent_commands_converges_in_both_orders(mesh, kind):
    world = mesh(3)
    one, other, third = world.regions
    before, concurrent = TYPES[kind]
    pairs = list(itertools.product(concurrent, repeat=2))
    with one.client.pipeline(transaction=False) as prepared:
        for n, _ in enumerate(pairs):
            for words in before:
                prepared.execute_command(*with_key(words, f'k{n}'))
        prepared.execute()
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


# The examples of docs/conflict-rules.md, as they stand there: what both have, what A and B do, what comes of it.
EXAMPLES = [
    ('A: DEL s; B: SADD s b => `{b}`', ['SADD s a'], ['DEL s'], ['SADD s b'], lambda c: c.smembers('s') == {b'b'}),
    ('A: SET k 1; B (later): SET k 2 => `2`', [], ['SET k 1'], ['SET k 2'], lambda c: c.get('k') == b'2'),
    ('A: SET k 10; B: INCR k => `11`', ['SET k 5'], ['SET k 10'], ['INCR k'], lambda c: c.get('k') == b'11'),
    ('A: INCR k; B: INCRBY k 3 => `9`', ['SET k 5'], ['INCR k'], ['INCRBY k 3'], lambda c: c.get('k') == b'9'),
    ('A: DEL k; B: INCR k => `1`', ['SET k 5'], ['DEL k'], ['INCR k'], lambda c: c.get('k') == b'1'),
    ('A: +0.1; B: +0.2 => `1.3`', ['SET k 1'], ['INCRBYFLOAT k 0.1'], ['INCRBYFLOAT k 0.2'], lambda c: c.get('k') == b'1.3'),
    ('A: HSET h f 1 x 1; B: HSET h f 2 y 2 => `x, y`', [], ['HSET h f 1 x 1'], ['HSET h f 2 y 2'],
     lambda c: c.hgetall('h') == {b'f': b'2', b'x': b'1', b'y': b'2'}),
    ('A: HDEL h f; B: HINCRBY h f 2 => `f=2`', ['HSET h f 5'], ['HDEL h f'], ['HINCRBY h f 2'], lambda c: c.hgetall('h') == {b'f': b'2'}),
    ('A: SREM s a; B: SADD s a => `{a}`', ['SADD s a'], ['SREM s a'], ['SREM s a', 'SADD s a'], lambda c: c.smembers('s') == {b'a'}),
    ('A: SUNIONSTORE d x; B: SADD d m => `x` and `m`', ['SADD x 1', 'SADD d old'], ['SUNIONSTORE d x'], ['SADD d m'], lambda c: c.smembers('d') == {b'1', b'm'}),
    ('A: ZADD z 1 m; B (later): ZADD z 2 m => `2`', [], ['ZADD z 1 m'], ['ZADD z 2 m'], lambda c: c.zscore('z', 'm') == 2),
    ('A: +1; B: +2 => `8`', ['ZADD z 5 m'], ['ZINCRBY z 1 m'], ['ZINCRBY z 2 m'], lambda c: c.zscore('z', 'm') == 8),
    ('A: ZREM z m; B: ZINCRBY z 2 m => `2`', ['ZADD z 5 m'], ['ZREM z m'], ['ZINCRBY z 2 m'], lambda c: c.zscore('z', 'm') == 2),
    ('A: RPUSH l a b; B: RPUSH l c => `[x c a b]` or `[x a b c]`', ['RPUSH l x'], ['RPUSH l a b'], ['RPUSH l c'],
     lambda c: c.lrange('l', 0, -1) in ([b'x', b'c', b'a', b'b'], [b'x', b'a', b'b', b'c'])),
    ('A: EXPIRE k 10; B: EXPIRE k 20 => 20 s', ['SET k v'], ['EXPIRE k 100'], ['EXPIRE k 200'], lambda c: c.ttl('k') > 150),
]


def test_the_examples_of_the_documented_rules_hold(mesh):
    rules = (ROOT / 'docs' / 'conflict-rules.md').read_text()
    world = mesh(2)
    one, other = world.regions
    for text, before, mine, theirs, holds in EXAMPLES:
        assert text in rules, text
        one.client.flushall()
        world.exchange()
        for region, commands in ((one, before), (None, []), (one, mine), (other, theirs)):
            if region is None:
                world.exchange()
            time.sleep(0.002)  # so that B is later by the clock
            for command in commands:
                region.client.execute_command(*command.split())
        world.exchange()
        world.check_equal()
        for region in world.regions:
            assert holds(region.client), (text, geo.content(region.client))


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


def test_who_waits_for_a_list_is_served_by_what_comes_in_any_way(mesh):
    world = mesh(2)
    one, other = world.regions
    ways = [lambda key: other.client.rpush(key, 'a', 'b', 'c', 'd'),  # comes in a batch
            lambda key: one.client.rpush(key, 'a', 'b', 'c', 'd'),
            lambda key: (one.client.rpush('x' + key, 'a', 'b', 'c', 'd'), one.client.rename('x' + key, key)),
            lambda key: one.client.pipeline().rpush(key, 'a', 'b', 'z', 'c', 'd').lrem(key, 1, 'z').execute(),
            lambda key: one.client.pipeline().rpush(key, 'a', 'b', 'd').linsert(key, 'BEFORE', 'd', 'c').execute()]
    waits = [('BLMPOP', 0, 1, 'K', 'LEFT', 'COUNT', 3), ('BLPOP', 'K', 0), ('BLMOVE', 'K', 'K', 'LEFT', 'RIGHT', 0), ('BLMOVE', 'K', 'K.to', 'RIGHT', 'LEFT', 0)]
    for n, (way, words) in enumerate(itertools.product(ways, waits)):
        waiting = Raw(one.server.port)
        waiting.send(*[with_key([word], f'k{n}')[0] if isinstance(word, str) else word for word in words])
        eventually(lambda: one.client.info('clients')['blocked_clients'] == 1, 'it waits')
        way(f'k{n}')
        world.exchange()
        waiting.read()
        waiting.close()
    world.exchange()
    # Metadata that differ from the data show when positions are asked for.
    for n in range(len(ways) * len(waits)):
        one.client.rpush(f'k{n}', 'mine')
        other.client.lpush(f'k{n}', 'theirs')
        one.client.lpop(f'k{n}')
    world.exchange()
    world.check_equal()
    world.settle()


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
