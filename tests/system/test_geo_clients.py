"""What clients see of a server with sluice-geo.so, beside one without: rights, events, invalidations, waiting, introspection."""

import random
import re
import time

import pytest

from harness import geo
from harness.raw import Error, Raw
from harness.waiting import eventually

OUR_NAMES = ('spop', 'zpopmin', 'zpopmax', 'zmpop', 'bzpopmin', 'bzpopmax', 'bzmpop', 'zremrangebyscore', 'zremrangebyrank', 'zremrangebylex',
             'ltrim', 'lrem', 'xadd', 'xtrim', 'flushall', 'flushdb', 'function', 'config', 'bitfield')


@pytest.fixture(autouse=True)
def empty(servers):
    for server in servers:
        assert server.alive, server.log_tail()
        server.client.flushall()
        server.client.execute_command('FUNCTION', 'FLUSH')
        server.client.config_set('notify-keyspace-events', '')
        server.client.execute_command('ACL', 'LOG', 'RESET')


def on_both(servers, scene, *arguments):
    """What `scene` returns with the one server and with the other."""
    return [scene(server, *arguments) for server in servers]


# --- rights ---------------------------------------------------------------------------------------------

# One call of each command that runs inside one of ours, on keys that exist.
CALLS = ['SPOP s 0', 'ZPOPMIN z', 'ZPOPMAX z', 'ZMPOP 1 z MIN', 'BZPOPMIN z 0.01', 'BZPOPMAX z 0.01', 'BZMPOP 0.01 1 z MIN', 'ZREMRANGEBYSCORE z 9 9',
         'ZREMRANGEBYRANK z 9 9', 'ZREMRANGEBYLEX z [x [y', 'LTRIM l 0 -1', 'LREM l 1 none', 'XADD x NOMKSTREAM * f v', 'XTRIM x MAXLEN 9', 'FLUSHALL', 'FLUSHDB',
         'FUNCTION FLUSH', 'FUNCTION DELETE none', 'CONFIG SET maxmemory-policy noeviction', 'SET k v', 'GET k', 'SADD s a', 'DEBUG SLEEP 0', 'BITFIELD k OVERFLOW FAIL SET u1 0 9']

OUR_RIGHTS = [f'+geo.{name}' for name in OUR_NAMES]
USERS = {
    'everything but some': ['+@all', '-spop', '-zpopmin', '-bzpopmax', '-ltrim', '-xadd', '-flushall', '-function|flush', '-config|set', '~*'],
    'nothing dangerous': ['+@all', '-@dangerous', '~*'],
    'no scripting': ['+@all', '-@scripting', '-@admin', '~*'],
    'no sorted sets': ['+@all', '-@sortedset', '-@set', '-@stream', '-@list', '~*'],
    'nothing that waits': ['+@all', '-@blocking', '-@fast', '~*'],
    'reading only': ['+@read', '~*'],
    'named commands': ['+spop', '+zpopmin', '+ltrim', '+xadd', *OUR_RIGHTS, '~*'],
    'sets by category': ['+@set', '+@sortedset', *OUR_RIGHTS, '~*'],
    'some keys': ['+@all', '~s', '~x'],
    'keys to read': ['+@all', '%R~*', '%W~t'],
    'by selector': ['+get', '~*', '(+spop +geo.spop ~s)', '(+zpopmin +geo.zpopmin ~other)'],
}


