"""A line between a client and a server that is bad."""
import random
import socket
import threading
import time

PATIENCE = 60


class Proxy:
    """Carries connections to a port; those that it cuts, delays and slows down are chosen at
    random; `cuts_at` says of the next ones how many bytes of answers they let through, `every` of
    all others."""

    def __init__(self, port, seed=1, every=None):
        self.target = port
        self.every = every
        self.random = random.Random(seed)
        self.trouble = 0.0
        self.cuts = 0
        self.cuts_at = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(near,), daemon=True).start()

    def plan(self):
        with self.lock:
            cut = self.cuts_at.pop(0) if self.cuts_at else self.every
            if cut is None and self.random.random() < self.trouble:
                cut = int(2 ** self.random.uniform(0, 14))
            pause = self.random.choice((0, 0, 0.001, 0.01)) if self.trouble else 0
            return cut, pause

    def carry(self, near):
        cut, pause = self.plan()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), PATIENCE)
        except OSError:
            near.close()
            return
        threading.Thread(target=self.upwards, args=(near, far), daemon=True).start()
        left = cut if cut is not None else 1 << 60
        try:
            while left > 0:
                data = far.recv(min(left, 1000 if pause else 65536))
                if not data:
                    break
                left -= len(data)
                time.sleep(pause)
                near.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.cuts += left <= 0
        for end in (near, far):  # the other thread waits for it, which close would not end
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    @staticmethod
    def upwards(near, far):
        try:
            while data := near.recv(65536):
                far.sendall(data)
        except OSError:
            pass

    def close(self):
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
