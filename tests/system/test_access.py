"""Passwords, ACL users and TLS on both sides of a keeper."""

import socket
import ssl

import pytest
import redis

from harness.redis_server import wait_in_sync
from harness.waiting import eventually, never

PASSWORD = 'a:b@c/d e%f'  # everything that a URL must escape


def quoted(password):
    return password.replace('%', '%25').replace(':', '%3A').replace('@', '%40').replace('/', '%2F') \
        .replace(' ', '%20')


def test_a_password_on_both_sides(redis_server, keeper):
    master = redis_server('master', password='upstream-secret')
    ours = keeper(master, upstream_password='upstream-secret', password='keeper-secret',
                  flags={'requirepass': 'keeper-secret'})
    replica = redis_server('replica', replica_of=ours, options={'masterauth': 'keeper-secret'})
    master.client.set('k', 'v')
    wait_in_sync(master, replica)
    assert 'secret' not in ours.log_text()


def test_acl_users_on_both_sides(redis_server, keeper):
    master = redis_server('master')
    master.client.execute_command(
        'ACL', 'SETUSER', 'keeper', 'on', f'>{PASSWORD}', '+psync', '+replconf', '+ping')
    ours = keeper(master, upstream_user='keeper', upstream_password=quoted(PASSWORD),
                  user='reader', password='reads', flags={'requirepass': 'x', 'users': 'reader:reads'})
    replica = redis_server('replica', replica_of=ours,
                           options={'masteruser': 'reader', 'masterauth': 'reads'})
    master.client.set('k', 'v')
    wait_in_sync(master, replica)


def test_a_wrong_upstream_password_is_a_clear_state_that_heals(redis_server, keeper):
    master = redis_server('master', password='right')
    ours = keeper(master, upstream_password='wrong')
    eventually(lambda: 'WRONGPASS' in ours.log_text(), 'the log says what is wrong')
    assert not ours.link_is_up()
    assert 'wrong@' not in ours.log_text()
    master.client.config_set('requirepass', 'wrong')
    eventually(ours.link_is_up, 'goes on once the password is right', within=30)


def test_a_stranger_learns_nothing(redis_server, keeper):
    master = redis_server('master')
    ours = keeper(master, password='keeper-secret', flags={'requirepass': 'keeper-secret'})
    eventually(ours.link_is_up, 'up')
    stranger = ours.connect(password=None)
    for words in (['INFO'], ['PSYNC', '?', '-1'], ['REPLICAOF', 'NO', 'ONE'], ['KEEPER', 'STATUS'],
                  ['CONFIG', 'GET', '*'], ['SHUTDOWN']):
        with pytest.raises((redis.AuthenticationError, redis.ResponseError), match='(?i)auth'):
            stranger.execute_command(*words)
    with pytest.raises((redis.AuthenticationError, redis.ResponseError), match='WRONGPASS|invalid'):
        ours.connect(password='guess').ping()
    assert ours.alive and ours.link_is_up()


def test_a_replica_with_a_wrong_password_gets_nothing(redis_server, keeper):
    master = redis_server('master')
    master.client.set('k', 'v')
    ours = keeper(master, password='right', flags={'requirepass': 'right'})
    eventually(ours.link_is_up, 'up')
    replica = redis_server('replica', replica_of=ours, options={'masterauth': 'wrong'})
    eventually(lambda: 'WRONGPASS' in replica.log_text(), 'refused')
    never(lambda: replica.client.dbsize(), 'it got data', during=1.0)
    replica.client.config_set('masterauth', 'right')
    wait_in_sync(master, replica)


def test_tls_on_both_sides(redis_server, keeper, tls):
    files = tls.files
    master = redis_server('master', tls=tls)
    ours = keeper(master, upstream_tls=tls, tls=tls, flags={
        'upstream-tls-ca': files.ca, 'upstream-tls-cert': files.client_cert,
        'upstream-tls-key': files.client_key, 'listen-tls-ca': files.ca,
        'listen-tls-cert': files.server_cert, 'listen-tls-key': files.server_key})
    replica = redis_server('replica', replica_of=ours, tls=tls)
    for n in range(500):
        master.client.set(f'k{n}', 'v' * 1000)
    wait_in_sync(master, replica)
    with socket.create_connection(('127.0.0.1', ours.port), timeout=5) as plain:
        plain.sendall(b'PING\r\n')
        assert b'PONG' not in plain.recv(100)
    without_certificate = ssl.create_default_context(cafile=str(files.ca))
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        with socket.create_connection(('127.0.0.1', ours.port), timeout=5) as bare:
            with without_certificate.wrap_socket(bare, server_hostname='127.0.0.1') as secure:
                secure.sendall(b'PING\r\n')
                assert secure.recv(100)


def test_an_upstream_whose_certificate_is_not_trusted_is_refused(redis_server, keeper, tls, tmp_path):
    from harness.certificates import Certificates
    stranger = Certificates(tmp_path / 'other')
    master = redis_server('master', tls=tls)
    ours = keeper(master, upstream_tls=tls, flags={
        'upstream-tls-ca': stranger.ca, 'upstream-tls-cert': tls.files.client_cert,
        'upstream-tls-key': tls.files.client_key})
    eventually(lambda: 'certificate' in ours.log_text().lower(), 'the log says why')
    assert not ours.link_is_up()
    assert master.stats('sync_full') == 0
