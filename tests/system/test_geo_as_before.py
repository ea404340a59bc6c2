"""Whatever a client sends, a server with sluice-geo.so answers as one without: random commands, right and wrong, in every form.

What differs, and is meant to, is EXPECTED below and in docs/operating-geo-module.md. SLUICE_SEED repeats a run, SLUICE_GEO_STEPS
makes it longer.
"""

import json
import os
import random
import time

import pytest

from harness import geo
from harness.geo_commands import SCRIPT, Commands
from harness.raw import Error, Raw
from harness.waiting import eventually

SEED = int(os.environ.get('SLUICE_SEED', random.randrange(1, 1 << 30)))
STEPS = int(os.environ.get('SLUICE_GEO_STEPS', 1500))
GARBAGE = ['', '-1', '0', 'abc', '9223372036854775807', '99999999999999999999', '1.5', 'nan', '-inf', '(', b'\x00\xff', '[', '1-1', 'k', 'NX', 'COUNT', '*x']
NAME = 'run'
LIBRARY = f"#!lua name=lib\nredis.register_function{{function_name='{NAME}', callback=function(keys, args)\n" \
          f"{SCRIPT.replace('ARGV', 'args')} end, flags={{FLAGS}}}}"
EXPECTED = ('sluice-geo',)  # our own refusals say who refuses


@pytest.fixture
def both(servers):
    """both(protocol) is a pair of connections that are asked the same."""
    made = []

    def connect(protocol=2):
        made.append(Both(servers, protocol))
        return made[-1]

    for server in servers:
        assert server.alive, server.log_tail()
        server.client.flushall()
        server.client.execute_command('FUNCTION', 'FLUSH')
    yield connect
    for one in made:
        one.close()


class Both:
    def __init__(self, servers, protocol=2):
        self.plain, self.module = (Raw(server.port, protocol) for server in servers)
        self.said = []

    def send(self, *words):
        for one in (self.plain, self.module):
            one.send(*words)

    def read(self, words=()):
        expected, got = self.plain.read(), self.module.read()
        self.said.append((words, got))
        assert alike(words, expected) == alike(words, got), f'{words}: {got} instead of {expected}, after\n{self.lately(words)}'
        return expected

    def lately(self, words):
        """What was said of the same keys."""
        about = [one for one in self.said if set(map(str, one[0][1:])) & set(map(str, words[1:]))]
        return '\n'.join(map(str, about[-12:]))

    def __call__(self, *words):
        self.send(*words)
        return self.read(words)

    def close(self):
        self.plain.close()
        self.module.close()


DEADLINES = {'TTL', 'PTTL', 'PEXPIRETIME', 'EXPIRETIME'}
# Of sets and hashes the order is each server's own.
UNORDERED = {'SMEMBERS', 'SPOP', 'HGETALL', 'HKEYS', 'HVALS', 'SUNION', 'SINTER', 'SDIFF', 'KEYS'}


def alike(words, reply):
    name = str(words[0]).upper() if words else ''
    names = {name} if name not in ('EVAL', 'FCALL', 'EXEC', 'EVAL_RO', 'FCALL_RO') else {'SPOP', 'PTTL', 'SMEMBERS', 'HGETALL'}
    if names & DEADLINES and isinstance(reply, tuple) and reply[0] == b':' and int(reply[1]) > 10_000:
        return 'in some time'
    return flat(reply) if names & UNORDERED else reply


def flat(reply):
    """With the elements of every array in one order."""
    if isinstance(reply, tuple) and isinstance(reply[1], list):
        return reply[0], sorted((flat(one) for one in reply[1]), key=repr)
    if isinstance(reply, tuple) and reply[0] == b':' and len(reply[1]) > 4:
        return 'in some time'
    return reply


class Sequence:
    """The next command: of every family, reading or writing, right or wrong."""

    READS = ['GET K', 'STRLEN K', 'GETRANGE K 0 -1', 'HGETALL K', 'HLEN K', 'SMEMBERS K', 'SCARD K', 'ZRANGE K 0 -1 WITHSCORES', 'ZCARD K',
             'ZRANGEBYSCORE K -inf +inf', 'LRANGE K 0 -1', 'LLEN K', 'XRANGE K - +', 'XLEN K', 'XINFO STREAM K', 'TYPE K', 'OBJECT ENCODING K',
             'EXISTS K K', 'PTTL K', 'PFCOUNT K', 'BITCOUNT K', 'OBJECT REFCOUNT K', 'LPOS K e1 RANK -1', 'ZSCORE K m1', 'ZMSCORE K m1 m2', 'HMGET K m1 m2',
             'SMISMEMBER K m1 m2', 'XPENDING K g', 'XINFO GROUPS K', 'GEOPOS K m1', 'TOUCH K', 'OBJECT FREQ K', 'SINTERCARD 1 K', 'LCS K K']

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.commands = Commands(self.rng, strange=0.1, slowness=100_000)
        self.id = 0

    def next(self):
        rng = self.rng
        if rng.random() < 0.35:
            words = [self.commands.any_key() if word == 'K' else word for word in rng.choice(self.READS).split()]
        else:
            words = self.settled(self.commands.one())
        return self.spoilt(words) if rng.random() < 0.3 else words

    def settled(self, words):
        """The same command where a server would choose: members by chance, ids by the clock."""
        name = words[0]
        if name == 'SPOP':
            return [name, words[1], self.rng.choice(['100', '100', '0'])]
        if name == 'XADD':
            self.id += 1
            return [f'{self.id}-7' if word == '*' or word.endswith('-*') else word for word in words]
        if name == 'XREADGROUP':
            return words[:-2] + words[-2:]
        return words

    def spoilt(self, words):
        rng = self.rng
        words = list(words)
        what = rng.randrange(4)
        at = rng.randrange(1, len(words)) if len(words) > 1 else 1
        if what == 0 and len(words) > 1:
            del words[at]
        elif what == 1:
            words.insert(at, rng.choice(GARBAGE))
        elif what == 2 and len(words) > 1:
            words[at] = rng.choice(GARBAGE)
        else:
            words[0] = rng.choice([words[0].lower(), words[0].title(), words[0] + 'x'])
        return words if isinstance(words[0], str) else ['PING']


