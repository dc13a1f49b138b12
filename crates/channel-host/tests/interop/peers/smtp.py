"""A mail server of aiosmtpd that keeps what it took, as Python's email package reads it.

Recipients: nobody@ is 550, full@ 452, policy@ 550 5.7.1; dropped@ loses the connection once the text
has come, late@ gets 452 after the text. Events: listening {port}, mail {..}.
"""

import asyncio
import email
import email.policy
import hashlib
import json
import sys

from aiosmtpd.smtp import SMTP


def say(**event):
    print(json.dumps(event), flush=True)


def addresses(header):
    return [[one.display_name, one.addr_spec] for one in header.addresses]


class Mailbox:
    async def handle_RCPT(self, server, session, envelope, address, options):
        refusals = {
            "nobody": "550 5.1.1 no such user",
            "full": "452 4.2.2 mailbox full",
            "policy": "550 5.7.1 refused",
        }
        refusal = refusals.get(address.split("@")[0])
        if refusal is None:
            envelope.rcpt_tos.append(address)
            return "250 OK"
        return refusal

    async def handle_DATA(self, server, session, envelope):
        who = envelope.rcpt_tos[0].split("@")[0]
        if who == "dropped":
            server.transport.abort()
            return "250 never arrives"
        if who == "late":
            return "452 4.3.1 no room"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(
            event="mail",
            hello=session.host_name,
            mail_from=envelope.mail_from,
            rcpt_to=envelope.rcpt_tos,
            defects=[str(defect) for part in mail.walk() for defect in part.defects],
            ascii=envelope.content.isascii(),
            longest=max(len(line) for line in envelope.content.split(b"\r\n")),
            subject=str(mail["Subject"]),
            sender=addresses(mail["From"]),
            to=addresses(mail["To"]),
            reply_to=addresses(mail["Reply-To"]),
            message_id=str(mail["Message-ID"]),
            date=mail["Date"].datetime.timestamp(),
            automatic=str(mail["Auto-Submitted"]),
            unsubscribe=str(mail["List-Unsubscribe"]),
            body=mail.get_body(("plain",)).get_content(),
            files=[
                {
                    "name": part.get_filename(),
                    "type": part.get_content_type(),
                    "sha256": hashlib.sha256(part.get_payload(decode=True)).hexdigest(),
                }
                for part in mail.iter_attachments()
            ],
        )
        return "250 taken"


async def main():
    loop = asyncio.get_running_loop()
    new = lambda: SMTP(Mailbox(), enable_SMTPUTF8=True)
    server = await loop.create_server(new, "127.0.0.1", 0)
    say(event="listening", port=server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