@pytest.mark.parametrize('form', ['bare', 'script', 'multi'])
@pytest.mark.parametrize('user', USERS)
def test_users_may_do_what_they_may_without_the_module(servers, user, form):
    def scene(server):
        for words in ('DEL s z l x', 'SADD s a b', 'ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h', 'RPUSH l a b', 'XADD x 1-1 f v'):
            server.client.execute_command(*words.split())
        rights = USERS[user]
        if server is servers[0]:
            rights = [re.sub(r' ?\+geo\.\w+', '', one) for one in rights if not one.startswith('+geo.')]
        extra = {'script': ['+eval'], 'multi': ['+multi', '+exec']}.get(form, [])
        server.client.execute_command('ACL', 'SETUSER', 'u', 'reset', 'on', 'nopass', *rights, *extra)
        call = Raw(server.port)
        assert call('AUTH', 'u', 'x') == (b'+', b'OK')
        answers = []
        for words in map(str.split, CALLS):
            if form == 'script':
                answers.append(call('EVAL', 'return redis.pcall(unpack(ARGV))', 0, *words))
            elif form == 'multi':
                answers.append([call('MULTI'), call(*words), call('EXEC')])
            else:
                answers.append(call(*words))
        call.close()
        return [verdict(answer) for answer in answers]

    plain, module = on_both(servers, scene)
    differ = [(words, got, expected) for words, got, expected in zip(CALLS, module, plain) if got != expected]
    assert not differ


def verdict(answer):
    if isinstance(answer, list):  # a transaction: denied when it is queued, or, if it runs inside one of ours, at EXEC
        return 'NOPERM' if 'NOPERM' in str(answer) else 'answered'
    return answer.split()[0] if isinstance(answer, Error) else 'answered'


# --- events and invalidations ---------------------------------------------------------------------------

SCENES = [
    'SADD s a', 'SPOP s', 'SADD s a b c', 'SPOP s 9', 'ZADD z 1 a 2 b 3 c 4 d', 'ZPOPMIN z', 'ZPOPMAX z 1', 'ZMPOP 1 z MIN', 'ZREMRANGEBYRANK z 0 -1', 'ZADD z 1 a',
    'BZPOPMIN z 1', 'ZADD z 1 a 2 b', 'BZMPOP 1 1 z MIN COUNT 9', 'ZADD z 0 a 0 b', 'ZREMRANGEBYLEX z [a [a', 'ZREMRANGEBYSCORE z 0 1', 'RPUSH l a b c a', 'LREM l 1 a', 'LTRIM l 1 1',
    'LTRIM l 5 9', 'XADD x 1-1 f v', 'XADD x MAXLEN 1 2-1 f v', 'XTRIM x MAXLEN 0', 'SET k v', 'SET k v EX 100', 'INCR n', 'RENAME k k2', 'COPY k2 k3', 'DEL k2', 'EXPIRE k3 -1',
    'LMOVE l l LEFT RIGHT', 'HSET h f v', 'HDEL h f', 'PFADD p a', 'PFADD q b', 'PFMERGE p q', 'GETEX n EX 100', 'PERSIST n', 'SUNIONSTORE s2 s', 'SADD s2 x', 'SINTERSTORE s2 none', 'MOVE n 1',
    'SORT l STORE l2', 'GETDEL p', 'XGROUP CREATE y g $ MKSTREAM', 'XADD x 9-1 a b', 'XSETID x 10-1', 'XGROUP CREATE x g 0', 'XREADGROUP GROUP g c STREAMS x >', 'APPEND a b', 'SETRANGE a 3 c', 'BITFIELD f OVERFLOW FAIL SET u1 0 9', 'BITFIELD f OVERFLOW FAIL SET u1 0 1',
    'SET t 1 PX 1', 'GET t', 'FLUSHDB']


def test_subscribers_see_the_same_events(servers):
    def scene(server):
        server.client.config_set('notify-keyspace-events', 'KEA')
        listener, call = Raw(server.port), Raw(server.port)
        listener('PSUBSCRIBE', '__key*')
        seen = []
        for words in map(str.split, SCENES):
            call(*words)
            if words[0] == 'SET' and 'PX' in words:
                eventually(lambda: not server.client.exists('t'), 'it expires')
            call('PUBLISH', '__key-mark', ' '.join(words))
            while True:
                event = listener.read()[1]
                seen.append(tuple(one[1] for one in event[2:]))
                if event[2][1] == b'__key-mark':
                    break
        listener.close(), call.close()
        return seen

    plain, module = on_both(servers, scene)
    assert module == plain


