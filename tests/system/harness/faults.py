"""Disk faults in a process that runs with build/libfaultfs.so preloaded (faults/faultfs.cc)."""

import errno
import mmap
import struct

from harness.process import BUILD

RULES = 16
# armed, op, pattern, error, short_of, skip, limit, delay_ms, seen, fired: struct Rule of faultfs.cc
RULE = struct.Struct('<I12s112siiqqqqq')
_SEEN_AT, _FIRED_AT = RULE.size - 16, RULE.size - 8


class Fault:
    def __init__(self, faults, index):
        self._faults, self._index = faults, index

    @property
    def fired(self):
        return self._counter(_FIRED_AT)

    @property
    def seen(self):
        """Calls that the rule is about, whether it let them fail or not."""
        return self._counter(_SEEN_AT)

    def _counter(self, at):
        return struct.unpack_from('<q', self._faults.memory, self._index * RULE.size + at)[0]

    def heal(self):
        struct.pack_into('<I', self._faults.memory, self._index * RULE.size, 0)


class Faults:
    """Arm rules while the process runs. A test asserts fault.fired > 0, else it proves nothing."""

    def __init__(self, folder):
        self.control = folder / 'faults.control'
        self.control.write_bytes(bytes(RULES * RULE.size))
        self._file = self.control.open('r+b')
        self.memory = mmap.mmap(self._file.fileno(), RULES * RULE.size)
        self._next = 0

    def environment(self):
        return {'LD_PRELOAD': str(BUILD / 'libfaultfs.so'), 'FAULTFS_CONTROL': str(self.control)}

    def arm(self, op, pattern, error=errno.EIO, short_of=-1, skip=0, limit=-1, delay_ms=0):
        """op: 'write' or 'sync'; pattern: a part of the path of the files meant.

        error=0 with a delay makes calls slow; with short_of, writes short.
        """
        index = self._next
        self._next += 1
        rule = RULE.pack(0, op.encode(), pattern.encode(), error, short_of, skip, limit,
                         delay_ms, 0, 0)
        self.memory[index * RULE.size:(index + 1) * RULE.size] = rule
        struct.pack_into('<I', self.memory, index * RULE.size, 1)
        return Fault(self, index)

    def close(self):
        self.memory.close()
        self._file.close()
