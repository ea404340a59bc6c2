"""What a region's answers oblige all regions to: counters exact, acknowledged adds present, nothing doubled.

Each kind of key is written only by commands that keep the books; everything else plays in keys of its own
(harness/geo_commands.py), of which only equality is asked.
"""

from collections import Counter

from harness.raw import Error

COUNTERS, SETS, LOGS, QUEUES, ENTRIES = 6, 4, 3, 3, 2


class Unsure:
    """The reply that never came: its command may have been executed, or not."""


UNSURE = Unsure()


def has_failed(reply):
    return isinstance(reply, Error)


class Books:
    def __init__(self):
        self.counters = {}  # name: [least, most]
        self.added = {}  # key: members that must be there
        self.maybe_added = {}
        self.pushed, self.maybe_pushed = {}, {}
        self.popped, self.maybe_popped_from = {}, Counter()
        self.entries, self.maybe_entries = {}, {}
        self._next = 0

    def unique(self, region):
        self._next += 1
        return f'r{region}:{self._next}'

    # --- commands: (words, what the reply means) ----------------------------------------------------

    def random_command(self, rng, region):
        return rng.choice([self.count, self.count, self.count_field, self.count_score, self.add, self.log, self.push,
                           self.push, self.pop, self.append_entry])(rng, region)

    def _counted(self, name, by):
        def book(reply):
            bounds = self.counters.setdefault(name, [0, 0])
            if reply is UNSURE:
                bounds[0 if by < 0 else 1] += by
            elif not has_failed(reply):
                bounds[0] += by
                bounds[1] += by
        return book

    def count(self, rng, _region):
        key = f'book:count:{rng.randrange(COUNTERS)}'
        by = rng.randrange(1, 10)
        return rng.choice([(['INCR', key], self._counted((key, None), 1)),
                           (['DECR', key], self._counted((key, None), -1)),
                           (['INCRBY', key, by], self._counted((key, None), by)),
                           (['DECRBY', key, by], self._counted((key, None), -by))])

    def count_field(self, rng, _region):
        key, field, by = 'book:fields', f'f{rng.randrange(COUNTERS)}', rng.randrange(-5, 10)
        return ['HINCRBY', key, field, by], self._counted((key, field), by)

    def count_score(self, rng, _region):
        key, member, by = 'book:scores', f'm{rng.randrange(COUNTERS)}', rng.randrange(-5, 10)
        words = ['ZINCRBY', key, by, member] if rng.random() < 0.7 else ['ZADD', key, 'INCR', by, member]
        return words, self._counted((key, member), by)

    def _present(self, sure, maybe, key, members):
        def book(reply):
            if not has_failed(reply):
                (maybe if reply is UNSURE else sure).setdefault(key, set()).update(members)
        return book

    def add(self, rng, region):
        key = f'book:set:{rng.randrange(SETS)}'
        members = [self.unique(region) for _ in range(rng.choice([1, 1, 3]))]
        return ['SADD', key, *members], self._present(self.added, self.maybe_added, key, members)

    def log(self, rng, region):
        key = f'book:log:{rng.randrange(LOGS)}'
        elements = [self.unique(region) for _ in range(rng.choice([1, 1, 4]))]
        return [rng.choice(['RPUSH', 'LPUSH']), key, *elements], self._present(self.pushed, self.maybe_pushed, key, elements)

    def push(self, rng, region):
        key = f'book:queue:{rng.randrange(QUEUES)}'
        elements = [self.unique(region) for _ in range(rng.choice([1, 2]))]
        return [rng.choice(['RPUSH', 'LPUSH']), key, *elements], self._present(self.pushed, self.maybe_pushed, key, elements)

    def _taken(self, key):
        def book(reply):
            if reply is UNSURE:
                self.maybe_popped_from[key] += 1
                return
            taken = elements_of(reply)
            if taken and taken[0] == key.encode():  # BLPOP and LMPOP name the key
                taken = taken[1:]
            self.popped.setdefault(key, set()).update(one.decode() for one in taken)
        return book

    def pop(self, rng, _region):
        key = f'book:queue:{rng.randrange(QUEUES)}'
        words = rng.choice([['LPOP', key], ['RPOP', key], ['LPOP', key, 2], ['LMPOP', 1, key, rng.choice(['LEFT', 'RIGHT']), 'COUNT', 3]])
        return words, self._taken(key)

    def blocking_pop(self, rng, timeout):
        key = f'book:queue:{rng.randrange(QUEUES)}'
        words = rng.choice([['BLPOP', key, timeout], ['BRPOP', key, timeout], ['BLMPOP', timeout, 1, key, 'LEFT', 'COUNT', 2]])
        return words, self._taken(key)

    def append_entry(self, rng, region):
        key, value = f'book:stream:{rng.randrange(ENTRIES)}', self.unique(region)
        return ['XADD', key, '*', 'v', value], self._present(self.entries, self.maybe_entries, key, [value])

    # --- what must be true at the end ------------------------------------------------------------------

    def check(self, client):
        """All that is wrong in one region, in words."""
        wrong = []
        for (key, element), (least, most) in self.counters.items():
            read = client.get(key) if element is None else client.hget(key, element) if key == 'book:fields' else \
                client.zscore(key, element)
            value = int(read or 0)
            if not least <= value <= most:
                wrong.append(f'{key} {element or ""} is {value}, not within {least} and {most}')
        for key in self.added.keys() | self.maybe_added.keys():
            wrong += compare(key, {one.decode(): 1 for one in client.smembers(key)}, self.added.get(key, set()),
                             self.maybe_added.get(key, set()))
        for key in self.entries.keys() | self.maybe_entries.keys():
            there = Counter(fields[b'v'].decode() for _, fields in client.xrange(key))
            wrong += compare(key, there, self.entries.get(key, set()), self.maybe_entries.get(key, set()))
        for key in self.pushed.keys() | self.maybe_pushed.keys():
            there = Counter(one.decode() for one in client.lrange(key, 0, -1))
            popped = self.popped.get(key, set())
            lost = compare(key, there, self.pushed.get(key, set()) - popped, self.maybe_pushed.get(key, set()) | popped)
            # A pop whose answer never came may have taken some.
            allowed = 3 * self.maybe_popped_from[key]
            missing = [line for line in lost if 'is missing' in line]
            wrong += [line for line in lost if line not in missing] + (missing if len(missing) > allowed else [])
            wrong += [f'{key}: {one} is there, though it was popped' for one in sorted(popped & there.keys())]
        return wrong


def elements_of(reply):
    """All strings of a reply, in order."""
    if not isinstance(reply, tuple) or reply[1] is None:
        return []
    kind, value = reply
    if kind == b'$':
        return [value]
    return [one for element in value for one in elements_of(element)] if isinstance(value, list) else []


def compare(key, there, sure, maybe):
    wrong = [f'{key}: {one} is missing' for one in sorted(sure - there.keys())]
    wrong += [f'{key}: {one} is there {count} times' for one, count in there.items() if count > 1]
    wrong += [f'{key}: {one} was never added' for one in sorted(there.keys() - sure - maybe)]
    return wrong
