"""Redis's own tools and clients find a keeper natural."""

import subprocess

import pytest
import redis

from harness.redis_server import wait_in_sync
from harness.waiting import eventually


@pytest.fixture
def shard(redis_server, keeper):
    master = redis_server('master')
    master.client.mset({f'k{n}': f'v{n}' for n in range(1000)})
    ours = keeper(master)
    eventually(ours.link_is_up, 'up')
    return master, ours


def redis_cli(ours, *words, seconds=20, check=True):
    done = subprocess.run(['redis-cli', '-p', str(ours.port), *map(str, words)], capture_output=True,
                          text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_redis_cli_rdb_fetches_a_file_that_redis_server_loads(shard, redis_server, bench):
    master, ours = shard
    folder = bench.folder / 'restored'
    folder.mkdir()
    redis_cli(ours, '--rdb', folder / 'dump.rdb')
    restored = redis_server('plain', options={'dir': folder})
    assert restored.digest() == master.digest()


def test_redis_cli_replica_shows_the_stream(shard, bench):
    master, ours = shard
    out = bench.folder / 'replica.out'
    with out.open('w') as file:
        tool = subprocess.Popen(['redis-cli', '-p', str(ours.port), '--replica'], stdout=file,
                                stderr=file, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: 'SYNC with master' in out.read_text(), 'it syncs')

        def shows():
            master.client.set('shown', 'here')
            return 'shown' in out.read_text()
        eventually(shows, 'it prints writes')
    finally:
        tool.kill()
        tool.wait()


def test_redis_benchmark_pings(shard):
    _, ours = shard
    done = subprocess.run(['redis-benchmark', '-p', str(ours.port), '-t', 'ping', '-n', '20000', '-q',
                           '-c', '20'], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 'requests per second' in done.stdout


def test_info_reads_as_a_replicas(shard, redis_server):
    master, ours = shard
    replica = redis_server('replica', replica_of=ours)
    wait_in_sync(master, replica)
    info = ours.info()
    assert info['role'] == 'slave'
    assert (info['master_host'], info['master_port']) == ('127.0.0.1', master.port)
    assert info['master_link_status'] == 'up'
    assert info['slave_priority'] == 0
    assert info['connected_slaves'] == 1
    assert info['slave0']['port'] == replica.port
    assert info['slave0']['state'] == 'online'
    assert info['master_replid'] == master.replid
    eventually(lambda: ours.info()['master_repl_offset'] == master.offset, 'the same offset')
    eventually(lambda: ours.info()['slave0']['offset'] == ours.offset, 'the replica acknowledges')
    everything = ours.client.info('all')
    assert {'redis_version', 'run_id', 'tcp_port', 'uptime_in_seconds', 'connected_clients'} <= set(everything)
    assert {'master_replid', 'role'} <= set(ours.client.info())


def test_role_reads_as_a_replicas(shard):
    master, ours = shard
    role = ours.client.execute_command('ROLE')
    assert role[0] == b'slave'
    assert role[1] == b'127.0.0.1' and role[2] == master.port and role[3] == b'connected'
    assert isinstance(role[4], int)


def test_client_list_and_kill(shard, redis_server):
    _, ours = shard
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    other = ours.connect()
    other.client_setname('victim')
    listed = {client['name']: client for client in ours.client.client_list()}
    assert 'victim' in listed
    assert any('S' in client['flags'] for client in ours.client.client_list())
    assert ours.client.client_kill_filter(_id=listed['victim']['id']) == 1
    eventually(lambda: 'victim' not in [c['name'] for c in ours.client.client_list()], 'gone')
    assert ours.client.execute_command('CLIENT', 'KILL', 'TYPE', 'replica') == 1
    eventually(lambda: replica.log_text().count('Successful partial resync') == 1
               and replica.link_is_up(), 'the replica returns')


def test_config_get_set_and_rewrite(shard):
    _, ours = shard
    settings = ours.client.config_get('*')
    assert settings, 'CONFIG GET * is empty'
    assert all('secret' not in str(value) for value in settings.values())
    with pytest.raises(redis.ResponseError):
        ours.client.config_set('no-such-setting', 1)


def test_unknown_and_keyspace_commands_are_answered_as_by_redis(shard):
    master, ours = shard
    replies = []
    for server in (master, ours):
        with pytest.raises(redis.ResponseError) as caught:
            server.client.execute_command('NOSUCHCOMMAND', 'a', 'b')
        replies.append(str(caught.value))
    assert replies[0] == replies[1]
    for words in (['GET', 'k1'], ['SET', 'k1', 'x'], ['FLUSHALL']):
        with pytest.raises(redis.ResponseError):
            ours.client.execute_command(*words)
    assert master.client.get('k1') == b'v1'


def test_hello_and_select_and_ping(shard):
    _, ours = shard
    hello = ours.client.execute_command('HELLO', 2)
    assert dict(zip(hello[::2], hello[1::2]))[b'role'] == b'replica'
    assert ours.client.echo('word') == b'word'
    assert ours.client.execute_command('SELECT', 0)


def test_inline_commands_and_garbage_do_no_harm(shard):
    import socket
    _, ours = shard
    with socket.create_connection(('127.0.0.1', ours.port), timeout=5) as line:
        line.sendall(b'PING\r\n')
        assert line.recv(100) == b'+PONG\r\n'
    for garbage in (b'*1000000000\r\n', b'*1\r\n$9999999999\r\n', b'\x00\xff\x16\x03\x01', b'*-5\r\n$x\r\n'):
        with socket.create_connection(('127.0.0.1', ours.port), timeout=5) as line:
            line.sendall(garbage)
            line.shutdown(socket.SHUT_WR)
            while line.recv(1000):
                pass
    assert ours.client.ping()
    assert ours.rss_bytes() < 200 << 20


def test_shutdown_ends_it_in_good_order(shard):
    _, ours = shard
    with pytest.raises((redis.ConnectionError, SystemExit)):
        ours.client.execute_command('SHUTDOWN')
    eventually(lambda: not ours.alive, 'it ends')
    assert ours.child.returncode == 0


def test_help_lists_the_flags_and_mistakes_are_named(keeper, redis_server, bench):
    from harness.keeper import SLUICE
    text = subprocess.run([SLUICE, 'keeper', '--help'], capture_output=True, text=True, check=True).stdout
    for flag in ('--upstream', '--listen', '--dir', '--fsync', '--retention-bytes', '--retention-age',
                 '--metrics', '--config'):
        assert flag in text
    assert 'sluice' in subprocess.run([SLUICE, '--version'], capture_output=True, text=True, check=True).stdout
    for words, named in ((['--fsync', 'sometimes'], 'fsync'), (['--no-such-flag'], 'no-such-flag'),
                         (['--listen', 'nonsense'], 'listen'), (['--upstream', 'http://x'], 'upstream')):
        base = ['--upstream', 'redis://127.0.0.1:1', '--listen', '127.0.0.1:0', '--dir', str(bench.folder / 'x')]
        kept = [word for at in range(0, len(base), 2) if base[at] != words[0] for word in base[at:at + 2]]
        done = subprocess.run([SLUICE, 'keeper', *kept, *words], capture_output=True, text=True, timeout=20)
        assert done.returncode not in (0, -6, -11), words
        assert named in done.stderr + done.stdout, (words, done.stderr)
