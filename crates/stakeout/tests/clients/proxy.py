"""A proxy on loopback that writes down what a client asked the server."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

# of one connection alone, or told anew
OWN_HEADERS = {"connection", "transfer-encoding", "content-encoding", "content-length", "keep-alive"}


@contextmanager
def recorded(server_url: str):
    """Gives the proxy's address and the list of requests, as `METHOD PATH?QUERY`, that grows while it runs."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def forward(self):
            asked.append(f"{self.command} {self.path}")
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN_HEADERS}
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = requests.request(
                self.command, server_url + self.path, headers=headers, data=body, timeout=60, allow_redirects=False
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in OWN_HEADERS:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward

        def log_message(self, *_):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        # the client's Host header goes on, so links lead back through the proxy
        yield f"http://127.0.0.1:{proxy.server_port}", asked
    finally:
        proxy.shutdown()