MISSES = ['SPOP no', 'SPOP no 2', 'ZPOPMIN no', 'ZMPOP 1 no MIN', 'BZPOPMIN no no2 0.01', 'ZREMRANGEBYSCORE no 0 1', 'ZREMRANGEBYRANK no 0 -1', 'ZREMRANGEBYLEX no - +', 'LTRIM no 0 1',
          'LREM no 1 a', 'XTRIM no MAXLEN 1', 'XADD no NOMKSTREAM * f v', 'XADD new * f v', 'XADD newer MAXLEN 5 1-* f v', 'INCRBYFLOAT f 1', 'HINCRBYFLOAT h2 f 1', 'DEL no', 'UNLINK no new',
          'MSET a 1 c 2', 'SETRANGE r 1 x', 'APPEND q x', 'RENAME newer newest', 'GETDEL no', 'EXPIRE no 1', 'PERSIST no', 'BLPOP no 0.01', 'SREM no a', 'HDEL no a', 'GET no', 'EXISTS no', 'XLEN no']


def test_looking_at_a_key_is_not_counted_as_a_client_s(servers):
    """Neither "keymiss" nor INFO's misses come of the module's own looks."""
    def scene(server):
        server.client.config_set('notify-keyspace-events', 'Em')
        listener, call = Raw(server.port), Raw(server.port)
        listener('PSUBSCRIBE', '__key*')
        server.client.config_resetstat()
        seen = []
        for words in map(str.split, MISSES + SCENES[:-3]):
            call(*words)
            call('PUBLISH', '__key-mark', ' '.join(words))
            while (event := listener.read()[1])[2][1] != b'__key-mark':
                seen.append((words, event[3][1]))
        stats = server.client.info('stats')
        listener.close(), call.close()
        return seen, stats['keyspace_misses']

    plain, module = on_both(servers, scene)
    assert module == plain


def test_looking_at_a_key_does_not_make_it_used(servers):
    """OBJECT IDLETIME, which RESTORE sets, stays; so it does when all keys are read for their digest."""
    def scene(server):
        call = Raw(server.port)
        for words in ('SET int 5', 'SET short bar', 'RPUSH l a b', 'SADD s a b', 'SADD si 1 2', 'HSET h a 1', 'ZADD z 1 a', 'XADD x 1-1 f v', 'PFADD p a'):
            call(*words.split())
        call('SET', 'long', 'y' * 1000)
        idle = {}
        for key in ('int', 'short', 'long', 'l', 's', 'si', 'h', 'z', 'x', 'p'):
            payload = call('DUMP', key)[1]
            call('RESTORE', key, 0, payload, 'IDLETIME', 1000, 'REPLACE')
            call('GEO.DIGEST')
            idle[key] = int(call('OBJECT', 'IDLETIME', key)[1])
        call.close()
        return idle

    plain, module = on_both(servers, scene)
    version = servers[1].client.info('server').get('valkey_version', '')
    # RM_SetLRU of Valkey 9.1 multiplies what it should divide: of short strings, which only GETEX reads, the time begins anew there.
    anew = {'int', 'short', 'p'} if version.startswith('9.1.') else set()
    assert all(1000 <= seconds < 1100 for seconds in plain.values())
    assert all(0 <= seconds < 100 if key in anew else 1000 <= seconds < 1100 for key, seconds in module.items()), module


