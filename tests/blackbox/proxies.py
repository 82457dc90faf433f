"""Proxies before a backend on loopback, each with two entries: one as a careful
operator writes it, one that passes on as much as the proxy can be talked into.

Every request that is forwarded carries an X-Request-Id that the proxy made. Its log has,
for each request, that id, the X-Request-Id of the answer that it took for the backend's
(or -), the status and the request line.
"""
import os
import shutil
import socket
import subprocess
import time

from support import free_ports

PATIENCE = 10

NGINX = """
daemon off; master_process off; pid {work}/pid; error_log {work}/error;
events {{ worker_connections 1000; }}
http {{
    log_format ids '$request_id $upstream_http_x_request_id $status $request';
    access_log {work}/log ids;
    client_body_temp_path {work}/body; proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
    keepalive_requests 1000000; keepalive_timeout 3;
    client_header_timeout 3; client_body_timeout 3; send_timeout 3;
    upstream nestor {{ server 127.0.0.1:{backend}; keepalive {pool}; keepalive_requests 1000000; }}
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
    proxy_set_header X-Request-Id $request_id; proxy_ignore_client_abort on;
    server {{ listen 127.0.0.1:{careful}; location / {{ proxy_pass http://nestor; }} }}
    server {{
        listen 127.0.0.1:{lenient}; underscores_in_headers on; ignore_invalid_headers off;
        location / {{ proxy_pass http://nestor; proxy_request_buffering off; }}
    }}
}}
"""

HAPROXY = """
global
    log stdout format raw local0
    nbthread 1
    maxconn 1000
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 3s
    timeout server 5s
    http-reuse always
    unique-id-format %[uuid()]
    log-format "%ID %[capture.res.hdr(0)] %ST %{{+Q}}r"
frontend careful
    bind 127.0.0.1:{careful}
    http-request set-header X-Request-Id %[unique-id]
    capture response header X-Request-Id len 80
    default_backend nestor
frontend lenient
    bind 127.0.0.1:{lenient}
    option accept-invalid-http-request
    http-request set-header X-Request-Id %[unique-id]
    capture response header X-Request-Id len 80
    default_backend nestor
backend nestor
    server nestor 127.0.0.1:{backend} pool-max-conn {pool}
"""

MODULES = ("mpm_event", "authz_core", "headers", "unique_id", "proxy", "proxy_http")
APACHE = """
ServerRoot {work}
ServerName localhost
DefaultRuntimeDir {work}
PidFile {work}/pid
ErrorLog {work}/error
{identity}
{modules}
Listen 127.0.0.1:{careful}
Listen 127.0.0.1:{lenient}
StartServers 1
ServerLimit 1
ThreadLimit 64
ThreadsPerChild 64
MaxRequestWorkers 64
Timeout 3
KeepAliveTimeout 3
MaxKeepAliveRequests 0
RequestHeader set X-Request-Id "%{{UNIQUE_ID}}e"
LogFormat "%{{UNIQUE_ID}}e %{{X-Request-Id}}o %>s %r" ids
CustomLog {work}/log ids
ProxyPreserveHost On
<VirtualHost 127.0.0.1:{careful}>
    ProxyPass / http://127.0.0.1:{backend}/ nocanon keepalive=On max={pool}
</VirtualHost>
<VirtualHost 127.0.0.1:{lenient}>
    HttpProtocolOptions Unsafe LenientMethods Allow0.9
    AllowEncodedSlashes NoDecode
    ProxyPass / http://127.0.0.1:{backend}/ nocanon keepalive=On max={pool}
</VirtualHost>
"""

ENTRIES = ("careful", "lenient")


def apache_identity():
    return "User nobody\nGroup nogroup" if os.getuid() == 0 else ""


def apache_modules():
    return "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in MODULES)


# Name: the program, its configuration, its arguments, where its log is.
PROXIES = {
    "nginx": ("nginx", NGINX, ["-p", "{work}", "-c", "{work}/conf"], "log"),
    "haproxy": ("haproxy", HAPROXY, ["-db", "-f", "{work}/conf"], "out"),
    "apache": ("apache2", APACHE, ["-D", "FOREGROUND", "-f", "{work}/conf"], "log"),
}


def program(name):
    path = shutil.which(PROXIES[name][0], path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert path, f"{PROXIES[name][0]} is not installed; tools/install-packages check does it"
    return path


class Proxy:
    """A running proxy. `work` is a folder of its own; `pool` bounds the connections that
    it keeps to the backend."""

    def __init__(self, name, work, backend, pool=1):
        _, text, words, log = PROXIES[name]
        self.work = work
        os.makedirs(work)
        self.port = dict(zip(ENTRIES, free_ports(len(ENTRIES))))
        self.log = os.path.join(work, log)
        with open(os.path.join(work, "conf"), "w", encoding="ascii") as f:
            f.write(text.format(work=work, backend=backend, pool=pool, identity=apache_identity(),
                                modules=apache_modules(), **self.port))
        with open(os.path.join(work, "out"), "wb") as out:
            self.process = subprocess.Popen([program(name)] + [w.format(work=work) for w in words],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def said(self):
        text = ""
        for name in ("out", "error"):
            if os.path.exists(os.path.join(self.work, name)):
                with open(os.path.join(self.work, name), encoding="utf-8", errors="replace") as f:
                    text += f.read()
        return text[-2000:]

    def wait(self):
        """Until it listens."""
        end = time.monotonic() + PATIENCE
        for port in self.port.values():
            while True:
                assert self.process.poll() is None and time.monotonic() < end, self.said()
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except ConnectionError:
                    time.sleep(0.01)

    def __enter__(self):
        self.wait()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_for(self, path):
        """Until its log has the request, which it writes when all of it is over."""
        end = time.monotonic() + PATIENCE
        while not any(path in line for _, _, _, line in self.requests()):
            assert time.monotonic() < end, f"the log never had {path}: {self.said()}"
            time.sleep(0.01)

    def requests(self):
        """(id that it made, id of the answer or None, status, request line), in the order
        in which they ended. HAProxy's status is -1 when the client left before."""
        found = []
        with open(self.log, encoding="latin-1", newline="\n") as f:
            for line in f:
                made, returned, status, rest = (line.rstrip("\n") + "   ").split(" ", 3)
                if status.lstrip("-").isdigit():
                    found.append((made, None if returned == "-" else returned, int(status), rest))
        return found
