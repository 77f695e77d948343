"""Statements as ISO 20022 messages: camt.053.001.08, bank to customer (ledger.md §9).

Ids are written as 32 hex digits, because the message has room for 34 or 35 characters only. It is
dated by the end of its period, so that the same statement is the same message whenever it is made.
"""

import re
from collections.abc import Iterable
from html import escape

from ledger.identity import derived_id
from ledger.money import decimal_text
from projections.statements import Account, Figures, Line, Period

TEXT_MAX, REFERENCE_MAX = 140, 35
ISSUER = "LEDGERBANK"
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (§2.2)."""
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
FOOT = b"</Stmt></BkToCstmrStmt></Document>\n"


def head(account: Account, period: Period, figures: Figures) -> bytes:
    """Return everything before the entries: ids, period, account, balances, sums."""
    currency = account.currency
    message_id = hexadecimal(derived_id("statement", account.id, period.since, period.until))
    entries = figures.credit_entries + figures.debit_entries
    turnover = figures.credits + figures.debits
    parts = (
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>',
        f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>{period.until}</CreDtTm></GrpHdr>",
        f"<Stmt><Id>{message_id}</Id>",
        f"<FrToDt><FrDtTm>{period.since}</FrDtTm><ToDtTm>{period.until}</ToDtTm></FrToDt>",
        f"<Acct><Id><Othr><Id>{hexadecimal(account.id)}</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>",
        balance("OPBD", figures.opening, currency, period.since),
        balance("CLBD", figures.closing, currency, period.until),
        "<TxsSummry>",
        total("TtlNtries", entries, turnover, currency),
        total("TtlCdtNtries", figures.credit_entries, figures.credits, currency),
        total("TtlDbtNtries", figures.debit_entries, figures.debits, currency),
        "</TxsSummry>\n",
    )
    return "".join(parts).encode()


def balance(kind: str, minor: int, currency: str, at: str) -> str:
    """Return a balance with its sign as a word."""
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{amount(abs(minor), currency)}"
        f"<CdtDbtInd>{'DBIT' if minor < 0 else 'CRDT'}</CdtDbtInd>"
        f"<Dt><DtTm>{at}</DtTm></Dt></Bal>"
    )


def total(name: str, entries: int, minor: int, currency: str) -> str:
    """Return how many entries come to how much."""
    summed = decimal_text(minor, currency)
    return f"<{name}><NbOfNtries>{entries}</NbOfNtries><Sum>{summed}</Sum></{name}>"


def entries(lines: Iterable[Line], currency: str) -> bytes:
    """Return an element per entry."""
    return "".join(entry(line, currency) for line in lines).encode()


def entry(line: Line, currency: str) -> str:
    """Return one booked entry."""
    undoing = "<RvslInd>true</RvslInd>" if line.type == "REVERSAL" else ""
    return (
        f"<Ntry><NtryRef>{hexadecimal(line.id)}</NtryRef>{amount(line.amount, currency)}"
        f"<CdtDbtInd>{'CRDT' if line.direction == 'CREDIT' else 'DBIT'}</CdtDbtInd>{undoing}"
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>{line.booked_at}</DtTm></BookgDt>"
        f"<AcctSvcrRef>{hexadecimal(line.posting_id)}</AcctSvcrRef>"
        f"<BkTxCd><Prtry><Cd>{line.type}</Cd><Issr>{ISSUER}</Issr></Prtry></BkTxCd>"
        f"{details(line)}</Ntry>\n"
    )


def details(line: Line) -> str:
    """Return what payer and payee said about an entry, if anything."""
    order = line.payment_id or line.transfer_id
    inner = f"<Refs><TxId>{hexadecimal(order)}</TxId></Refs>" if order else ""
    if line.description or line.reference:
        inner += f"<RmtInf>{free_text(line.description)}{reference(line.reference)}</RmtInf>"
    return f"<NtryDtls><TxDtls>{inner}</TxDtls></NtryDtls>" if inner else ""


def free_text(text: str | None) -> str:
    """Return a text in pieces of the length the message has room for."""
    whole = text or ""
    pieces = (whole[start : start + TEXT_MAX] for start in range(0, len(whole), TEXT_MAX))
    return "".join(f"<Ustrd>{written(piece)}</Ustrd>" for piece in pieces)


def reference(text: str | None) -> str:
    """Return the reference of the payer; one too long for its place stands as free text."""
    if text is None or len(text) > REFERENCE_MAX:
        return free_text(text)
    return f"<Strd><CdtrRefInf><Ref>{written(text)}</Ref></CdtrRefInf></Strd>"


def amount(minor: int, currency: str) -> str:
    """Return an amount without sign."""
    return f'<Amt Ccy="{currency}">{decimal_text(minor, currency)}</Amt>'


def written(text: str) -> str:
    """Return a text as XML."""
    return escape(UNWRITABLE.sub(UNKNOWN, text), quote=False).replace("\r", "&#13;")


def hexadecimal(identity: str) -> str:
    """Return an id without its hyphens."""
    return identity.replace("-", "")
