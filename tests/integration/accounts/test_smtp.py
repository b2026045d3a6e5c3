"""Letters as a mail server gets them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_string, policy

from ofh.services.mail import Letter, SmtpMail

LETTER = Letter(to="ada@example.org", subject="Grüße", body="Ein Brief – mit Umlauten: äöü\n")


class Server:
    """Speaks as much SMTP as a sender needs; may refuse at first."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.refusals = refusals
        self.recipients: list[str] = []
        self.letters: list[str] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.connections <= self.refusals:
            writer.write(b"421 Too busy\r\n")
            writer.close()
            return
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).decode():
            verb = line[:4].upper()
            if verb == "RCPT":
                self.recipients.append(line.strip())
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                data = (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.letters.append(data.removesuffix(".\r\n"))
            writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 OK\r\n")
            if verb == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[SmtpMail]:
    """A post office that sends to the server."""
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    mail = SmtpMail(
        host="127.0.0.1",
        port=listener.sockets[0].getsockname()[1],
        sender="hub@example.org",
        security="none",
        pause_s=0,
    )
    await mail.start()
    try:
        yield mail
    finally:
        await mail.stop()
        listener.close()
        await listener.wait_closed()


async def written() -> Letter:
    return LETTER


async def test_a_letter_arrives_whole() -> None:
    server = Server()
    async with running(server) as mail:
        mail.post(written)
        await mail.settle()
    (text,) = server.letters
    message = message_from_string(text, policy=policy.default)
    assert (message["To"], message["From"], message["Subject"]) == (LETTER.to, "hub@example.org", LETTER.subject)
    assert message.get_content().replace("\r\n", "\n") == LETTER.body
    assert server.recipients == ["RCPT TO:<ada@example.org>"]


async def test_a_server_that_is_busy_is_tried_again() -> None:
    server = Server(refusals=2)
    async with running(server) as mail:
        mail.post(written)
        await mail.settle()
    assert len(server.letters) == 1
    assert server.connections == 3


async def test_a_server_that_stays_busy_costs_one_letter_and_not_the_post_office() -> None:
    server = Server(refusals=3)
    async with running(server) as mail:
        mail.post(written)
        await mail.settle()
        assert server.letters == []
        mail.post(written)
        await mail.settle()
    assert len(server.letters) == 1
