"""`sluice lab` and `sluice case` from the outside: what they print, and that nothing stays behind."""

import os
import re
import signal
import subprocess

import pytest

from harness.keeper import SLUICE
from harness.waiting import eventually


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as file:
        return [int(child) for child in file.read().split()]


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@pytest.fixture
def lab(tmp_path):
    started = []

    def start(*words):
        output = (tmp_path / 'output').open('w+b')
        child = subprocess.Popen([str(SLUICE), 'lab', 'up', *words], stdout=output, stderr=output)
        child.text = lambda: (tmp_path / 'output').read_text()
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
            child.wait()


def test_lab_runs_for_as_long_as_it_is_told_and_shows_replicas_in_sync(lab):
    child = lab('--for', '4s', '--rate', '500')
    assert child.wait(60) == 0, child.text()
    text = child.text()
    folder = re.search(r'files +(\S+)', text).group(1)
    assert not os.path.exists(folder), 'the temporary folder is gone'
    lines = [line for line in text.splitlines() if 'replica-2 -' in line]
    assert lines, text
    master, replica = (re.search(pattern, lines[-1]).group(1).replace(' ', '')
                       for pattern in (r'cmd/s ([\d ]+) keys', r'replica-2 \S+ \S+ ([\d ]+) keys'))
    assert int(master) > 100
    assert int(replica) > 100
    assert text.rstrip().endswith('stopped')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_lab_ends_all_it_started_when_it_is_interrupted(lab, number):
    child = lab()
    eventually(lambda: 'cmd/s' in child.text(), 'the lab is up', within=60)
    pids = children(child.pid)
    assert len(pids) == 4, 'a master, a keeper and two replicas'
    child.send_signal(number)
    assert child.wait(60) == 0, child.text()
    assert not any(is_alive(pid) for pid in pids)


def test_lab_refuses_what_it_does_not_understand():
    done = subprocess.run([str(SLUICE), 'lab', 'up', '--for', 'ever'], capture_output=True)
    assert done.returncode == 2