def as_json(words):
    return json.dumps([word.decode('latin-1') if isinstance(word, bytes) else str(word) for word in words])


def is_harmless(words):
    """Neither an endless wait nor an id or member by chance."""
    name = words[0].upper()
    if name == 'XADD':
        return not any(str(word).endswith('*') for word in words)
    if name == 'SPOP':
        return len(words) != 2
    if name == 'ZREMRANGEBYLEX':  # of members with different scores: by the skip list's own dice
        return False
    return name not in ('EVAL',) or len(words) > 4


def ask_bare(both, sequence, count):
    for _ in range(count):
        words = sequence.next()
        if is_harmless(words):
            both(*words)


def ask_in_multi(both, sequence, count):
    for _ in range(count // 4):
        if sequence.rng.random() < 0.3:
            both('WATCH', sequence.commands.any_key())
            if sequence.rng.random() < 0.3:
                both(*sequence.settled(['SET', sequence.commands.any_key(), 'x']))
        both('MULTI')
        for _ in range(4):
            words = sequence.next()
            if is_harmless(words):
                both(*words)
        both(sequence.rng.choice(['EXEC', 'EXEC', 'EXEC', 'DISCARD']))


def ask_in_script(both, sequence, count, name='EVAL', script=SCRIPT):
    for _ in range(count // 3):
        some = [sequence.next() for _ in range(3)]
        both(name, script, 0, *[as_json(words) for words in some if is_harmless(words) and words[0] != 'EVAL'])


def ask_in_calls(both, sequence, count):
    """redis.call: the first error ends the script, and is its answer."""
    ask_in_script(both, sequence, count, script=SCRIPT.replace('pcall', 'call'))


def ask_in_reading_script(both, sequence, count):
    ask_in_script(both, sequence, count, 'EVAL_RO')


def ask_in_function(both, sequence, count):
    both('FUNCTION', 'LOAD', 'REPLACE', LIBRARY.replace('{FLAGS}', '{}'))
    ask_in_script(both, sequence, count, 'FCALL', NAME)


def ask_in_reading_function(both, sequence, count):
    both('FUNCTION', 'LOAD', 'REPLACE', LIBRARY.replace('{FLAGS}', "{'no-writes'}"))
    ask_in_script(both, sequence, count, 'FCALL_RO', NAME)
    ask_in_script(both, sequence, count // 4, 'FCALL', NAME)


def ask_in_pipeline(both, sequence, count):
    for _ in range(count // 20):
        some = [words for words in (sequence.next() for _ in range(20)) if is_harmless(words)]
        for words in some:
            both.send(*words)
        for words in some:
            both.read(words)


@pytest.mark.parametrize('protocol', [2, 3])
@pytest.mark.parametrize('ask', [ask_bare, ask_in_multi, ask_in_script, ask_in_calls, ask_in_reading_script, ask_in_function, ask_in_reading_function,
                                 ask_in_pipeline])
def test_random_commands_are_answered_alike(both, servers, ask, protocol):
    print(f'again: SLUICE_SEED={SEED} SLUICE_GEO_STEPS={STEPS} ./dev system -k "{ask.__name__} and answered_alike"')
    sequence = Sequence(f'{SEED}{ask.__name__}{protocol}')
    # So that what only reads finds something too.
    ask_bare(both(protocol), sequence, STEPS // 5)
    ask(both(protocol), sequence, STEPS)
    plain, module = ({key: (kind, value, deadline // 60_000_000) for key, (kind, value, deadline) in geo.content(server.client).items()}
                     for server in servers)
    assert module == plain
    check_metadata_of_keys(servers)


def ask(client, words, key):
    return client.object('encoding', key) if words[0] == 'OBJECT' else client.memory_usage(key)


def check_metadata_of_keys(servers):
    """How values are stored, and what they take."""
    plain, module = (server.client for server in servers)
    for key in plain.scan_iter(count=1000):
        for words in (['OBJECT', 'ENCODING'], ['MEMORY', 'USAGE']):
            expected, got = ask(plain, words, key), ask(module, words, key)
            if words[0] == 'MEMORY' and plain.type(key) in (b'hash', b'set', b'zset', b'string', b'list'):
                # Tables grow, and strings have room at their ends, by what happened to them: not by much.
                # and only some elements are looked at.
                assert abs(got - expected) <= max(512, expected), (key, got, expected)
            elif words[0] == 'OBJECT':
                assert got == expected, (words, key)
