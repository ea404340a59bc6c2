"""Relays between stock Redis servers and keepers: chains, refusals, loss of a relay, draining."""

import signal
import socket

import pytest
import redis

from harness.process import free_port
from harness.redis_server import wait_in_sync
from harness.relay import check_route, read_all, read_line
from harness.waiting import eventually
from test_resync import fill


def rule(server):
    return f'127.0.0.1:{server.port}'


def chain(relay, server, certificates):
    """near -> TLS -> far -> server: (near, far)."""
    far = relay([rule(server)], name='far', tls=certificates)
    near = relay([f'127.0.0.1:{far.tls_port}'], name='near', tls=certificates)
    return near, far


def route_to(near, far):
    return f'{near.uri} {far.tls_uri}'


def ping_through(near, route):
    """A connection on which `route` was asked for and Redis has answered."""
    link = near.connect()
    link.sendall(f'+PROXY ROUTE {route};\r\n'.encode() + b'PING\r\n')
    return link, read_line(link)


# --- tunnels --------------------------------------------------------------------------------------

def test_a_tunnel_over_two_relays_with_tls_between_them_reaches_a_redis(relay, redis_server, certificates):
    server = redis_server()
    near, far = chain(relay, server, certificates)
    link, answer = ping_through(near, f'{far.tls_uri} TCP://127.0.0.1:{server.port}')
    assert answer == '+PONG\r\n'
    link.sendall(b'CLIENT LIST\r\n')
    assert read_line(link).startswith('$')
    link.close()
    eventually(lambda: near.health()['tunnels'] == 0 and far.health()['tunnels'] == 0, 'both have ended')


def test_an_end_in_one_direction_leaves_the_other_open(relay):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        ours = relay([f'127.0.0.1:{listener.getsockname()[1]}'])
        link = ours.connect()
        link.sendall(f'+PROXY ROUTE TCP://127.0.0.1:{listener.getsockname()[1]}\r\nquestion'.encode())
        link.shutdown(socket.SHUT_WR)
        server, _ = listener.accept()
        assert read_all(server) == 'question'
        server.sendall(b'answer')
        server.close()
        assert read_all(link) == 'answer'


def test_a_receiver_that_does_not_read_holds_its_sender_not_the_relays_memory(relay):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        port = listener.getsockname()[1]
        ours = relay([f'127.0.0.1:{port}'], flags={'send-buffer-bytes': '256KiB',
                                                  'receive-buffer-bytes': '256KiB'})
        link = ours.connect()
        link.sendall(f'+PROXY ROUTE TCP://127.0.0.1:{port}\r\n'.encode())
        server, _ = listener.accept()
        link.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200 << 20:
                sent += link.send(b'x' * 65536)
        assert sent < 20 << 20
        link.settimeout(10)
        link.shutdown(socket.SHUT_WR)
        seen = 0
        while piece := server.recv(1 << 20):
            seen += len(piece)
        assert seen == sent


def test_a_keeper_over_two_relays_has_the_masters_data(relay, redis_server, keeper, certificates, load):
    master = redis_server('master')
    fill(master)
    near, far = chain(relay, master, certificates)
    writes = load(master)
    ours = keeper(master, flags={'route': route_to(near, far)})
    eventually(ours.link_is_up, 'upstream up')
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    writes.stop()
    wait_in_sync(master, replica)
    master.expires(False)
    assert master.digest() == replica.digest()
    assert master.stats('sync_full') == 1
    assert ours.info('keeper')['keeper_upstream_route'] == route_to(near, far)
    # All of the keeper's connections come through the relays, those that poll INFO too.
    assert near.metric('sluice_relay_tunnels_total') >= 2
    # Between Sluice peers the stream is compressed.
    eventually(lambda: far.metric('sluice_relay_compression_ratio') > 1.1, 'the far relay compresses')


def test_tls_of_the_upstream_runs_inside_the_tunnel(relay, redis_server, keeper, tls):
    master = redis_server('master', tls=tls, password='secret')
    ours_relay = relay([rule(master)])
    ours = keeper(master, upstream_tls=tls, upstream_password='secret',
                  flags={'route': ours_relay.uri, 'upstream-tls-ca': tls.files.ca,
                         'upstream-tls-cert': tls.files.client_cert,
                         'upstream-tls-key': tls.files.client_key})
    eventually(ours.link_is_up, 'upstream up')
    master.client.set('key', 'value')
    replica = redis_server('replica', replica_of=ours)
    eventually(lambda: replica.client.get('key') == b'value', 'replicated')


