"""A keeper passes on what is published on its master, as a replica of Redis does."""

import random

import pytest

from harness.waiting import eventually


class Listener:
    """A connection that subscribed, and what it was sent."""

    def __init__(self, server, channels=(), patterns=()):
        self._pubsub = server.connect().pubsub()
        if channels:
            self._pubsub.subscribe(*channels)
        if patterns:
            self._pubsub.psubscribe(*patterns)
        self.messages = []
        self._confirmations = len(channels) + len(patterns)
        eventually(lambda: self.read() or self._confirmations == 0, 'the subscription')

    def read(self):
        while (message := self._pubsub.get_message(timeout=0)) is not None:
            if message['type'].endswith('subscribe'):
                self._confirmations -= 1
            else:
                self.messages.append((message['channel'], message['data']))
        return []

    def texts(self):
        self.read()
        return [data for _, data in self.messages]

    def close(self):
        self._pubsub.close()


@pytest.fixture
def listener(bench):
    return lambda *args, **options: bench.add_other(Listener(*args, **options))


@pytest.fixture
def followed(redis_server, keeper):
    master = redis_server(name='master')
    kept = keeper(master)
    eventually(kept.link_is_up, 'follows', 20)
    return master, kept


def test_passes_on_what_the_master_publishes_in_order_under_load(followed, listener, load):
    master, kept = followed
    load(master)
    near = listener(kept, ['news'])
    wide = listener(kept, patterns=['n*'])
    other = listener(kept, ['elsewhere'])
    rng = random.Random(1)
    sent = []
    for n in range(400):
        sent.append(b'%d:' % n + rng.randbytes(rng.randrange(200)))
        master.client.execute_command(rng.choice(['PUBLISH', 'publish', 'Publish']), 'news', sent[-1])
    eventually(lambda: len(near.texts()) >= len(sent) and len(wide.texts()) >= len(sent), 'all came')
    assert near.texts() == sent
    assert wide.texts() == sent
    assert other.texts() == []


def test_passes_on_what_transactions_and_scripts_publish(followed, listener):
    master, kept = followed
    near = listener(kept, ['news'])
    pipe = master.client.pipeline(transaction=True)
    pipe.set('key', 'value').publish('news', 'in a transaction').set('key', '$7\r\npublish\r\n')
    pipe.execute()
    master.client.eval("redis.call('publish', 'news', ARGV[1])", 0, 'in a script')
    master.client.publish('news', 'x' * 300_000)
    master.client.publish('news', 'last')
    eventually(lambda: near.texts()[-1:] == [b'last'], 'the last came')
    assert near.texts() == [b'in a transaction', b'in a script', b'x' * 300_000, b'last']


def test_says_nothing_of_messages_from_before_the_subscription(followed, listener):
    master, kept = followed
    first = listener(kept, ['news'])
    master.client.publish('news', 'early')
    eventually(lambda: first.texts() == [b'early'], 'the first came')
    late = listener(kept, ['news'])
    first.close()
    master.client.publish('news', 'late')
    eventually(lambda: late.texts(), 'the second came')
    assert late.texts() == [b'late']


def test_goes_on_after_the_master_was_replaced_by_another(redis_server, followed, listener):
    master, kept = followed
    near = listener(kept, ['news'])
    other = redis_server(name='other')
    other.client.set('key', 'of another history')
    kept.client.execute_command('REPLICAOF', '127.0.0.1', other.port)

    def arrives():
        other.client.publish('news', 'from the other')
        return b'from the other' in near.texts()

    eventually(arrives, 'what the other publishes comes', 30)


def test_passes_on_messages_that_came_through_two_keepers(followed, keeper, redis_server, listener):
    master, kept = followed
    far = keeper(kept, name='far')
    replica = redis_server(name='replica', replica_of=far)
    eventually(replica.link_is_up, 'follows', 30)
    ends = [listener(server, ['news']) for server in (kept, far, replica)]
    for n in range(20):
        master.client.publish('news', n)
    for end in ends:
        eventually(lambda: len(end.texts()) == 20, 'all came')
        assert end.texts() == [b'%d' % n for n in range(20)]
