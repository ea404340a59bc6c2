"""A wall clock that is off, and may be set while processes run that have it (faults/faultclock.cc)."""

import struct

from harness.process import BUILD


class Clock:
    def __init__(self, control):
        self.control = control
        self.set(0)

    def environment(self):
        return {'LD_PRELOAD': str(BUILD / 'libfaultclock.so'), 'FAULTCLOCK_CONTROL': str(self.control)}

    def set(self, seconds):
        """From now on it is ahead by so much."""
        with self.control.open('r+b' if self.control.exists() else 'wb') as file:
            file.write(struct.pack('<q', int(seconds * 1000)))
