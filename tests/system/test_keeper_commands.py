"""A keeper's answers beside those of a real replica of the same master."""

import re
import shlex
import socket
import subprocess

import pytest

from harness.waiting import eventually


class Wire:
    """A connection that returns replies as they are on the wire."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=5)
        self.file = self.socket.makefile('rb')

    def send(self, line):
        words = [word.encode() for word in shlex.split(line)]
        self.socket.sendall(b'*%d\r\n' % len(words)
                            + b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in words))

    def ask(self, line):
        self.send(line)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if line[:1] in (b'$', b'=') and line != b'$-1\r\n':
            return line + self.file.read(int(line[1:]) + 2)
        if line[:1] in (b'*', b'~', b'>') and line != b'*-1\r\n':
            return line + b''.join(self.reply() for _ in range(int(line[1:])))
        if line[:1] == b'%':
            return line + b''.join(self.reply() for _ in range(2 * int(line[1:])))
        return line

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def pair(redis_server, keeper):
    master = redis_server(name='master')
    stock = redis_server(name='replica', replica_of=master)
    kept = keeper(master)
    for server in (stock, kept):
        eventually(server.link_is_up, f'{server.name} follows', 20)
    return stock, kept


# Answered alike, byte for byte; one connection per block.
SAME = [
    ['PING', 'PING a', 'PING a b', 'ping ""', 'ECHO', 'ECHO x', 'AUTH', 'AUTH x', 'AUTH u p',
     'AUTH default x', 'AUTH a b c', 'SELECT 0', 'SELECT 15', 'SELECT 16', 'SELECT a', 'SELECT -1',
     'FOO a b', 'FOO', '"a b" c', 'HELLO 4', 'HELLO x', 'HELLO 2 FOO', 'HELLO 2 SETNAME "a b"',
     'RESET', 'QUIT'],
    ['REPLCONF', 'REPLCONF a', 'REPLCONF foo bar', 'REPLCONF listening-port abc',
     'REPLCONF listening-port 1000', 'REPLCONF ip-address 1.2.3.4', 'REPLCONF ip-address a b',
     'REPLCONF capa eof capa psync2 capa xx', 'REPLCONF rdb-only 1', 'REPLCONF rdb-only x',
     'SYNC x', 'PSYNC', 'PSYNC ?', 'REPLICAOF', 'REPLICAOF a b', 'REPLICAOF a 99999', 'ROLE x'],
    ['DISCARD', 'EXEC', 'MULTI', 'MULTI', 'SELECT 16', 'FOO', 'EXEC', 'MULTI', 'PING',
     'CLIENT KILL TYPE normal', 'CLIENT KILL TYPE pubsub', 'EXEC', 'MULTI', 'CONFIG SET foo', 'PING',
     'EXEC', 'MULTI', 'PSYNC ? -1', 'SHUTDOWN', 'EXEC', 'MULTI', 'DISCARD', 'MULTI', 'SUBSCRIBE a',
     'EXEC', 'MULTI', 'GET x', 'UNSUBSCRIBE', 'WATCH', 'MULTI', 'GET'],
    ['SUBSCRIBE a', 'SUBSCRIBE a', 'PSUBSCRIBE x*', 'PING', 'PING x', 'GET x', 'INFO', 'CLIENT ID',
     'UNSUBSCRIBE a', 'PUNSUBSCRIBE', 'UNSUBSCRIBE', 'PING', 'PUBLISH a', 'PUBLISH a b',
     'PUBSUB CHANNELS', 'PUBSUB NUMSUB a', 'PUBSUB NUMPAT', 'PUBSUB FOO'],
    ['CLIENT', 'CLIENT FOO', 'CLIENT GETNAME', 'CLIENT SETNAME foo', 'CLIENT GETNAME',
     'CLIENT SETNAME "fo o"', 'CLIENT LIST TYPE foo', 'CLIENT LIST TYPE pubsub', 'CLIENT LIST ID a',
     'CLIENT LIST FOO', 'CLIENT KILL', 'CLIENT KILL 1.2.3.4:5', 'CLIENT KILL ADDR 1.2.3.4:5',
     'CLIENT KILL ID 0', 'CLIENT KILL ID a', 'CLIENT KILL ID 99999', 'CLIENT KILL TYPE foo',
     'CLIENT KILL FOO bar', 'CLIENT KILL USER nosuch', 'CLIENT KILL SKIPME maybe',
     'CLIENT KILL SKIPME yes ADDR', 'CLIENT NO-EVICT on', 'CLIENT NO-EVICT x', 'CLIENT REPLY ON',
     'CLIENT REPLY XX', 'CLIENT TRACKING off', 'CLIENT TRACKINGINFO', 'CLIENT GETREDIR',
     'CLIENT CACHING YES', 'CLIENT UNBLOCK 3'],
    ['CONFIG', 'CONFIG GET', 'CONFIG GET foo', 'CONFIG GET appendonly', 'CONFIG GET save',
     'CONFIG GET maxmemory', 'CONFIG GET databases', 'CONFIG GET requirepass', 'CONFIG SET foo bar',
     'CONFIG SET foo', 'CONFIG REWRITE x', 'CONFIG RESETSTAT', 'CONFIG FOO', 'COMMAND FOO',
     'LATENCY LATEST', 'LATENCY HISTORY x', 'LATENCY RESET', 'LATENCY FOO', 'SLOWLOG GET',
     'SLOWLOG LEN', 'SLOWLOG RESET', 'SLOWLOG FOO', 'MEMORY USAGE k', 'MEMORY PURGE', 'MEMORY FOO',
     'MODULE LIST', 'CLUSTER INFO', 'ACL WHOAMI', 'ACL FOO', 'ACL USERS', 'BGSAVE x', 'SHUTDOWN FOO',
     'GET', 'GET a b', 'SET a', 'HGET x', 'INFO foo', 'MONITOR x', 'ASKING', 'READONLY', 'DBSIZE'],
    ['HELLO 3', 'SUBSCRIBE a', 'PING', 'UNSUBSCRIBE', 'UNSUBSCRIBE zz', 'CLIENT GETNAME',
     'CLIENT TRACKINGINFO', 'CONFIG GET appendonly', 'LATENCY LATEST', 'MEMORY USAGE k'],
]


def without_numbers_of_its_own(reply):
    return re.sub(rb'(\$2\r\nid\r\n):\d+', rb'\1:N', reply)


def test_answers_like_a_stock_replica(pair):
    for block in SAME:
        stock, kept = (Wire(server.port) for server in pair)
        for line in block:
            expected, seen = (without_numbers_of_its_own(wire.ask(line)) for wire in (stock, kept))
            assert seen == expected, line
        stock.close()
        kept.close()


def test_wants_the_password_like_a_stock_replica(redis_server, keeper):
    master = redis_server(name='master')
    stock = redis_server(name='replica', replica_of=master, options={'requirepass': 'secret'},
                         password='secret')
    kept = keeper(master, flags={'requirepass': 'secret'}, password='secret')
    lines = ['PING', 'FOO', 'GET', 'GET a', 'HELLO', 'HELLO 3', 'HELLO 3 AUTH default bad', 'AUTH bad',
             'AUTH nosuch secret', 'INFO', 'MULTI', 'EXEC', 'PSYNC ? -1', 'AUTH secret', 'PING', 'RESET',
             'PING', 'HELLO 2 AUTH default secret SETNAME a', 'CLIENT GETNAME', 'QUIT']
    left, right = Wire(stock.port), Wire(kept.port)
    for line in lines:
        expected, seen = (without_numbers_of_its_own(wire.ask(line)) for wire in (left, right))
        assert seen == expected, line
    for wire in (Wire(stock.port), Wire(kept.port)):
        wire.socket.sendall(b'*11\r\n')
        assert wire.file.readline() == b'-ERR Protocol error: unauthenticated multibulk length\r\n'


def names_and_forms(info):
    """Field names with the kind of value each has."""
    return {name: type(value) for name, value in info.items()}


def test_formats_info_replication_as_a_stock_replica_does(pair, redis_server):
    stock, kept = pair
    for server in pair:
        below = redis_server(name='below', replica_of=server)
        eventually(below.link_is_up, 'a replica of it', 20)
    eventually(lambda: 'slave0' in kept.info() and kept.info()['slave0']['state'] == 'online', 'online')
    eventually(lambda: stock.info()['slave0']['state'] == 'online', 'online')
    expected, seen = stock.info(), kept.info()
    assert list(seen) == list(expected)
    assert names_and_forms(seen) == names_and_forms(expected)
    assert set(seen['slave0']) == set(expected['slave0'])
    for name in ('role', 'master_host', 'master_port', 'master_link_status', 'master_sync_in_progress',
                 'slave_read_only', 'replica_announced', 'connected_slaves', 'master_failover_state',
                 'master_replid', 'master_replid2', 'second_repl_offset', 'repl_backlog_active'):
        assert seen[name] == expected[name], name
    assert seen['slave_priority'] == 0


def test_names_only_fields_of_info_that_redis_has(pair):
    stock, kept = pair
    for section in ('server', 'clients', 'memory', 'persistence', 'stats', 'cpu', 'cluster'):
        unknown = set(kept.info(section)) - set(stock.info(section)) - {'sluice_version'}
        assert not unknown, section


def test_has_the_role_of_a_replica(pair):
    stock, kept = pair
    expected, seen = (server.client.execute_command('ROLE') for server in pair)
    assert seen[:4] == expected[:4]
    assert [type(one) for one in seen] == [type(one) for one in expected]
    expected, seen = (server.client.client_list()[0] for server in pair)
    assert list(seen) == list(expected)


def test_passes_messages_between_its_clients(pair):
    _, kept = pair
    subscriber = kept.connect().pubsub()
    subscriber.subscribe('__sentinel__:hello')
    assert subscriber.get_message(timeout=5)['type'] == 'subscribe'
    assert kept.client.publish('__sentinel__:hello', 'hi') == 1
    assert subscriber.get_message(timeout=5)['data'] == b'hi'


def test_counts_its_replicas_for_wait(pair, redis_server):
    _, kept = pair
    below = redis_server(name='below', replica_of=kept)
    eventually(below.link_is_up, 'a replica of it', 20)
    assert kept.client.wait(1, 5000) == 1
    assert kept.client.wait(2, 100) == 1


def test_kills_clients_by_type(pair):
    _, kept = pair
    other = Wire(kept.port)
    assert other.ask('PING') == b'+PONG\r\n'
    assert kept.client.execute_command('CLIENT', 'KILL', 'TYPE', 'normal') >= 1
    assert other.file.read() == b''


def test_redis_cli_and_benchmark_are_content(pair):
    _, kept = pair
    port = str(kept.port)
    done = subprocess.run(['redis-cli', '-p', port], input='PING\nINFO keeper\nROLE\n',
                          capture_output=True, text=True, timeout=20, check=True)
    assert 'PONG' in done.stdout and 'keeper_state:streaming' in done.stdout
    done = subprocess.run(['redis-benchmark', '-p', port, '-t', 'ping', '-n', '2000', '-c', '10', '-q'],
                          capture_output=True, text=True, timeout=30, check=True)
    assert 'PING_MBULK' in done.stdout
    assert 'WARNING' not in done.stdout + done.stderr


def test_redis_cli_takes_a_snapshot_from_it(pair, bench):
    stock, kept = pair
    rdb = bench.folder / 'copy.rdb'
    subprocess.run(['redis-cli', '-p', str(kept.port), '--rdb', str(rdb)], capture_output=True,
                   timeout=20, check=True)
    subprocess.run(['redis-check-rdb', str(rdb)], capture_output=True, timeout=20, check=True)