def test_the_case_of_the_resync_storm_holds():
    done = subprocess.run([str(SLUICE), 'case', 'resync-storm', '--quick'], capture_output=True,
                          text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'every expectation held' in done.stdout


def test_the_case_of_the_two_regions_holds():
    done = subprocess.run([str(SLUICE), 'case', 'cross-region', '--quick'], capture_output=True,
                          text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'every expectation held' in done.stdout


def test_the_case_of_the_two_regions_says_what_it_needs():
    done = subprocess.run(['setpriv', '--inh-caps=-all', '--bounding-set=-all',
                           str(SLUICE), 'case', 'cross-region', '--quick'],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert 'root' in done.stderr


# --- two regions ----------------------------------------------------------------------------------

def wan(name, *words):
    done = subprocess.run([str(SLUICE), 'lab', 'wan', '--name', name, *words], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lag_ms(line, name):
    """How old the newest is that a replica has, in a status line; None if it does not say so."""
    found = re.search(rf'{name} -\S+ \S+ ([\d.]+) (ms|s) ', line)
    return found and float(found.group(1)) * (1000 if found.group(2) == 's' else 1)


def last_status(child):
    return next((line for line in reversed(child.text().splitlines()) if 'keeper-b' in line), '')


def test_two_regions_show_their_lag_follow_the_ocean_and_outlive_a_killed_relay(lab):
    name = f'test-lab-{os.getpid()}'
    child = lab('--regions', '2', '--wan-name', name, '--rate', '500', '--replicas', '1')
    near_and_far = lambda: [lag_ms(last_status(child), each) for each in ('replica-a', 'replica-b1')]
    eventually(lambda: all(near_and_far()) and near_and_far()[1] < 1000, 'both in sync', within=90)
    assert near_and_far()[1] >= 100, 'half of the round trip at least'

    wan(name, '--clear', '--delay', '2ms')
    eventually(lambda: re.search(r'ocean 2(\.0+)? ms', last_status(child)) and near_and_far()[1] < 100,
               'a narrow ocean', within=30)
    wan(name, '--cut', '4s')
    eventually(lambda: 'ocean cut' in last_status(child), 'the cut is shown', within=10)
    eventually(lambda: near_and_far()[1] > 2000, 'region B falls behind', within=15)
    eventually(lambda: near_and_far()[1] < 1000, 'and catches up', within=30)

    pid = int(re.search(r'relay-b .* pid (\d+)', child.text()).group(1))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: 'relay-b has ended and is started again' in child.text(), 'started again')
    before = len(child.text())
    eventually(lambda: len(child.text()) > before + 200 and near_and_far()[1] < 1000,
               'region B follows again', within=30)

    pids = children(child.pid)
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 0, child.text()
    assert not any(is_alive(each) for each in pids)
    gone = subprocess.run([str(SLUICE), 'lab', 'wan', '--name', name], capture_output=True)
    assert gone.returncode == 1, 'the ocean is gone too'


def tell(*words):
    return subprocess.run([str(SLUICE), 'lab', *words], capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not (SLUICE.parent / 'sluice-geo.so').exists(), reason='sluice-geo.so is not built')
def test_regions_of_the_lab_are_cut_killed_and_equal_at_the_end(lab):
    name = f'test-{os.getpid()}'
    child = lab('--regions', '3', '--active-active', '--name', name, '--rate', '200', '--keys', '200', '--for', '12s')
    eventually(lambda: 'writes/s' in child.text() or child.poll() is not None, 'regions take writes', 60)
    cut = tell('cut', 'asia', '--name', name)
    assert cut.stdout == 'asia is cut off from the others\n', cut.stderr
    eventually(lambda: 'cut off' in child.text(), 'the line says so')
    assert tell('kill', 'us', '--name', name).returncode == 0
    eventually(lambda: 'us down' in child.text(), 'the line says so')
    assert tell('heal', 'us', '--name', name).stdout == 'us is back\n'
    nowhere = tell('cut', 'mars', '--name', name)
    assert nowhere.returncode == 1 and 'there is no region \'mars\', but eu, us, asia' in nowhere.stderr
    assert child.wait(120) == 0, child.text()
    assert 'all regions are equal' in child.text(), child.text()


@pytest.mark.skipif(not (SLUICE.parent / 'sluice-geo.so').exists(), reason='sluice-geo.so is not built')
def test_what_somebody_kills_in_a_lab_of_two_regions_is_started_again(lab):
    name = f'test-{os.getpid()}-two'
    child = lab('--regions', '2', '--active-active', '--name', name, '--rate', '100', '--keys', '50', '--for', '15s')
    eventually(lambda: 'writes/s' in child.text() or child.poll() is not None, 'regions take writes', 60)
    for process in ('link-us', 'keeper-us', 'master-us'):
        os.kill(int(re.search(rf'^{process} .*pid (\d+)', child.text(), re.MULTILINE)[1]), signal.SIGKILL)
        eventually(lambda process=process: f'{process} has ended and is started again' in child.text(), f'{process} is started again', 30)
    assert child.wait(150) == 0, child.text()
    assert 'all regions are equal' in child.text(), child.text()


@pytest.mark.parametrize('words, code, told', [
    (['frob'], 2, "there is no 'frob': say up, cut, heal, kill or wan"),
    (['up', '--regions', '4'], 2, 'not in range 1 to 3'),
    (['up', '--regions', '3'], 2, 'three regions are possible with --active-active'),
    (['up', '--active-active'], 2, '--active-active takes --regions 2 or 3'),
    (['cut'], 2, "say 'sluice lab cut REGION [--name NAME]'"),
    (['kill', 'eu', 'us'], 2, "say 'sluice lab kill REGION [--name NAME]'"),
    (['heal', '--help'], 0, "say 'sluice lab heal REGION [--name NAME]'"),
    (['cut', 'eu', '--name', 'a/b'], 1, "the name 'a/b' is not made of letters"),
])
def test_a_wrong_order_is_refused_with_what_would_be_right(words, code, told):
    done = tell(*words)
    assert done.returncode == code and told in done.stdout + done.stderr, (done.stdout, done.stderr)


def test_orders_to_a_lab_that_does_not_run_are_refused():
    refused = tell('cut', 'eu', '--name', 'nobody-runs-this')
    assert refused.returncode == 1 and 'no lab named' in refused.stderr
