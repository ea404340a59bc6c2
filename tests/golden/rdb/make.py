#!/usr/bin/env python3
"""Makes the RDBs beside it: most from a real redis-server, the rest by hand, in formats that it no
longer or does not yet write. expected.json says what is in them, by the server's own count.

    tests/golden/rdb/make.py [redis-server]
"""

import json
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

HERE = Path(__file__).parent
FUTURE_MS = 4_102_444_800_000


# ---- from a server --------------------------------------------------------------------------

class Server:
    def __init__(self, binary, folder):
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        args = [binary, '--port', str(self.port), '--bind', '127.0.0.1', '--dir', folder,
                '--save', '', '--repl-diskless-sync', 'no', '--logfile', f'{folder}/log']
        self.process = subprocess.Popen(args)
        self.client = redis.Redis(port=self.port)
        for _ in range(100):
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
        raise SystemExit('redis-server does not start')

    def db(self, number):
        return redis.Redis(port=self.port, db=number)

    def save(self):
        self.client.save()
        return Path(self.folder, 'dump.rdb').read_bytes()

    def sync(self):
        """What a replica gets: it alone carries repl-id, repl-offset and repl-stream-db."""
        with socket.create_connection(('127.0.0.1', self.port)) as link:
            link.sendall(b'SYNC\r\n')
            stream = link.makefile('rb')
            line = stream.readline()
            while line == b'\n':
                line = stream.readline()
            return stream.read(int(line[1:]))

    def expected(self):
        dbs = {name[2:]: {'keys': db['keys'], 'expires': db['expires']}
               for name, db in self.client.info('keyspace').items()}
        return {'engine': 'redis', 'version': 10, 'dbs': dbs}

    def stop(self):
        self.process.terminate()
        self.process.wait()


def fill(server):
    rng = random.Random(7)
    noise = [''.join(rng.choices('abcdefghijklmnopqrstuvwxyz0123456789', k=12)) for _ in range(150)]
    db = server.db(0)
    for number in (0, -1, 127, -128, 128, 32767, -32768, 40000, 2**31 - 1, -2**31, 2**31, -2**63):
        db.set(f'int:{number}', number)
    db.set('empty', '')
    db.set('long', ''.join(noise[:8]))
    db.set('packed', 'abc' * 100)
    db.set('length:14bit', ''.join(noise[:20]))
    db.set('length:64', 'x' * 64)
    db.set('expires', 'v', pxat=FUTURE_MS)
    db.rpush('list:small', 1, 'two', 3.5)
    db.rpush('list:big', *noise, *noise)
    db.rpush('list:plain', ''.join(noise) * 6)
    db.sadd('set:ints', 1, 2, 70000, 2**40)
    db.sadd('set:big', *noise)
    db.zadd('zset:small', {'a': 1, 'b': 2.5, 'c': float('inf')})
    db.zadd('zset:big', {member: rng.random() for member in noise})
    db.hset('hash:small', mapping={'f': 'v', 'n': 1})
    db.hset('hash:big', mapping={member: member for member in noise})
    db.hset('hash:expires', 'f', 'v')
    db.pexpireat('hash:expires', FUTURE_MS)
    db.setbit('bits', 100, 1)
    db.pfadd('hll', *noise)
    db.geoadd('geo', (13.36, 38.11, 'Palermo'))
    for number in range(1, 130):
        db.xadd('stream', {'field': number, 'other': 'value'}, id=f'{number}-1')
    db.xadd('stream:empty', {'f': 'v'}, id='1-1')
    db.xdel('stream:empty', '1-1')
    db.xgroup_create('stream', 'group', id='0')
    db.xgroup_create('stream', 'idle', id='$')
    db.xreadgroup('group', 'alice', {'stream': '>'}, count=70)
    db.xreadgroup('group', 'bob', {'stream': '>'}, count=3)
    db.xack('stream', 'group', '1-1', '2-1')
    db.execute_command('FUNCTION', 'LOAD', '#!lua name=lib\nredis.register_function'
                       '("f", function(keys, args) return 1 end)')
    for number in (1, 9, 15):
        other = server.db(number)
        other.set('key', number)
        other.set('expires', number, pxat=FUTURE_MS)


def small(server):
    """As `fill`, in little: each byte of it is flipped and cut in the tests."""
    db = server.db(0)
    db.set('int', 1234)
    db.set('packed', 'abc' * 30)
    db.set('expires', 'v', pxat=FUTURE_MS)
    db.rpush('list', *range(5))
    db.sadd('set', 'a', 'b')
    db.zadd('zset', {'a': 1.5})
    db.hset('hash', 'f', 'v')
    db.xadd('stream', {'f': 'v'}, id='1-1')
    db.xgroup_create('stream', 'group', id='0')
    db.xreadgroup('group', 'alice', {'stream': '>'})
    server.db(3).set('key', 'value')


def from_server(binary):
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, folder)
        try:
            files['empty'] = server.save(), server.expected()
            small(server)
            files['small'] = server.save(), server.expected()
            server.client.config_set('maxmemory-policy', 'allkeys-lru')
            files['small-lru'] = server.save(), server.expected()
            server.client.config_set('maxmemory-policy', 'allkeys-lfu')
            files['small-lfu'] = server.save(), server.expected()
            server.client.config_set('hash-max-listpack-entries', 0)
            server.client.config_set('zset-max-listpack-entries', 0)
            server.client.flushall()
            small(server)
            files['small-tables'] = server.save(), server.expected()
            server.client.config_set('hash-max-listpack-entries', 128)
            server.client.config_set('zset-max-listpack-entries', 128)
            server.client.config_set('maxmemory-policy', 'noeviction')
            server.client.flushall()
            fill(server)
            whole = server.expected() | {'functions': 1}
            files['types'] = server.save(), whole
            server.client.config_set('rdbcompression', 'no')
            files['types-unpacked'] = server.save(), whole
            server.sync()
            server.db(9).set('key', 9)  # the stream is now in db 9
            files['sync'] = server.sync(), whole | {'stream_db': 9}
        finally:
            server.stop()
    return files


