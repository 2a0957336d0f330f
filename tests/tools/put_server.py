#!/usr/bin/env python3
"""A small object store: accepts PUT below a path that ends with /o/, and writes the body to a file in a folder: put_server.py FOLDER.

Prints its port. Refuses all other requests, like a write-only URL, and an object that exists already.
"""
import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        base, _, name = self.path.rpartition("/")
        path = os.path.join(sys.argv[1], name)
        body = self.rfile.read(int(self.headers["content-length"]))
        if base != "/p/secret/n/space/b/backups/o" or not name or os.path.exists(path):
            self.send_error(404)
            return
        with open(path, "wb") as file:
            file.write(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