@pytest.mark.parametrize('victim', ['near', 'far'])
def test_a_killed_relay_costs_a_partial_resync(relay, redis_server, keeper, certificates, load, victim):
    master = redis_server('master')
    fill(master)
    near, far = chain(relay, master, certificates)
    ours = keeper(master, flags={'route': route_to(near, far)})
    eventually(ours.link_is_up, 'upstream up')
    replica = redis_server('replica', replica_of=ours)
    eventually(replica.link_is_up, 'replica up')
    writes = load(master)
    killed = {'near': near, 'far': far}[victim]
    for _ in range(3):
        before = ours.info('keeper')['keeper_upstream_sync_partial']
        killed.kill()
        eventually(lambda: not ours.link_is_up(), 'the keeper has noticed')
        killed.start()
        eventually(ours.link_is_up, 'upstream up again')
        assert ours.info('keeper')['keeper_upstream_sync_partial'] > before
    writes.stop()
    wait_in_sync(master, replica)
    master.expires(False)
    assert master.digest() == replica.digest()
    assert master.stats('sync_full') == 1 and ours.info('stats')['sync_full'] == 1


def test_the_keeper_says_which_hop_failed(relay, redis_server, keeper, certificates):
    master = redis_server('master')
    near, far = chain(relay, master, certificates)
    master.kill()
    ours = keeper(master, flags={'route': route_to(near, far)})
    wanted = (f':{far.tls_port}', f':{master.port}', 'refused')

    def says_why():
        said = ours.info('keeper')['keeper_upstream_why']
        assert all(word in said for word in wanted), said
        return said
    why = eventually(says_why, 'it says why')
    assert why in ours.log_text() or 'unreachable' in ours.log_text()


# --- refusals -------------------------------------------------------------------------------------

HOSTILE = {
    'too long': b'+PROXY ROUTE TCP://' + b'a' * 2000,
    'too long with CRLF': b'+PROXY ROUTE TCP://127.0.0.1:1;' + b'X' * 2000 + b'\r\n',
    'not a line': b'GET / HTTP/1.1\r\n\r\n',
    'bytes of TLS': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'no route': b'+PROXY ROUTE \r\n',
    'empty': b'+PROXY \r\n',
    'scheme': b'+PROXY ROUTE HTTP://127.0.0.1:1\r\n',
    'port': b'+PROXY ROUTE TCP://127.0.0.1:99999\r\n',
    'unknown and mandatory': b'+PROXY ROUTE TCP://127.0.0.1:1;TELEPORT 1#;\r\n',
    'too many hops': b'+PROXY ROUTE ' + b' '.join([b'PROXYTCP://127.0.0.1:1'] * 30) + b'\r\n',
    'zero byte': b'+PROXY ROUTE TCP://127.0.0.1:1\0\r\n',
}


