"""The page on which a customer of the sandbox bank says yes or no."""

from collections.abc import Mapping
from html import escape

from ops.sandbox_bank.books import Account
from ops.sandbox_bank.message import Reply

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


def consent_page(asked: Mapping[str, str], username: str, accounts: list[Account]) -> Reply:
    """Return the page; what was asked travels in it as hidden fields."""
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in asked.items()
        if name not in {"auto", "login_hint"}
    )
    boxes = "".join(
        f'<li><label><input type="checkbox" name="account" value="{escape(each.id)}" checked> '
        f"{escape(each.name)} ({escape(each.currency)}, ends in {escape(each.last_four)})"
        "</label></li>"
        for each in accounts
    )
    page = PAGE.format(
        client=escape(asked["client_id"]),
        scope=escape(asked.get("scope", "")),
        kept=kept,
        username=escape(username),
        accounts=f"<ul>{boxes}</ul>" if boxes else "<p>No accounts under this name yet.</p>",
    )
    return html(page)


def error_page(text: str) -> Reply:
    """Return the page for a request that must not be redirected anywhere (RFC 6749 §4.1.2.1)."""
    return html(ERROR.format(text=escape(text)), status=400)


def html(page: str, status: int = 200) -> Reply:
    """Return a page."""
    return Reply(
        status=status,
        body=page.encode(),
        media_type="text/html; charset=utf-8",
        headers=HEADERS,
    )


STYLE = """<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 3rem auto; padding: 0 1rem;
       color: #1c2430; background: #f5f7fa }
main { background: #fff; border: 1px solid #d5dbe3; border-radius: .5rem; padding: 1.5rem }
h1 { font-size: 1.25rem; margin-top: 0 } ul { list-style: none; padding: 0 }
button { font: inherit; padding: .5rem 1.25rem; border-radius: .25rem; border: 1px solid #1b4f9c }
.yes { background: #1b4f9c; color: #fff } .no { background: #fff; color: #1b4f9c }
input[type=text] { font: inherit; padding: .25rem .5rem }
</style>"""
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>Sandbox Bank</title>"
)
PAGE = (
    HEAD
    + STYLE.replace("{", "{{").replace("}", "}}")
    + """</head><body><main>
<h1>Sandbox Bank</h1>
<p><strong>{client}</strong> asks to see your accounts and to pay from them.
<br><small>Scope: {scope}</small></p>
<form method="post" action="/oauth/authorize">{kept}
<input type="hidden" name="shown_for" value="{username}">
<p><label>Signed in as
<input type="text" name="username" value="{username}" required></label></p>
{accounts}
<p><button class="yes" name="decision" value="approve">Approve</button>
<button class="no" name="decision" value="deny" formnovalidate>Deny</button></p>
</form></main></body></html>"""
)
ERROR = (
    HEAD
    + STYLE.replace("{", "{{").replace("}", "}}")
    + "</head><body><main><h1>This request cannot be answered</h1>"
    "<p>{text}</p></main></body></html>"
)
