"""The e-mail after a pull that found something new to look at: a link, and no data.

What it says is the same whatever was found, so that a mailbox never holds more than
the dashboard would show to whoever reads it.
"""

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

import polars as pl

from connectors import PocnetError
from dashboard import queries
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.signals import signals
from dashboard.viewer import Request, Viewer, asking
from etl.access import Mail
from etl.network import Network
from etl.run import data_folder

_ENCRYPTED_FROM_THE_START: Final = 465
_PATIENCE: Final = 30.0


def tell_of_news(network: Network) -> None:
    """Send the network's e-mail when the newest snapshot has a signal that is new.

    Nothing happens where nobody asked for one. PocnetError when the mail server does
    not take it: what was pulled is published all the same.
    """
    if network.mail is None or not has_news(network):
        return
    try:
        _send(network.mail)
    except (OSError, smtplib.SMTPException) as error:
        raise _not_sent(network.mail, _said(error)) from error


def has_news(network: Network) -> bool:
    """Whether the newest snapshot has a signal that the one before it had not."""
    data, lead = data_folder(network.folder), Viewer("lead")
    snapshots = data / "snapshots"
    about = queries.about(snapshots, lead)
    journal = Journal(data / "journal.sqlite")
    with asking(Request(lead, snapshots, journal, about)):
        return not signals(lead, Filters()).filter(pl.col("status") == "new").is_empty()


def _send(mail: Mail) -> None:
    """Hand the e-mail over; a password goes through an encrypted connection only."""
    context, to = ssl.create_default_context(), mail.to
    encrypted = to.port == _ENCRYPTED_FROM_THE_START
    with (
        smtplib.SMTP_SSL(to.host, to.port, timeout=_PATIENCE, context=context)
        if encrypted
        else smtplib.SMTP(to.host, to.port, timeout=_PATIENCE)
    ) as server:
        server.ehlo()
        if not encrypted and server.has_extn("starttls"):
            server.starttls(context=context)
            encrypted = True
        if mail.account is not None:
            if not encrypted:
                raise _not_sent(
                    mail,
                    "it offers no encryption, and the password is not sent in the"
                    " clear. Use a port that offers STARTTLS, or port 465",
                )
            server.login(*mail.account)
        if refused := server.send_message(_message(mail)):
            raise _not_sent(mail, f"it refused {', '.join(sorted(refused))}")


def _message(mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "pocnet"
    message["From"] = mail.to.sender
    message["To"] = ", ".join(mail.to.recipients)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=mail.to.sender.partition("@")[2])
    message.set_content(f"There is something new to look at: {mail.to.link}\n")
    return message


def _said(error: Exception) -> str:
    """The server's words, or those of this machine's network."""
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
        return f"it answered {error.smtp_code} {text}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"it refused {', '.join(sorted(error.recipients))}"
    return str(error) or type(error).__name__


def _not_sent(mail: Mail, why: str) -> PocnetError:
    return PocnetError(
        f"There is something new to look at, but {mail.to.host}:{mail.to.port} did not"
        f" take the e-mail that says so: {why}. See [signals] in network.toml."
    )
