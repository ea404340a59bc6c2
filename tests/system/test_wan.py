"""The emulated WAN from the outside: delay, loss, cuts, throughput, and that nothing stays behind."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness.keeper import SLUICE
from harness.waiting import eventually

PORT = 7000  # of a host of its own
SLOW = 0.5   # seconds by which a loaded machine may be late


def listener(wan, side):
    with wan.inside(side):
        return socket.create_server((wan.address(side), PORT))


def connected(wan):
    """A TCP connection from a to b: both its ends."""
    with listener(wan, 'b') as server:
        with wan.inside('a'):
            client = socket.create_connection((wan.address('b'), PORT), timeout=30)
        accepted, _ = server.accept()
    accepted.settimeout(30)
    for end in client, accepted:
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, accepted


def round_trip(client, accepted):
    """Seconds for a byte there and back."""
    start = time.monotonic()
    client.sendall(b'?')
    assert accepted.recv(1) == b'?'
    accepted.sendall(b'!')
    assert client.recv(1) == b'!'
    return time.monotonic() - start


def test_a_byte_takes_the_round_trip_that_was_asked_for(wan):
    ocean = wan(delay='120ms')
    pair = connected(ocean)
    times = [round_trip(*pair) for _ in range(5)]
    assert min(times) >= 0.120
    assert min(times) < 0.120 + SLOW
    ocean.set(delay='0')
    assert min(round_trip(*pair) for _ in range(20)) < 0.05, 'conditions change while it runs'


def test_a_share_of_the_packets_is_lost_and_counted(wan):
    ocean = wan(loss='20%')
    with ocean.inside('b'):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        receiver.bind((ocean.address('b'), PORT))
        receiver.settimeout(5)
    with ocean.inside('a'):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = 2000
    for number in range(sent):
        sender.sendto(b'%d' % number, (ocean.address('b'), PORT))
    way = eventually(lambda: (lambda w: w['counters']['offered'] == sent and w)(ocean.direction('a', 'b')),
                     'all packets have reached the link')
    lost = way['counters']['lost']
    assert 300 < lost < 500
    numbers = [int(receiver.recv(100)) for _ in range(sent - lost)]
    assert numbers == sorted(numbers), 'order is kept'
    assert ocean.direction('b', 'a')['counters']['offered'] == 0


def test_a_cut_stops_all_and_heals_by_itself(wan):
    ocean = wan(delay='10ms')
    pair = connected(ocean)
    round_trip(*pair)
    ocean.cut('1500ms')
    assert round_trip(*pair) >= 1.0
    assert ocean.direction('a', 'b')['counters']['cut'] > 0
    assert ocean.direction('a', 'b')['cut_ns'] == 0


def test_a_cut_may_be_of_one_direction_and_healed_by_hand(wan):
    ocean = wan()
    client, accepted = connected(ocean)
    ocean.cut('1h', **{'from': 'b', 'to': 'a'})
    client.sendall(b'there')
    assert accepted.recv(5) == b'there', 'what a sends arrives'
    accepted.sendall(b'back')
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.recv(4)
    ocean.heal()
    client.settimeout(30)
    assert client.recv(4) == b'back'


def test_three_hosts_reach_each_other_and_are_cut_off_one_by_one(wan):
    ocean = wan(sides=3)
    assert sorted(ocean.side_status) == ['a', 'b', 'c']
    ocean.set(cut='1h', to='c')
    ping = ocean.run('b', 'python3', '-c', _PING, ocean.address('a'))
    assert ping.stdout.strip() == 'reached', ping.stderr
    ping = ocean.run('b', 'python3', '-c', _PING, ocean.address('c'))
    assert ping.stdout.strip() == 'timeout', ping.stderr


# Connecting to a port where nobody listens is refused at once, if packets pass.
_PING = '''
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=1)
except ConnectionRefusedError:
    print("reached")
except TimeoutError:
    print("timeout")
'''


def test_it_carries_more_than_100_megabytes_a_second_when_nothing_is_asked_of_it(wan):
    ocean = wan()
    client, accepted = connected(ocean)
    megabytes = 512
    chunk = bytes(1 << 20)

    def send():
        for _ in range(megabytes):
            client.sendall(chunk)

    def pass_all():
        start = time.monotonic()
        sender = threading.Thread(target=send)
        sender.start()
        left = megabytes << 20
        while left > 0:
            left -= len(accepted.recv(1 << 20))
        sender.join()
        return megabytes / (time.monotonic() - start)

    assert max(pass_all() for _ in range(3)) > 100
    assert all(side['missed'] == 0 for side in ocean.status()['sides'])


def test_a_rate_is_kept_and_its_queue_drops_what_does_not_fit(wan):
    ocean = wan(rate='20mbit', queue='50ms', delay='20ms')
    client, accepted = connected(ocean)
    amount = 5_000_000  # two seconds' worth
    sender = threading.Thread(target=client.sendall, args=(bytes(amount),))
    start = time.monotonic()
    sender.start()
    left = amount
    while left > 0:
        left -= len(accepted.recv(1 << 16))
    sender.join()
    assert time.monotonic() - start >= amount * 8 / 20e6
    assert ocean.direction('a', 'b')['counters']['delivered_bytes'] > amount, 'headers count'


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_behind(wan, number):
    ocean = wan()
    namespace = os.stat(ocean.side_status['a']['netns']).st_ino
    assert namespace in _namespaces()
    child = subprocess.Popen(ocean.on('a', 'sleep', '60'))
    eventually(lambda: os.stat(f'/proc/{child.pid}/ns/net').st_ino == namespace, 'it is on its host')
    child.kill()
    child.wait()
    ocean.signal(number)
    code = ocean.child.wait(20)
    assert code == (-9 if number == signal.SIGKILL else 0), ocean.log_tail()
    eventually(lambda: namespace not in _namespaces(), 'the namespace is gone')
    ocean.start()
    assert ocean.run('a', 'true').returncode == 0, 'the name is free again'


def _namespaces():
    """The numbers of those that a process is in or refers to."""
    found = set()
    for process in filter(str.isdigit, os.listdir('/proc')):
        for path in [f'/proc/{process}/ns/net', *_descriptors(process)]:
            try:
                if os.readlink(path).startswith('net:'):
                    found.add(os.stat(path).st_ino)
            except OSError:
                continue
    return found


def _descriptors(process):
    try:
        return [f'/proc/{process}/fd/{number}' for number in os.listdir(f'/proc/{process}/fd')]
    except OSError:
        return []


@pytest.mark.parametrize('words, why', [
    (['--loss', '1'], "'1' has no percent sign"),
    (['--rate', '100'], "'100' has no known unit"),
    (['--delay', '200'], "'200' has no known unit"),
    (['--delay', '2h'], 'delay is above'),
    (['--queue', 'long'], "'long' is not the length of a queue"),
    (['--los', '1%'], 'did you mean --loss'),
    (['1%'], "unexpected word '1%'"),
    (['exec', 'a'], 'needs a side and a program'),
    (['up', '--sides', '1'], 'sides is below 2'),
])
def test_it_refuses_what_it_does_not_understand(words, why):
    done = subprocess.run([str(SLUICE), 'lab', 'wan', *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert why in done.stderr


def test_it_says_what_is_not_there(wan):
    ocean = wan()
    with pytest.raises(RuntimeError, match="there is no side 'q': they are a to b"):
        ocean.set(to='q')
    assert 'there is no side' in ocean.run('q', 'true').stderr
    done = subprocess.run([str(SLUICE), 'lab', 'wan', '--name', 'nobody'], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no WAN named 'nobody' runs" in done.stderr
    twin = subprocess.run([str(word) for word in ocean.argv()], capture_output=True, text=True)
    assert twin.returncode == 1
    assert 'runs already' in twin.stderr
