"""What was wanted, and whether it is so."""


class Report:
    def __init__(self):
        self.rows = []

    def judge(self, wanted, holds, measured):
        self.rows.append((wanted, holds, measured))

    def finish(self):
        print('\ntargets')
        for wanted, holds, measured in self.rows:
            print(f'  {"met   " if holds else "MISSED"} {wanted}: {measured}')
        missed = sum(not holds for _, holds, _ in self.rows)
        if missed:
            raise SystemExit(f'{missed} of {len(self.rows)} targets missed')
        print(f'all {len(self.rows)} met')