@pytest.mark.parametrize('line', HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_line_is_refused_with_an_error(relay, line):
    ours = relay(['127.0.0.1'])
    answer = ours.say(line)
    assert answer.startswith('-PROXY bad-line ') and answer.endswith('\r\n'), answer
    assert ours.metric('sluice_relay_refusals_total', reason='bad-line') == 1
    assert ours.health()['tunnels'] == 0


def test_a_line_that_never_ends_is_refused_in_time(relay):
    ours = relay(['127.0.0.1'], flags={'line-timeout': '300ms'})
    assert ours.say(b'+PROXY ROUTE TCP://127.0.0.1:1', half_close=False).startswith('-PROXY late ')
    assert ours.metric('sluice_relay_refusals_total', reason='late') == 1


def test_nothing_is_routed_without_an_allow_list(relay, redis_server):
    server = redis_server()
    ours = relay([])
    for target in (f'TCP://127.0.0.1:{server.port}', f'TCP://localhost:{server.port}'):
        assert ours.say(f'+PROXY ROUTE {target}\r\n').startswith('-PROXY not-allowed ')
    assert ours.metric('sluice_relay_refusals_total', reason='not-allowed') == 2


def test_only_listed_destinations_are_connected_to_whatever_they_are_called(relay, redis_server):
    listed, other = redis_server('listed'), redis_server('other')
    ours = relay([rule(listed)])
    for name in ('127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'):
        link = ours.connect()
        link.sendall(f'+PROXY ROUTE TCP://{name}:{listed.port}\r\nPING\r\n'.encode())
        assert read_line(link) == '+PONG\r\n', name
        assert ours.say(f'+PROXY ROUTE TCP://{name}:{other.port}\r\n').startswith('-PROXY not-allowed ')
    for private in ('10.0.0.1:6379', '169.254.169.254:80', '[::1]:22', '0.0.0.0:22'):
        assert ours.say(f'+PROXY ROUTE TCP://{private}\r\n').startswith('-PROXY not-allowed ')
    # One record per reason and interval.
    assert ours.log_text().count('reason=not-allowed') == 1


def test_clients_reach_what_their_certificate_allows(relay, redis_server, certificates):
    server = redis_server()
    mine = {'name': 'keepers', 'certificate': ['client'], 'allow': [rule(server)]}
    ours = relay([], tls=certificates, clients=[mine])
    line = f'+PROXY ROUTE TCP://127.0.0.1:{server.port}\r\nPING\r\n'.encode()
    assert ours.say(line).startswith('-PROXY not-allowed ')
    with ours.connect(certificates) as link:
        link.sendall(line)
        assert read_line(link) == '+PONG\r\n'


def test_a_tls_client_without_a_certificate_does_not_get_in(relay, certificates):
    ours = relay(['127.0.0.1'], tls=certificates)
    code, text = check_route(ours.tls_uri + ' TCP://127.0.0.1:1', '--tls-ca', certificates.ca)
    assert code == 1 and 'certificate required' in text
    eventually(lambda: ours.metric('sluice_relay_tls_handshakes_failed_total') >= 1, 'counted')
    assert 'TLS handshake failed' in ours.log_text()


def test_a_route_back_to_the_relay_itself_is_refused(relay):
    ours = relay(['127.0.0.1', 'localhost'])
    for host in ('127.0.0.1', 'localhost'):
        answer = ours.say(f'+PROXY ROUTE PROXYTCP://{host}:{ours.port} TCP://127.0.0.1:1\r\n')
        assert answer.startswith('-PROXY loop '), answer


def test_a_refusal_of_a_later_hop_names_that_hop(relay, certificates):
    far = relay([], name='far', tls=certificates)
    near = relay([f'127.0.0.1:{far.tls_port}'], name='near', tls=certificates)
    answer = near.say(f'+PROXY ROUTE {far.tls_uri} TCP://127.0.0.1:1\r\n')
    assert 'is not on the allow-list' in answer and f':{far.tls_port}' in answer, answer


def test_tunnels_beyond_the_limit_are_refused(relay, redis_server):
    server = redis_server()
    ours = relay([rule(server)], flags={'tunnels-max': 2})
    target = f'TCP://127.0.0.1:{server.port}'
    held = [ping_through(ours, target) for _ in range(2)]
    assert ping_through(ours, target)[1].startswith('-PROXY full ')
    for link, answer in held:
        assert answer == '+PONG\r\n'
        link.close()
    eventually(lambda: ping_through(ours, target)[1] == '+PONG\r\n', 'there is room again')


# --- ping, monitor, choice ------------------------------------------------------------------------

def test_ping_and_monitor_answer_as_the_field_expects(relay, redis_server, certificates):
    server = redis_server()
    near, far = chain(relay, server, certificates)
    link = near.connect()
    link.sendall(b'+PROXY PING\r\n')
    assert read_line(link) == f'+PROXY PONG 127.0.0.1:{near.port}\r\n'
    link.sendall(f'+PROXY PING {far.tls_uri}\r\n'.encode())
    words = read_line(link).split()
    assert words[:4] == ['+PROXY', 'PONG', f'127.0.0.1:{far.tls_port}', f'127.0.0.1:{far.tls_port}']
    assert 0 <= int(words[4]) < 5000
    tunnel, _ = ping_through(near, f'{far.tls_uri} TCP://127.0.0.1:{server.port}')
    for kind, fields in (('TunnelStats', 8), ('SocketStats', 3), ('TrafficStats', 3)):
        link.sendall(f'+PROXY MONITOR {kind}\r\n'.encode())
        rows = read_resp(link)
        assert len(rows) == 1 and len(rows[0]) == fields, (kind, rows)
    link.sendall(b'+PROXY MONITOR PingStats\r\n')
    rows = eventually(lambda: read_resp(link), 'the far relay is probed')
    assert rows[0][2] == f'127.0.0.1:{far.tls_port}'
    tunnel.close()


def read_resp(link):
    line = read_line(link).rstrip()
    if line[0] == '*':
        return [read_resp(link) for _ in range(int(line[1:]))]
    return int(line[1:]) if line[0] == ':' else line[1:]


def test_a_dead_alternative_is_taken_out_and_comes_back(relay, redis_server):
    server = redis_server()
    one, two = relay([rule(server)], name='one'), relay([rule(server)], name='two')
    near = relay([f'127.0.0.1:{one.port}', f'127.0.0.1:{two.port}'], name='near')
    route = f'{one.uri},{two.uri} TCP://127.0.0.1:{server.port}'
    assert ping_through(near, route)[1] == '+PONG\r\n'
    one.kill()
    eventually(lambda: near.health()['dead_hops'] == [one.uri], 'taken out', within=3.0)
    for _ in range(5):
        assert ping_through(near, route)[1] == '+PONG\r\n'
    one.start()
    eventually(lambda: near.health()['dead_hops'] == [], 'back')


def test_a_tunnel_leaves_a_relay_that_goes_dark_for_one_that_answers(relay, redis_server, keeper):
    master = redis_server('master')
    fars = [relay([rule(master)], name=name) for name in ('one', 'two')]
    near = relay([f'127.0.0.1:{far.port}' for far in fars], name='near')
    ours = keeper(master, flags={'route': f'{near.uri} {",".join(far.uri for far in fars)}'})
    eventually(ours.link_is_up, 'upstream up')
    dark = max(fars, key=lambda far: far.health()['tunnels'])
    before = ours.info('keeper')['keeper_upstream_sync_partial']
    dark.pause()  # its kernel still takes connections, and nothing answers on them
    eventually(lambda: ours.info('keeper')['keeper_upstream_sync_partial'] > before and ours.link_is_up(),
               'the keeper goes on through the other', within=30)  # cut_max is 90
    master.client.set('key', 'value')
    eventually(lambda: ours.offset == master.offset, 'the stream flows')
    dark.resume()
    assert master.stats('sync_full') == 1


def test_a_keeper_takes_another_route_while_it_runs(relay, redis_server, keeper):
    master = redis_server('master')
    one, two = relay([rule(master)], name='one'), relay([rule(master)], name='two')
    ours = keeper(master, flags={'route': one.uri})
    eventually(ours.link_is_up, 'upstream up')
    assert two.metric('sluice_relay_tunnels_total') == 0
    ours.client.config_set('route', two.uri)
    eventually(lambda: two.health()['tunnels'] > 0 and ours.link_is_up(), 'over the other relay')
    ours.client.config_set('route', '')
    eventually(lambda: two.health()['tunnels'] == 0 and ours.link_is_up(), 'directly')
    with pytest.raises(redis.ResponseError, match='is no relay'):
        ours.client.config_set('route', 'TCP://127.0.0.1:1')
    assert master.stats('sync_full') == 1


# --- life -----------------------------------------------------------------------------------------

def test_certificates_are_reloaded_without_dropping_tunnels(relay, redis_server, certificates):
    server = redis_server()
    near, far = chain(relay, server, certificates)
    target = f'{far.tls_uri} TCP://127.0.0.1:{server.port}'
    tunnel, answer = ping_through(near, target)
    assert answer == '+PONG\r\n'

    whole = certificates.server_cert.read_bytes()
    certificates.server_cert.write_bytes(whole[:100])
    eventually(lambda: ping_through(near, target)[1] == '+PONG\r\n' and
               far.metric('sluice_relay_tls_reloads_total', outcome='refused') >= 1, 'the old one stays')

    certificates.renew_server()

    def subject():
        with far.connect(certificates) as link:
            return dict(pair[0] for pair in link.getpeercert()['subject'])['commonName']

    eventually(lambda: subject() == 'renewed', 'new handshakes see the new certificate')
    tunnel.sendall(b'PING\r\n')
    assert read_line(tunnel) == '+PONG\r\n'
    assert far.metric('sluice_relay_tls_reloads_total', outcome='taken') >= 1


def test_the_allow_list_is_read_again_upon_sighup(relay, redis_server, certificates):
    kept, dropped, added = redis_server('kept'), redis_server('dropped'), redis_server('added')

    def client(*servers):
        return {'name': 'all', 'from': ['127.0.0.0/8'], 'allow': [rule(server) for server in servers]}

    ours = relay([], clients=[client(kept, dropped)])
    tunnels = {server: ping_through(ours, f'TCP://127.0.0.1:{server.port}')[0] for server in (kept, dropped)}
    assert ping_through(ours, f'TCP://127.0.0.1:{added.port}')[1].startswith('-PROXY not-allowed ')

    ours.clients = [client(kept, added)]
    ours.argv()  # writes the file
    ours.child.send_signal(signal.SIGHUP)
    eventually(lambda: ping_through(ours, f'TCP://127.0.0.1:{added.port}')[1] == '+PONG\r\n', 'taken')
    assert ping_through(ours, f'TCP://127.0.0.1:{dropped.port}')[1].startswith('-PROXY not-allowed ')
    assert read_all(tunnels[dropped]) == '', 'what is not allowed any more ends'
    tunnels[kept].sendall(b'PING\r\n')
    assert read_line(tunnels[kept]) == '+PONG\r\n'

    ours.config.write_text('[[client]]\nname = "all"\n')
    ours.child.send_signal(signal.SIGHUP)
    eventually(lambda: ours.metric('sluice_relay_reloads_total', outcome='refused') == 1, 'refused')
    assert ping_through(ours, f'TCP://127.0.0.1:{added.port}')[1] == '+PONG\r\n', 'the old one still holds'
    assert "client 'all' needs certificate or from" in ours.log_text()


def test_a_draining_relay_refuses_new_tunnels_and_lets_old_ones_end(relay, redis_server):
    server = redis_server()
    ours = relay([rule(server)], flags={'drain-time': '30s'})
    target = f'TCP://127.0.0.1:{server.port}'
    tunnel, _ = ping_through(ours, target)
    ours.child.send_signal(signal.SIGTERM)
    eventually(lambda: ping_through(ours, target)[1].startswith('-PROXY draining '), 'draining')
    tunnel.sendall(b'PING\r\n')
    assert read_line(tunnel) == '+PONG\r\n'
    assert ours.child.poll() is None
    tunnel.close()
    eventually(lambda: ours.child.poll() == 0, 'it ends with its last tunnel')


def test_draining_ends_at_its_time(relay, redis_server):
    server = redis_server()
    ours = relay([rule(server)], flags={'drain-time': '300ms'})
    tunnel, _ = ping_through(ours, f'TCP://127.0.0.1:{server.port}')
    ours.child.send_signal(signal.SIGTERM)
    eventually(lambda: ours.child.poll() == 0, 'it has ended')
    assert read_all(tunnel) == ''


def test_check_walks_a_route_and_says_where_it_fails(relay, redis_server, certificates):
    server = redis_server()
    near, far = chain(relay, server, certificates)
    route = f'{route_to(near, far)} TCP://127.0.0.1:{server.port}'
    code, text = check_route(route)
    assert code == 0 and text.count(' ok ') == 3 and 'round trip' in text, text
    far.kill()
    code, text = check_route(route)
    assert code == 1 and 'the route fails at hop 2' in text and 'connection refused' in text, text
    code, text = check_route(route, '--json')
    assert code == 1 and '"failed_hop":2' in text
    assert check_route('PROXYTCP://')[0] == 2


def test_wrong_settings_are_refused_with_what_would_be_right(relay):
    ours = relay(['10.0.0.1/8'], start=False)
    with pytest.raises(RuntimeError, match='bits set behind its prefix'):
        ours.start()
    ours = relay(['127.0.0.1'], start=False, flags={'tls-listen': f'127.0.0.1:{free_port()}'})
    with pytest.raises(RuntimeError, match='tls_listen needs tls_cert, tls_key and tls_ca'):
        ours.start()