@pytest.mark.parametrize('options', [[], ['NOLOOP'], ['BCAST'], ['BCAST', 'NOLOOP'], ['OPTIN']])
def test_caching_clients_are_told_the_same(servers, options):
    def scene(server):
        cached, other = Raw(server.port, 3), Raw(server.port)
        cached('CLIENT', 'TRACKING', 'ON', *options)
        seen = []
        for n, words in enumerate(map(str.split, SCENES)):
            if words[0] == 'FLUSHDB' or 'PX' in words:
                continue
            if options == ['OPTIN']:
                cached.send('CLIENT', 'CACHING', 'YES')
                seen.append(cached.read())
            cached.send('EXISTS', 's', 'z', 'l', 'x', 'k', 'k2', 'k3', 'h', 'p', 'q', 'n')
            cached.send('ECHO', 'read')
            while cached.read() != (b'$', b'read'):
                pass
            (cached if n % 3 == 0 else other).send(*words)
            if n % 3:
                other.read()
            other('PING')  # what is told at the end of a turn has been told
            cached.send('ECHO', 'mark')
            while True:
                answer = cached.read()
                if answer == (b'$', b'mark'):
                    break
                seen.append((words, in_one_order(answer)))
        for one in (cached, other):
            one.close()
        return seen

    plain, module = on_both(servers, scene)
    if options == ['BCAST', 'NOLOOP']:  # documented: told of own writes by commands that run inside ours
        module = [one for one in module if one in plain]
        assert set(map(repr, plain)) <= set(map(repr, module))
        return
    assert module == plain


def test_watched_keys_are_touched_alike(servers):
    def scene(server):
        one, other = Raw(server.port), Raw(server.port)
        answers = []
        for words in map(str.split, SCENES):
            for key in words[1:3]:
                one('WATCH', key, 'unrelated')
            other(*words)
            one('MULTI')
            one('PING')
            answers.append((words, one('EXEC')))
            if 'PX' in words:
                time.sleep(0.01)  # WATCH sees it expired, not about to
        one.close(), other.close()
        return answers

    plain, module = on_both(servers, scene)
    assert module == plain


# --- waiting --------------------------------------------------------------------------------------------

WAITS = ['BZPOPMIN a b 0', 'BZPOPMAX b 0', 'BZMPOP 0 2 a b MIN COUNT 2', 'BLPOP l 0', 'BLMOVE l m LEFT RIGHT 0', 'BRPOP m l 0', 'BLMPOP 0 2 l m RIGHT COUNT 2', 'BRPOPLPUSH m m 0',
         'BZPOPMIN a 0.2', 'BZMPOP 0.2 1 nobody MAX']
PUSHES = ['ZADD a 1 x', 'ZADD b 1 x 2 y 3 z', 'RPUSH l 1', 'RPUSH l 1 2 3', 'LPUSH m 4 5', 'SET a string', 'DEL a', 'ZADD a 5 q 6 r', 'SADD b nope', 'DEL b', 'ZADD b 9 nine', 'DEL l',
          'RPUSH l x', 'RENAME l m', 'ZUNIONSTORE a 1 b', 'GEOADD a 1 1 place', 'COPY b a REPLACE', 'SORT m ALPHA STORE l', 'EVAL return{redis.call("ZADD","a",1,"s"),redis.call("DEL","a")} 0',
          'MULTI', 'ZADD b 1 t', 'RPUSH l t', 'DEL l', 'EXEC']


@pytest.mark.parametrize('protocol', [2, 3])
@pytest.mark.parametrize('seed', range(8))
def test_waiting_clients_are_served_alike(servers, seed, protocol):
    rng = random.Random(seed)
    waits = [rng.choice(WAITS).split() for _ in range(6)]
    pushes = [rng.choice(PUSHES).split() for _ in range(30)]

    def scene(server):
        waiting, call = [Raw(server.port, protocol) for _ in waits], Raw(server.port, protocol)
        for n, words in enumerate(waits):
            waiting[n].send(*words)
            eventually(lambda: server.client.info('clients')['blocked_clients'] == n + 1, 'it waits')
        answers = [call(*words) for words in pushes]
        for one in waiting:
            one.send('ECHO', 'end')
        if b'MULTI' in str(pushes).encode():
            call('DISCARD')
        # Whoever still waits is told so.
        for client in server.client.client_list():
            if 'b' in client['flags']:
                server.client.execute_command('CLIENT', 'UNBLOCK', client['id'], rng_of_unblock(client['cmd']))
        served = [(one.read(), one.read()) for one in waiting]
        left = geo.content(server.client)
        for one in (*waiting, call):
            one.close()
        return answers, served, left

    plain, module = on_both(servers, scene)
    for kind, expected, got in zip(('answers', 'served', 'left'), plain, module):
        assert got == expected, (kind, waits, pushes)


