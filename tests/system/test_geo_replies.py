"""Redis answers with sluice-geo.so as without it: every write command, bare, in MULTI and in a script."""

import shlex

import pytest

from harness import geo
from harness.raw import Error, Raw

# One scenario a paragraph; each begins with an empty database. Errors are part of it.
SCENARIOS = {
    'strings': """
        SET a 1 | SET a 2 NX | SET a 3 XX | SET b x GET | SET a 4 GET | SET a 5 EX 100 | TTL a | SET a 6 KEEPTTL | TTL a
        SET a x EX 0 | SET a x PXAT 99999999999999 | SET a | SET a b c | SETNX a 1 | SETNX n 1 | SETEX e 10 v | PSETEX e 10000 v
        SETEX e -1 v | GETSET a z | GETSET new z | GETDEL a | GETDEL a | GETEX n EX 50 | TTL n | GETEX n PERSIST | TTL n | GETEX n
        APPEND n xyz | APPEND fresh 12 | OBJECT ENCODING fresh | SETRANGE n 5 abc | SETRANGE empty 0 '' | SETBIT bits 7 1
        SETBIT bits 7 0 | BITFIELD bits SET u8 0 255 INCRBY u8 8 10 | BITFIELD bits OVERFLOW FAIL SET u8 80 300 GET u8 0
        STRLEN bits | BITFIELD quiet OVERFLOW FAIL INCRBY u1 0 5 | EXISTS quiet | BITFIELD bits OVERFLOW FAIL SET u8 | BITFIELD bits OVERFLOW FAIL | BITOP NOT inv bits | BITOP AND none1 none2 none3
        MSET m1 1 m2 2 m1 3 | MGET m1 m2 | MSETNX m2 x m3 y | MSETNX m4 x m5 y | MSET odd | STRLEN n | GETRANGE n 0 -1
        SET num 10 | OBJECT ENCODING num | INCR num | OBJECT ENCODING num | SET emb short | OBJECT ENCODING emb""",
    'counters': """
        INCR c | INCRBY c 5 | DECR c | DECRBY c 10 | INCRBY c x | SET t text | INCR t | INCRBYFLOAT c 1.5 | INCRBYFLOAT f 0.1
        INCRBYFLOAT f -0.3 | INCRBYFLOAT t 1 | GET f | SET max 9223372036854775807 | INCR max | DECRBY c -9223372036854775808
        LPUSH l 1 | INCR l | INCR""",
    'hashes': """
        HSET h a 1 b 2 | HSET h a 3 c 4 a 5 | HSET h odd | HMSET h d 6 e 7 | HSETNX h a 1 | HSETNX h z 1 | HINCRBY h a 5
        HINCRBY h n 1 | HINCRBY h z x | HINCRBYFLOAT h a 1.25 | HINCRBYFLOAT h fl 0.5 | HDEL h b c none | HGETALL h
        HSET h t text | HINCRBY h t 1 | HDEL h a d e z n fl t | EXISTS h | HDEL h a | SET s 1 | HSET s a 1 | OBJECT ENCODING h""",
    'sets': """
        SADD s a b c | SADD s a d | SADD s a | SREM s a nope | SREM s a | SMOVE s t b | SMOVE s t none | SMOVE s none c
        SMOVE s s c | SADD one x | SPOP one | SPOP one | SPOP none | SADD two x | SPOP two 5 | SPOP two 5 | SPOP s 0 | SPOP s -1
        SADD u 1 2 3 | SADD v 2 3 4 | SINTERSTORE d u v | SMEMBERS d | SUNIONSTORE d u v | SDIFFSTORE d u v | SINTERSTORE d u none
        EXISTS d | SET str 1 | SPOP str | SADD str a | SUNIONSTORE str u | TYPE str | SREM u 1 2 3 | EXISTS u | OBJECT ENCODING v""",
    'sorted sets': """
        ZADD z 1 a 2 b 3 c | ZADD z NX 5 a 5 d | ZADD z XX 6 a 6 e | ZADD z GT 1 a 9 b | ZADD z LT CH 1 a 99 b | ZADD z INCR 2 a
        ZADD z NX INCR 2 a | ZADD z x a | ZADD z NX XX 1 a | ZINCRBY z 1.5 b | ZINCRBY z x b | ZADD z inf big -inf small | ZADD z CH 1 a
        ZREM z big none | ZRANGE z 0 -1 WITHSCORES | ZPOPMIN z | ZPOPMAX z 2 | ZPOPMIN none | ZPOPMIN z 0 | ZPOPMIN z -1 | ZPOPMIN z x
        ZADD q 1 a 2 b 3 c 4 d 5 e 6 f | ZREMRANGEBYSCORE q 1 (2 | ZREMRANGEBYSCORE q x 2 | ZREMRANGEBYRANK q 0 0 | ZREMRANGEBYRANK q a b
        ZREMRANGEBYRANK q -1 -1 | ZMPOP 2 none q MIN | ZMPOP 1 q MAX COUNT 5 | ZMPOP 1 q MIN | ZMPOP 0 q MIN | ZMPOP 1 q UP | EXISTS q
        ZADD l 0 a 0 b 0 c | ZREMRANGEBYLEX l [a (c | ZREMRANGEBYLEX l a c | ZREMRANGEBYSCORE none 0 1 | ZADD w 1 x 2 y | ZADD v 5 x
        ZUNIONSTORE d 2 w v WEIGHTS 2 3 | ZINTERSTORE d 2 w v | ZDIFFSTORE d 2 w v | ZRANGE d 0 -1 WITHSCORES | ZRANGESTORE d w 0 0
        ZRANGESTORE d w 5 9 | EXISTS d | BZPOPMIN w 0.01 | BZPOPMAX none w 0.01 | ZADD w 1 x | BZMPOP 0.01 2 none w MIN COUNT 2 | BZPOPMIN w -1
        BZPOPMIN w x | SET str 1 | ZPOPMIN str | BZPOPMIN str 0.01 | ZREMRANGEBYRANK str 0 1 | ZMPOP 1 str MIN | ZPOPMIN""",
    'geo': """
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania | GEOADD g NX CH 13 38 Palermo | GEOADD g XX 13 38 Palermo
        GEOADD g 200 100 bad | GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km ASC | GEORADIUS g 15 37 200 km STORE e
        GEORADIUSBYMEMBER g Palermo 1 m STORE e | ZRANGE d 0 -1 WITHSCORES | GEOPOS g Palermo | GEOSEARCHSTORE d g FROMLONLAT 0 0 BYRADIUS 1 km ASC""",
    'lists': """
        RPUSH l 1 2 3 | LPUSH l 0 -1 | LPUSHX none x | RPUSHX l 4 | LRANGE l 0 -1 | LPOP l | RPOP l | LPOP l 2 | RPOP l 9 | LPOP l | LPOP l 1
        LPOP l x | LPOP l -1 | RPUSH l a b a c a d | LREM l 2 a | LREM l -1 a | LREM l 0 none | LREM l x a | LINSERT l BEFORE c X | LINSERT l AFTER c Y
        LINSERT l BEFORE none Z | LINSERT l AROUND c Z | LSET l 0 first | LSET l -1 last | LSET l 99 x | LSET none 0 x | LRANGE l 0 -1
        LTRIM l 1 -2 | LRANGE l 0 -1 | LTRIM l x 1 | LTRIM none 0 1 | LTRIM l 5 1 | EXISTS l | RPUSH s 1 2 3 | LMOVE s d LEFT RIGHT
        LMOVE s s LEFT RIGHT | RPOPLPUSH s s | RPOPLPUSH s d | LMOVE none d LEFT LEFT | LMOVE s d UP LEFT | LRANGE s 0 -1 | LRANGE d 0 -1
        LMPOP 2 none d LEFT | LMPOP 1 d RIGHT COUNT 9 | LMPOP 1 d LEFT | BLPOP s 0.01 | BRPOP none s 0.01 | RPUSH s 1 2 | BLMOVE s t RIGHT LEFT 0.01
        BRPOPLPUSH s t 0.01 | BLMPOP 0.01 1 t LEFT COUNT 9 | SET str 1 | LPUSH str x | LTRIM str 0 1 | LREM str 0 x | RPOPLPUSH t str
        RPUSH so 3 1 2 | SORT so STORE sorted | SORT none STORE sorted | LRANGE sorted 0 -1 | LREM so 1 3 | LREM so 1 1 | LREM so 1 2 | EXISTS so""",
    'streams': """
        XADD x 1-1 a 1 | XADD x 1-1 a 1 | XADD x 2-3 a 2 b 3 | XADD x 0-0 a 1 | XADD x 3-1 odd | XADD none NOMKSTREAM * a 1 | XADD x MAXLEN 2 5-1 c 4
        XLEN x | XADD x MINID = 5 6-1 d 5 | XRANGE x - + | XDEL x 5-1 9-9 | XDEL x bad | XTRIM x MAXLEN 0 | XTRIM x MAXLEN x | XTRIM none MAXLEN 1
        XADD x MAXLEN ~ 10 7-1 e 6 | XSETID x 9-1 | XGROUP CREATE x g 0 | XREADGROUP GROUP g c COUNT 1 STREAMS x > | XACK x g 7-1
        XGROUP CREATECONSUMER x g c2 | XGROUP DESTROY x g | XGROUP CREATE y g $ MKSTREAM | EXISTS y | XADD str | SET str 1 | XADD str * a 1 | XADD str 1-1 a 1
        XADD x 1-5 a 1 | XTRIM x MINID 8 | XLEN x | XADD x MAXLEN 0 20-1 gone 1 | XLEN x""",
    'hyperloglogs': """
        PFADD p a b c | PFADD p a | PFADD p | PFADD q | PFCOUNT p | PFADD q x y | PFMERGE r p q | PFCOUNT r | SET s 1 | PFADD s a | PFMERGE s p""",
    'keys': """
        SET a 1 | RENAME a b | RENAME none b | SET c 2 EX 100 | RENAMENX b c | RENAMENX b d | COPY c e | COPY c e | COPY c e REPLACE | TTL e
        COPY c x DB 99 | MOVE c 1 | MOVE c 1 | MOVE none 1 | DEL d none | UNLINK e | SET k 1 | EXPIRE k 100 | EXPIRE k 200 NX | EXPIRE k 50 LT | PEXPIRE k 5000
        EXPIREAT k 99999999999 | PERSIST k | PERSIST k | EXPIRE k -1 | EXISTS k | EXPIRE none 1 | EXPIRE k x | HSET h a 1 | RENAME h h2 | RPUSH l 1 2
        COPY l l2 | SADD s 1 2 | RENAME s s2 | ZADD z 1 a | RENAME z l2 | TYPE l2 | TOUCH l2 | SET wr 1 | RENAME wr wr | DEL | RENAME a | OBJECT ENCODING z""",
}


