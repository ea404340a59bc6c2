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
