"""Clients that write in regions all the time, and the books of what was acknowledged."""

import collections
import os
import random
import threading
import time

SEED = int(os.environ.get('SLUICE_SEED', random.randrange(1 << 32)))
COUNTERS, SETS, LISTS = 20, 5, 5


class Book:
    """Of one region's writer: what was acknowledged, and what may or may not have been done."""

    def __init__(self):
        self.counts, self.added = collections.Counter(), set()
        self.unsure_counts, self.unsure_added = collections.Counter(), set()
        self.rounds = 0  # that were acknowledged

    def note(self, counter, member, is_sure):
        (self.counts if is_sure else self.unsure_counts)[counter] += 1
        (self.added if is_sure else self.unsure_added).add(member)
        self.rounds += is_sure


class Writers:
    """One per region: increments, adds and pushes that all count, and overwrites and removals that have to end the same everywhere.

    With `copies` only that counts as acknowledged which so many replicas and keepers of the region have (WAIT): what no failover may lose.
    """

    def __init__(self, regions, seed=SEED, pause=0.001, copies=0):
        self.books = {region.number: Book() for region in regions}
        self.pause, self.copies = pause, copies
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(region, random.Random(seed + region.number)),
                                          daemon=True) for region in regions]
        for thread in self._threads:
            thread.start()

    def _write(self, region, rng):
        book, made = self.books[region.number], 0
        while not self._stop.is_set():
            made += 1
            counter, member = f'counter:{rng.randrange(COUNTERS)}', f'{region.number}:{made}'
            is_sure = False
            try:
                is_sure = self._round(region.client, rng, counter, member)
            except Exception:
                time.sleep(0.02)  # its master is being killed
            book.note(counter, member, is_sure)
            time.sleep(self.pause)

    def _round(self, client, rng, counter, member):
        with client.pipeline(transaction=False) as many:
            many.incr(counter)
            many.sadd(f'set:{rng.randrange(SETS)}', member)
            many.rpush(f'list:{rng.randrange(LISTS)}', member)
            many.hset(f'hash:{rng.randrange(10)}', f'f{rng.randrange(20)}', member)
            many.set(f'string:{rng.randrange(20)}', member)
            many.zincrby('zset', 1, f'm{rng.randrange(10)}')
            if rng.random() < 0.2:
                many.delete(f'string:{rng.randrange(20)}')
            if self.copies:
                many.execute_command('WAIT', self.copies, 1000)
            replies = many.execute()
        return not self.copies or replies[-1] >= self.copies

    def rounds(self):
        """{region: rounds that were acknowledged so far}"""
        return {number: book.rounds for number, book in self.books.items()}

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def check(self, region):
        check_books([self], region)


def check_books(writers, region):
    """Nothing acknowledged by any of them is lost, nothing is there twice."""
    books = [book for one in writers for book in one.books.values()]
    for counter in range(COUNTERS):
        key = f'counter:{counter}'
        least = sum(book.counts[key] for book in books)
        most = least + sum(book.unsure_counts[key] for book in books)
        value = int(region.client.get(key) or 0)
        assert least <= value <= most, f'{key} on {region.name} is {value}, not {least}..{most}'
    added = set().union(*(book.added for book in books))
    members = {member.decode() for number in range(SETS) for member in region.client.smembers(f'set:{number}')}
    assert not added - members, f'adds lost on {region.name}: {sorted(added - members)[:9]}'
    elements = collections.Counter(element.decode() for number in range(LISTS)
                                   for element in region.client.lrange(f'list:{number}', 0, -1))
    assert not added - elements.keys(), f'elements lost on {region.name}: {sorted(added - elements.keys())[:9]}'
    twice = [element for element, count in elements.items() if count > 1]
    assert not twice, f'elements doubled on {region.name}: {twice[:9]}'
