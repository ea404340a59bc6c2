"""Which write has made its key: one that has not leaves the key its deadline, in every region."""

import pytest

from harness import geo
from harness.redis_server import wait_in_sync
from harness.waiting import eventually

DB = ('SELECT', 1)
QUIET = ('BITFIELD', 'quiet', 'OVERFLOW', 'FAIL', 'INCRBY', 'u1', 0, 5)  # leaves a key, and says nothing
WRITE = ('SADD', 'there', 'new')
MAKE = ('SADD', 'made', 'm')

# Commands, in one transaction where they are in a list of their own. Each ends with a write of the key that is there.
CASES = {
    'behind a key that was made': [MAKE, WRITE],
    'a set that is moved to': [('SMOVE', 'there', 'other', 'old'), ('SMOVE', 'other', 'there', 'old')],
    'of a source that goes': [('SADD', 'source', 'new'), ('SMOVE', 'source', 'there', 'new')],
    'behind keys of MSET': [('MSET', 'a', 1, 'b', 2, 'c', 3), WRITE],
    'behind a rename': [MAKE, ('RENAME', 'made', 'renamed'), WRITE],
    'behind a copy': [MAKE, ('COPY', 'made', 'copied'), WRITE],
    'behind a key that a command of ours made': [('XADD', 'stream', '*', 'f', 'v'), WRITE],
    'behind a key that a command of ours removed': [MAKE, ('SPOP', 'made'), WRITE],
    'behind a key that has come in silence': [QUIET, WRITE],
    'in a transaction': [[MAKE, WRITE]],
    'in a transaction, behind a key that a command of ours removed': [MAKE, [('SPOP', 'made'), WRITE]],
    'in a transaction, behind a key that has come in silence': [[QUIET, WRITE]],
    'in a transaction, behind FLUSHDB of another database': [DB, MAKE, ('SELECT', 0), [DB, ('FLUSHDB',), MAKE, ('SELECT', 0), WRITE]],
    'behind a list that was made for a client that waits': [('LPUSH', 'list', 'x'), ('LMOVE', 'list', 'rotated', 'LEFT', 'LEFT'), WRITE],
    'in a script': [('EVAL', "redis.call('SADD', 'made', 'm'); redis.call('SADD', 'there', 'new')", 0)],
}


@pytest.fixture
def mesh(redis_server, region):
    return geo.join(*[region(redis_server(f'region{number}', options=geo.options(number, allow_flush='yes'))) for number in (1, 2)])


def run(client, commands):
    for command in commands:
        if isinstance(command, tuple):
            client.execute_command(*command)
            continue
        with client.pipeline(transaction=True) as transaction:
            for one in command:
                transaction.execute_command(*one)
            transaction.execute()


@pytest.mark.parametrize('commands', CASES.values(), ids=CASES)
def test_a_key_that_was_there_keeps_its_deadline(mesh, commands):
    a, b = mesh.regions
    a.client.sadd('there', 'old', 'older')
    a.client.expire('there', 5000)
    b.client.set('theirs', 1)
    mesh.exchange()
    b.client.set('theirs too', 1)  # what a batch makes is nobody's here
    mesh.exchange()
    connection = a.server.connect(single_connection_client=True)
    run(connection, commands)
    mesh.exchange()
    for one in mesh.regions:
        assert 0 < one.client.ttl('there') <= 5000


def test_what_a_bitfield_leaves_that_fails_is_the_same_in_every_region_and_replica(mesh, redis_server):
    a, b = mesh.regions
    replica = redis_server('replica', replica_of=a.server, options=geo.options(1, allow_flush='yes'))
    wait_in_sync(a.server, replica)
    a.client.set('short', 'x', ex=5000)
    a.client.sadd('a set', 'm')
    fails, succeeds = ('OVERFLOW', 'FAIL', 'SET', 'u8', 80, 300), ('OVERFLOW', 'FAIL', 'GET', 'u8', 0, 'SET', 'u8', 80, 300, 'SET', 'u8', 8, 7)
    for name in ('short', 'absent', 'longer'):
        run(a.client, [('BITFIELD', name, *fails)])
    run(a.client, [('BITFIELD', 'longer', 'OVERFLOW', 'FAIL', 'INCRBY', 'u4', 200, 99), ('BITFIELD', 'partly', *succeeds),
                   ('EVAL', "redis.call('BITFIELD', 'of a script', 'OVERFLOW', 'FAIL', 'SET', 'u1', 40, 9)", 0)])
    run(a.server.connect(single_connection_client=True), [[('BITFIELD', 'queued', *fails), ('BITFIELD', 'short', 'OVERFLOW', 'FAIL', 'SET', 'u8', 160, 300)]])
    # What changes no bit is no write.
    run(a.server.connect(single_connection_client=True), [[('SADD', 'a set', 'n'), ('BITFIELD', 'partly', 'OVERFLOW', 'FAIL', 'SET', 'u8', 8, 7)]])
    with pytest.raises(geo.redis.ResponseError, match='WRONGTYPE'):
        a.client.execute_command('BITFIELD', 'a set', *fails)
    mesh.exchange()
    mesh.check_equal()
    expected = {'short': 21, 'absent': 11, 'longer': 26, 'partly': 11, 'of a script': 6, 'queued': 11}
    for client in (a.client, b.client, replica.client):
        eventually(lambda client=client: {name: client.strlen(name) for name in expected} == expected, 'all are as long', 30)
        assert client.get('short') == b'x' + bytes(20) and client.getrange('partly', 0, 1) == b'\x00\x07' and client.ttl('short') > 4000
    wait_in_sync(a.server, replica)
    text = replica.client.execute_command('GEO.INFO')
    assert b'misnoted_ops:0' in text, text


def test_a_key_that_comes_again_has_no_deadline(mesh):
    a, b = mesh.regions
    for name in ('of a transaction', 'of its own'):
        a.client.sadd(name, 'old')
        a.client.expire(name, 5000)
    mesh.exchange()
    run(a.server.connect(single_connection_client=True),
        [[('DEL', 'of a transaction'), ('SADD', 'of a transaction', 'new')], ('SPOP', 'of its own'), ('SADD', 'of its own', 'new')])
    mesh.exchange()
    for name in ('of a transaction', 'of its own'):
        assert [one.client.ttl(name) for one in mesh.regions] == [-1, -1]
        assert b.client.smembers(name) == {b'new'}