def rng_of_unblock(command):
    return 'ERROR' if 'zpop' in command.lower() else 'TIMEOUT'


@pytest.mark.parametrize('words', ['BLMOVE from to LEFT LEFT 0', 'BLMOVE from from LEFT RIGHT 0', 'BRPOPLPUSH from to 0', 'BLPOP from 0', 'BLMPOP 0 1 from LEFT COUNT 2'])
def test_who_waited_is_answered_before_it_is_told_of_its_own_write(servers, words):
    def scene(server):
        cached, other = Raw(server.port, 3), Raw(server.port)
        other('RPUSH', 'to', 'a')
        cached('CLIENT', 'TRACKING', 'ON')
        cached('LRANGE', 'to', 0, -1)
        cached('LLEN', 'from')
        cached.send(*words.split())
        eventually(lambda: server.client.info('clients')['blocked_clients'] == 1, 'it waits')
        other('RPUSH', 'from', 'x', 'y')
        cached.send('ECHO', 'mark')
        seen = []
        while not seen or seen[-1] != (b'$', b'mark'):
            seen.append(cached.read())
        cached.close(), other.close()
        return seen

    plain, module = on_both(servers, scene)
    assert module == plain


def test_who_waits_is_freed_when_the_server_becomes_a_replica(servers, redis_server):
    def scene(server):
        master = redis_server(options=geo.options(1) if server is servers[1] else None)
        call = Raw(server.port)
        call.send('BZPOPMIN', 'nothing', 0)
        eventually(lambda: server.client.info('clients')['blocked_clients'] == 1, 'it waits')
        server.client.execute_command('REPLICAOF', '127.0.0.1', master.port)
        answer = call.read()
        server.client.execute_command('REPLICAOF', 'NO', 'ONE')
        call.close()
        return answer

    plain, module = on_both(servers, scene)
    assert module == plain


# --- introspection --------------------------------------------------------------------------------------

def test_commands_describe_themselves_alike(servers):
    def scene(server):
        call = Raw(server.port)
        names = sorted(name for _, name in call('COMMAND', 'LIST')[1] if not name.startswith(b'geo.'))
        infos = [call('COMMAND', 'INFO', name) for name in names]
        docs = [call('COMMAND', 'DOCS', name) for name in names]
        keys = [call('COMMAND', 'GETKEYS', *words.split()) for words in SCENES + CALLS]
        flags = [call('COMMAND', 'GETKEYSANDFLAGS', *words.split()) for words in SCENES + CALLS]
        call.close()
        return [in_one_order(part) for part in (names, infos, docs, keys, flags)]

    plain, module = on_both(servers, scene)
    assert module == plain


def in_one_order(reply):
    """Sets, of members or of flags, come in any order."""
    if isinstance(reply, (list, tuple)):
        parts = [in_one_order(one) for one in reply]
        return sorted(parts, key=repr) if isinstance(reply, list) else parts
    return reply


# What would end the connection or the server, wait, or speak of this server alone.
NOT_ASKED = {'shutdown', 'debug', 'replicaof', 'slaveof', 'monitor', 'sync', 'psync', 'failover', 'quit', 'reset', 'hello', 'subscribe', 'psubscribe', 'ssubscribe',
             'migrate', 'swapdb', 'time', 'lastsave', 'info', 'randomkey', 'save', 'bgsave', 'bgrewriteaof', 'pfdebug', 'pfselftest', 'role', 'scan', 'command', 'replconf', 'lolwut',
             'unsubscribe', 'punsubscribe', 'sunsubscribe', 'srandmember', 'hrandfield', 'zrandmember', 'wait', 'waitaof', 'multi', 'exec'}
