"""What the crash tests share: writers write, the server is killed with SIGKILL at a
random moment and started again, and a test says what must be there then.

A killed process proves the transactions and the order of commit and answer; it
does not prove that the disk kept what was synced, which takes a power cut.
"""
import http.client
import json
import random
import signal
import threading
import time

from support import Site, Tally, arguments, engines

WRITERS = 4
RUN_SECONDS = (0.02, 0.25)  # between the first write and the kill
FULL_CHECKS = 30  # of the database's own, spread over all cycles
BROKEN = (OSError, http.client.HTTPException)


class Writer:
    """Writes until the connection breaks, and knows what was acknowledged."""

    good = (200, 201)

    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.open = None     # what the write under way leaves behind: not acknowledged
        self.made = 0
        self.acknowledged = 0
        self.refused = None

    def client(self, server):
        return server.client()

    def next_write(self):
        """(method, path, body, what it leaves behind)"""
        raise NotImplementedError

    def keep(self, left):
        """The write was acknowledged."""
        raise NotImplementedError

    def write(self, server):
        client = self.client(server)
        try:
            while self.refused is None:
                method, path, body, self.open = self.next_write()
                self.made += 1
                answer = client.ask(method, path, body)
                if answer.status not in self.good:
                    self.refused = f"{method} {path}: {answer}"
                else:
                    self.keep(self.open)
                    self.acknowledged += 1
                    self.open = None
        except BROKEN:
            pass
        finally:
            client.close()


class Run:
    """Some cycles of write and kill on one installation."""

    writer = Writer  # the class of the four writers

    def __init__(self, site, cycles, seed):
        self.site, self.cycles = site, cycles
        self.random = random.Random(seed)
        self.writers = [self.writer(i, seed) for i in range(WRITERS)]
        self.done = 0  # cycles
        self.lost = []

    def prepare(self):
        """What the writers need, before the first cycle."""

    def check(self, server):
        """What has to hold after each restart."""
        raise NotImplementedError

    def check_all(self):
        """What has to hold at the end."""
        raise NotImplementedError

    def cycle(self):
        server = self.site.serve()
        assert server.is_up(), f"no restart after a kill: {server.text()[-2000:]}"
        try:
            self.check(server)
            threads = [threading.Thread(target=w.write, args=(server,)) for w in self.writers]
            for t in threads:
                t.start()
            time.sleep(self.random.uniform(*RUN_SECONDS))
        finally:
            server.end(signal.SIGKILL)
        for t in threads:
            t.join()
        self.done += 1
        refused = [w.refused for w in self.writers if w.refused]
        assert not refused, refused[0]

    def check_halves(self, halves):
        """Each statement finds writes of which only a part was stored: none."""
        for what, sql in halves.items():
            rows = self.site.query(sql)
            assert not rows, f"not so: {what}: {rows[:5]}"

    def check_database(self):
        if self.done % max(1, self.cycles // FULL_CHECKS) == 0 or self.done == self.cycles:
            self.site.verify()

    def run(self):
        self.prepare()
        for _ in range(self.cycles):
            self.cycle()
        self.check_all()
        assert not self.lost, f"{len(self.lost)} lost: {json.dumps(self.lost[:5])}"
        assert self.acknowledged() > self.cycles, "hardly anything was written"

    def acknowledged(self):
        return sum(w.acknowledged for w in self.writers)


def main(run_class, what, description):
    chosen = arguments(description, cycles=15, seed=1)
    tally = Tally()
    for engine, cluster in engines():
        with Site(chosen.nestor, cluster) as site:
            run = run_class(site.init(), chosen.cycles, chosen.seed)
            started = time.monotonic()
            tally.run(f"{what} survive SIGKILL on {engine}", run.run)
            print(f"{engine}: acknowledged {run.acknowledged()}, lost {len(run.lost)}, "
                  f"cycles {chosen.cycles}, {time.monotonic() - started:.1f} s")
    return tally.finish()
