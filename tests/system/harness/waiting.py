"""Waiting for a condition with a deadline: the only way a system test waits."""

import time


class NeverHappened(AssertionError):
    pass


def eventually(condition, what, within=15.0, every=0.02):
    """Returns the first true value of condition(); an exception counts as not yet."""
    deadline = time.monotonic() + within
    why = None
    while True:
        try:
            value = condition()
            if value:
                return value
            why = f'last value: {value!r}'
        except Exception as error:  # the thing waited for is often a server that is not there yet
            why = f'last error: {error!r}'
        if time.monotonic() > deadline:
            raise NeverHappened(f'not within {within} s: {what} ({why})')
        time.sleep(every)


def never(condition, what, during=2.0, every=0.05):
    """Fails as soon as condition() is true within that time."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        value = condition()
        if value:
            raise AssertionError(f'{what}: {value!r}')
        time.sleep(every)
