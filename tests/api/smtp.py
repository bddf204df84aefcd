"""A small SMTP server (RFC 5321) that keeps what it gets, for tests."""

import socketserver
import threading
from email import message_from_bytes, policy


class Postbox:
    """Takes mails in; `answers` are what it says to the next recipients in place of 250."""

    def __init__(self):
        self.got, self.answers = [], []
        postbox = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self._say("220 postbox.example ESMTP")
                while line := self.rfile.readline():
                    word = line[:4].upper()
                    if word in (b"EHLO", b"HELO"):
                        self._say("250-postbox.example", "250 8BITMIME")
                    elif word == b"RCPT":
                        self._say(postbox.answers.pop(0) if postbox.answers else "250 ok")
                    elif word == b"DATA":
                        self._say("354 go on")
                        lines = []
                        while (one := self.rfile.readline()) != b".\r\n":
                            lines.append(one[1:] if one.startswith(b"..") else one)
                        postbox.got.append(message_from_bytes(b"".join(lines), policy=policy.default))
                        self._say("250 ok")
                    elif word == b"QUIT":
                        self._say("221 bye")
                        return
                    else:
                        self._say("250 ok" if word in (b"MAIL", b"RSET", b"NOOP") else "502 no")

            def _say(self, *lines):
                self.wfile.write("".join(f"{one}\r\n" for one in lines).encode())

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