ARGUMENTS = ['s', 'z', 'l', 'h', 'x', 'k', '1', '0', '-1', 'a', '*', '2-1', 'MIN', 'COUNT', 'STREAMS', 'nope', '']


@pytest.mark.parametrize('protocol', [2, 3])
def test_every_command_with_any_arguments_is_answered_alike(servers, protocol):
    rng = random.Random(protocol)
    names = sorted(name.decode() for _, name in Raw(servers[0].port)('COMMAND', 'LIST')[1] if b'|' not in name)
    asked = []
    for name in names:
        if name not in NOT_ASKED and not name.startswith(('b', 'geo.', 'cluster', 'client', 'acl', 'config', 'latency', 'memory', 'slowlog', 'module')):
            asked += [[name, *[rng.choice(ARGUMENTS) for _ in range(count)]] for count in (0, 1, 2, 3, 3, 4, 4, 5, 6)]

    def scene(server):
        call = Raw(server.port, protocol)
        answers = []
        for words in asked:
            if len(answers) % 9 == 0:
                for setup in ('DEL s z l h x k 1 0 a', 'SADD s a', 'ZADD z 1 a 2 b', 'RPUSH l a b', 'HSET h a 1', 'XADD x 1-1 a b', 'SET k 5'):
                    call(*setup.split())
            if words[0] in ('xadd',) and '*' in words:
                words = [word.replace('*', '3-1') for word in words]
            answers.append((words, call(*words)))
        call.close()
        return answers

    plain, module = on_both(servers, scene)
    differ = [(got, expected[1]) for got, expected in zip(module, plain) if got != expected and 'sluice-geo' not in str(got)]
    assert not differ, differ[:20]


def test_inline_commands_and_replies_turned_off(servers):
    def scene(server):
        call = Raw(server.port)
        answers = []
        for line in (b'SADD s a\r\n', b'SPOP s\r\n', b'"ZADD" z 1 "a b"\r\n', b'zpopmin z\r\n', b'LTRIM none 0 1\r\n', b'XADD x 1-1 f v\r\n', b'SPOP\r\n'):
            call._socket.sendall(line)
            answers.append(call.read())
        for words in ('CLIENT REPLY SKIP', 'SPOP none', 'ZADD z 1 a', 'CLIENT REPLY OFF', 'ZPOPMIN z', 'BZPOPMIN z 0.01', 'LREM l 1 x'):
            call.send(*words.split())
        call.send('CLIENT', 'REPLY', 'ON')
        answers += [call.read(), call.read(), call('DBSIZE')]
        call.close()
        return answers

    plain, module = on_both(servers, scene)
    assert module == plain


def test_monitors_and_the_slow_log_show_what_was_sent_by_our_names(servers):
    """The one place where our names are seen, as documented."""
    def scene(server):
        watch, call = Raw(server.port), Raw(server.port)
        watch('MONITOR')
        server.client.config_set('slowlog-log-slower-than', 0)
        server.client.slowlog_reset()
        for words in map(str.split, SCENES[:30]):
            call(*words)
        call('ECHO', 'end')
        lines = []
        while b'"ECHO"' not in (line := watch.read()[1]):
            lines.append(line.partition(b'] ')[2].lower())
        slow = [one['command'].lower().replace(b'geo.', b'') for one in server.client.slowlog_get(500)]
        server.client.config_set('slowlog-log-slower-than', 10000)
        watch.close(), call.close()
        return lines, sorted(slow)

    plain, module = on_both(servers, scene)
    for expected, got in zip(plain, module):
        # What runs inside ours is shown too.
        got = [one for one in (line.replace(b'geo.', b'') for line in got) if one in expected]
        assert once(got) == once(expected)


def once(lines):
    return [line for n, line in enumerate(lines) if n == 0 or line != lines[n - 1]]
