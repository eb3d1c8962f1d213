"""Serve a Roundup tracker on loopback: `python serve_roundup.py TRACKER PORT`, with Roundup's own Python.

Roundup's own server refuses to run as root, which a container often is; this is the same tracker behind WSGI.
"""

import sys
from wsgiref.simple_server import make_server

from roundup.cgi.wsgi_handler import RequestDispatcher

make_server("127.0.0.1", int(sys.argv[2]), RequestDispatcher(sys.argv[1])).serve_forever()
