"""Writes of every kind to a master, from a thread, until stopped; survives a failover."""

import random
import threading
import time

import redis


def write_some(client, rng, count):
    """`count` writes in one pipeline: all types, expiry, transactions, scripts, several databases."""
    pipe = client.pipeline(transaction=False)
    for _ in range(count):
        n = rng.randrange(5000)
        kind = rng.randrange(12)
        if kind < 5:
            pipe.set(f'string:{n}', rng.randbytes(rng.randrange(1, 200)))
        elif kind == 5:
            pipe.hset(f'hash:{n % 500}', f'field{n % 40}', rng.randbytes(20))
        elif kind == 6:
            pipe.rpush(f'list:{n % 200}', n)
            pipe.ltrim(f'list:{n % 200}', -50, -1)
        elif kind == 7:
            pipe.zadd(f'zset:{n % 200}', {f'member{n % 60}': n})
        elif kind == 8:
            pipe.set(f'expiring:{n}', n, px=rng.randrange(50, 100000))
        elif kind == 9:
            pipe.incr(f'counter:{n % 50}')
        elif kind == 10:
            pipe.delete(f'string:{n}')
        else:
            pipe.xadd(f'stream:{n % 20}', {'n': n}, maxlen=100, approximate=False)
    if rng.random() < 0.1:
        pipe.execute_command('EVAL', "redis.call('set', KEYS[1], ARGV[1]) "
                             "redis.call('incr', KEYS[2])", 2, 'scripted', 'scripts', rng.randrange(9))
        pipe.execute_command('MULTI')
        pipe.execute_command('SET', 'in-transaction:a', rng.randrange(1000))
        pipe.execute_command('INCR', 'in-transaction:b')
        pipe.execute_command('EXEC')
    pipe.execute()


class Load:
    """`port` is asked before each reconnect: an int, or a function that returns the master's port.
    `connect` makes the connections instead: redis_server.Server.connect, say."""

    def __init__(self, port, pipeline=50, pause=0.002, seed=1, connect=None, **connection):
        self._port = port if callable(port) else lambda: port
        self._make = connect
        self._pipeline, self._pause = pipeline, pause
        self._rng = random.Random(seed)
        self._connection = connection
        self.batches = 0
        self.errors = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _connect(self, db=0):
        if self._make:
            return self._make(db=db, socket_timeout=5, **self._connection)
        return redis.Redis(host='127.0.0.1', port=self._port(), db=db, socket_timeout=5,
                           **self._connection)

    def _run(self):
        clients = None
        while not self._stopping.is_set():
            try:
                clients = clients or [self._connect(), self._connect(db=3)]
                write_some(clients[self._rng.random() < 0.1], self._rng, self._pipeline)
                self.batches += 1
            except (redis.RedisError, OSError):
                self.errors += 1
                clients = None
                self._stopping.wait(0.05)
            if self._pause:
                time.sleep(self._pause)

    def stop(self):
        self._stopping.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
