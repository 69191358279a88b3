"""ssh's ProxyCommand in a sandbox: hands ssh a line to the host's socket, and is gone."""

import socket
import sys

line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
socket.send_fds(socket.socket(fileno=1), [b"0"], [line.fileno()])