def commands(scenario):
    return [shlex.split(one) for line in scenario.strip().splitlines() for one in line.split('|')]


@pytest.fixture(scope='module')
def servers(request):
    """Not of `bench`: all scenarios use the same two."""
    import shutil
    import tempfile
    from pathlib import Path
    from harness.redis_server import Redis
    folder = Path(tempfile.mkdtemp(prefix='sluice-test-'))
    plain = Redis('plain', folder / 'plain')
    with_module = Redis('module', folder / 'module', geo.options(1))
    plain.start_anywhere()
    with_module.start_anywhere()
    yield plain, with_module
    for server in (plain, with_module):
        server.kill()
    shutil.rmtree(folder, ignore_errors=True)


def roughly(client):
    """What it holds, with deadlines in whole minutes: the two were not asked in the same millisecond."""
    return {key: (kind, value, deadline // 60_000) for key, (kind, value, deadline) in geo.content(client).items()}


def run_bare(call, words):
    return call(*words)


def run_in_multi(call, words):
    queued = [call('MULTI'), call(*words)]
    return [*queued, call('EXEC')]


def run_in_script(call, words):
    return call('EVAL', 'return redis.pcall(unpack(ARGV))', 0, *words)


@pytest.mark.parametrize('protocol', [2, 3])
@pytest.mark.parametrize('run', [run_bare, run_in_multi, run_in_script])
@pytest.mark.parametrize('scenario', SCENARIOS)
def test_replies_and_data_are_those_of_a_plain_redis(servers, scenario, run, protocol):
    calls = []
    for server in servers:
        server.client.config_set('geo.allow-flush', 'yes') if server is servers[1] else None
        server.client.flushall()
        calls.append(Raw(server.port, protocol))
    plain, with_module = calls
    for words in commands(SCENARIOS[scenario]):
        expected, got = run(plain, words), run(with_module, words)
        assert got == expected, f'{words}: {got} instead of {expected}'
        assert with_module('TYPE', words[1] if len(words) > 1 else '') == plain('TYPE', words[1] if len(words) > 1 else '')
    for call in calls:
        call.close()
    assert roughly(servers[0].client) == roughly(servers[1].client)


def test_ids_that_the_server_chooses_are_unique_to_the_region(servers):
    call = Raw(servers[1].port)
    call('DEL', 'x')
    ids = [call('XADD', 'x', '*', 'f', n)[1] for n in range(100)]
    assert sorted(ids, key=lambda i: tuple(map(int, i.split(b'-')))) == ids
    assert {int(one.split(b'-')[1]) % 16 for one in ids} == {1}


LAST = 2**64 - 1


def test_ids_that_are_used_up_are_refused_as_ever(servers):
    plain, module = (Raw(server.port) for server in servers)
    for words in (f'XADD ms 1-{LAST} f v', 'XADD ms 1-* f v', f'XADD all {LAST}-{LAST} f v', 'XADD all * f v', f'XADD all {LAST}-* f v', 'XADD all 5-* f v'):
        assert module(*words.split()) == plain(*words.split()), words
    module('XADD', 'few', f'99999999999999-{LAST - 1}', 'f', 'v')
    assert 'equal or smaller' in module('XADD', 'few', '99999999999999-*', 'f', 'v')  # the one that is left is another region's
    assert module('XADD', 'few', '*', 'f', 'v') == (b'$', b'100000000000000-1')


LIBRARY = '#!lua name=lib\nredis.register_function("f", function() return 1 end)'


def test_without_memory_the_same_commands_are_refused(servers):
    def scene(server):
        call = Raw(server.port)
        for words in (('CONFIG', 'SET', 'geo.allow-flush', 'yes'), ('FLUSHALL',), ('FUNCTION', 'LOAD', 'REPLACE', LIBRARY), ('SADD', 's', 'a'), ('ZADD', 'z', 1, 'a', 2, 'b'), ('RPUSH', 'l', 'a', 'b'), ('XADD', 'x', '1-1', 'f', 'v')):
            call(*words)
        payload = call('FUNCTION', 'DUMP')[1]
        call('CONFIG', 'SET', 'maxmemory', 1)
        try:
            asked = [('FUNCTION', 'DELETE', 'lib'), ('FUNCTION', 'LOAD', LIBRARY), ('FUNCTION', 'RESTORE', payload), ('FUNCTION', 'FLUSH'), ('FUNCTION', 'LIST')]
            asked += [tuple(words.split()) for words in ('SPOP s', 'ZPOPMIN z', 'BZPOPMAX z 0.01', 'LREM l 1 a', 'LTRIM l 5 6', 'XADD x * f v', 'XADD x 2-1 f v', 'XTRIM x MAXLEN 0',
                                                         'INCRBYFLOAT n 1', 'HINCRBYFLOAT h f 1', 'ZREMRANGEBYRANK z 0 -1', 'SET k v', 'DEL s', 'FLUSHALL')]
            return [(words, call(*words)) for words in asked]
        finally:
            call('CONFIG', 'SET', 'maxmemory', 0)

    plain, module = map(scene, servers)
    assert module == plain


@pytest.mark.parametrize('words', ['SWAPDB 0 1', 'MIGRATE 127.0.0.1 1 k 0 1000', 'PFDEBUG ENCODING k',
                                   'DEBUG POPULATE 10', 'CONFIG SET maxmemory-policy allkeys-lru'])
def test_what_regions_cannot_agree_on_is_refused_and_says_so(servers, words):
    answer = Raw(servers[1].port)(*words.split())
    assert isinstance(answer, Error) and 'sluice-geo' in answer


def test_flushing_is_refused_until_it_is_allowed(servers):
    call = Raw(servers[1].port)
    call('CONFIG', 'SET', 'geo.allow-flush', 'no')
    call('SET', 'k', 'v')
    assert 'geo.allow-flush' in call('FLUSHALL')
    assert call('EXISTS', 'k') == (b':', b'1')
    call('CONFIG', 'SET', 'geo.allow-flush', 'yes')
    assert call('FLUSHDB') == (b'+', b'OK')