# ---- by hand --------------------------------------------------------------------------------

def crc64(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x95ac9329ac4bc9b5 if crc & 1 else 0)
    return struct.pack('<Q', crc)


def number(n):
    if n < 64:
        return bytes([n])
    if n < 1 << 14:
        return bytes([64 | n >> 8, n & 255])
    return b'\x80' + struct.pack('>I', n) if n < 1 << 32 else b'\x81' + struct.pack('>Q', n)


def text(s):
    data = s if isinstance(s, bytes) else s.encode()
    return number(len(data)) + data


def aux(name, value):
    return b'\xfa' + text(name) + text(value)


def value(kind, key, body):
    return bytes([kind]) + text(key) + body


def counted(*items):
    return number(len(items)) + b''.join(items)


def rdb(magic, *parts):
    body = magic + b''.join(parts) + b'\xff'
    return body + crc64(body)


def old():
    """Types that Redis wrote up to 6.2, in an RDB of version 9."""
    raw_id = bytes(16)
    millis = struct.pack('<Q', FUTURE_MS)
    stream = (counted(text(raw_id) + text('listpack')) + number(1) + number(5) +
              number(0) + counted(
                  text('group') + number(5) + number(0) + counted(raw_id + millis + number(3)) +
                  counted(text('alice') + millis + counted(raw_id, raw_id)),
                  text('idle') + number(5) + number(0) + counted() + counted()))
    module = (number(0x1234567890abcdef) + number(1) + number(7) + number(2) + number(2**40) +
              number(3) + struct.pack('<f', 1.5) + number(4) + struct.pack('<d', 2.5) +
              number(5) + text('inside') + number(0))
    module_aux = (b'\xf7' + number(0x1234567890abcdef) + number(2) + number(1) + number(5) +
                  text('aux') + number(0))
    data = rdb(b'REDIS0009', aux('redis-ver', '6.0.16'), module_aux, b'\xfe\x00', b'\xfb\x0b\x01',
               value(1, 'list', counted(text('a'), text('b'))), value(2, 'set', counted(text('a'))),
               value(3, 'zset', counted(text('a') + text('1.25'), text('b') + b'\xfd',
                                        text('c') + b'\xfe', text('d') + b'\xff')),
               value(4, 'hash', counted(text('f') + text('v'))),
               value(9, 'zipmap', text('\x01\x01f\x01\x00v')), value(10, 'ziplist', text('z')),
               value(11, 'intset', text('i')), value(12, 'zset-ziplist', text('z')),
               value(13, 'hash-ziplist', text('z')),
               value(14, 'quicklist', counted(text('z'), text('y'))),
               value(15, 'stream', stream), value(7, 'module', module),
               b'\xfd' + struct.pack('<I', 4_102_444_800) + value(0, 'old-expiry', b'\xc1\x00\x01'))
    return data, {'engine': 'redis', 'version': 9, 'dbs': {'0': {'keys': 13, 'expires': 1}}}


def ancient():
    """Before checksums and aux fields."""
    data = b'REDIS0003\xfe\x00' + value(0, 'key', text('value')) + b'\xff'
    return data, {'engine': 'redis', 'version': 3, 'dbs': {'0': {'keys': 1, 'expires': 0}}}


def redis_74():
    millis = struct.pack('<Q', FUTURE_MS)
    raw_id = bytes(16)
    stream = (counted(text(raw_id) + text('listpack')) + b''.join(map(number, range(8))) +
              counted(text('group') + number(5) + number(0) + number(1) +
                      counted(raw_id + millis + number(3)) +
                      counted(text('alice') + millis + millis + counted(raw_id))))
    data = rdb(b'REDIS0012', aux('redis-ver', '7.4.0'), b'\xfe\x00', b'\xf4\x05\x02\x01',
               value(20, 'set', text('listpack')), value(21, 'stream', stream),
               value(24, 'hash', millis + counted(number(0) + text('f') + text('v'),
                                                  number(1) + text('g') + text('w'))),
               value(25, 'hash-listpack', millis + text('listpack')))
    return data, {'engine': 'redis', 'version': 12, 'dbs': {'0': {'keys': 4, 'expires': 0}}}


def valkey_90():
    millis = struct.pack('<Q', FUTURE_MS)
    data = rdb(b'VALKEY080', aux('valkey-ver', '9.0.0'),
               b'\xf3' + text('a' * 40) + counted(number(0) + number(99), number(200) + number(16383)),
               b'\xfe\x00', value(22, 'hash', counted(text('f') + text('v') + millis,
                                                      text('g') + text('w') + b'\xff' * 8)))
    return data, {'engine': 'valkey', 'version': 80, 'dbs': {'0': {'keys': 1, 'expires': 0}}}


def main():
    files = from_server(sys.argv[1] if len(sys.argv) > 1 else 'redis-server')
    files |= {'old': old(), 'ancient': ancient(), 'redis-7.4': redis_74(), 'valkey-9.0': valkey_90()}
    unchecked = files['small'][0][:-8] + bytes(8)
    files['small-unchecked'] = unchecked, files['small'][1]
    for name, (data, _) in files.items():
        (HERE / f'{name}.rdb').write_bytes(data)
    expected = {name: about for name, (_, about) in files.items()}
    (HERE / 'expected.json').write_text(json.dumps(expected, indent=1, sort_keys=True) + '\n')


if __name__ == '__main__':
    main()
