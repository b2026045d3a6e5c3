"""Letters and the queue that they wait in."""

import asyncio
import stat
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from ofh.services.mail import OUTBOX_CAPACITY, Letter, Letters, LogMail, PostOffice, to_message

LETTER = Letter(
    to="ada@example.org", subject="A new password for OpenFlightHub", body="https://hub.example/#reset=CODE\n"
)


async def written() -> Letter:
    return LETTER


class Recording(PostOffice):
    def __init__(self, *, capacity: int = 10) -> None:
        super().__init__(capacity=capacity)
        self.letters: list[Letter] = []

    async def deliver(self, letter: Letter) -> None:
        self.letters.append(letter)


async def test_a_letter_is_written_when_its_turn_comes() -> None:
    mail = Recording()
    mail.post(written)
    assert mail.letters == []
    await mail.start()
    await mail.settle()
    assert mail.letters == [LETTER]
    await mail.stop()
    await mail.stop()


async def test_a_full_queue_leaves_letters_out_and_counts_them() -> None:
    mail = Recording(capacity=2)
    for _ in range(5):
        mail.post(written)
    assert mail.dropped == 3


async def test_one_letters_trouble_does_not_keep_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> Letter:
        raise RuntimeError("the secret text")

    async def nobody() -> None:
        return None

    mail = Recording()
    await mail.start()
    mail.post(fails)
    mail.post(nobody)
    mail.post(written)
    await mail.settle()
    assert mail.letters == [LETTER]
    assert "the secret text" not in caplog.text
    await mail.stop()


async def test_without_a_server_letters_lie_in_a_private_folder_and_never_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    mail = LogMail(tmp_path / "outbox")
    assert not mail.is_configured
    await mail.start()
    mail.post(written)
    await mail.settle()
    await mail.stop()
    (path,) = (tmp_path / "outbox").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message["To"] == LETTER.to
    assert LETTER.body in message.get_content()
    assert "CODE" not in "".join(capsys.readouterr()) + caplog.text


async def test_the_outbox_keeps_the_newest_letters(tmp_path: Path) -> None:
    for number in range(OUTBOX_CAPACITY + 5):
        (tmp_path / f"1999-{number:04}.eml").touch()
    await LogMail(tmp_path).deliver(LETTER)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == OUTBOX_CAPACITY
    assert names[0] == "1999-0006.eml"
    await LogMail().deliver(LETTER)


@pytest.mark.parametrize("field", ["to", "subject"])
def test_a_line_break_never_makes_a_header(field: str) -> None:
    fields = {"to": LETTER.to, "subject": LETTER.subject, "body": LETTER.body, field: "x\r\nBcc: eve@example.org"}
    with pytest.raises(ValueError, match=r"linefeed|header"):
        to_message(Letter(**fields), "hub@example.org")


def test_links_are_made_of_the_public_url_and_hide_the_token_from_servers() -> None:
    letters = Letters("https://hub.example/")
    assert letters.login_link("T") == "https://hub.example/#login=T"
    assert letters.reset_link("T") == "https://hub.example/#reset=T"
    assert letters.confirm_link("T") == "https://hub.example/#confirm=T"
    assert "https://hub.example/#login=T" in letters.invitation("a@b.c", "Lake", "T").body


async def test_stopping_ends_a_delivery_that_hangs() -> None:
    started = asyncio.Event()

    class Hanging(PostOffice):
        async def deliver(self, letter: Letter) -> None:
            started.set()
            await asyncio.Event().wait()

    mail = Hanging()
    await mail.start()
    mail.post(written)
    await started.wait()
    await mail.stop()
