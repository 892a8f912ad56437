"""The sign-in page as HTML, in the dashboard's own look."""

from html import escape
from string import Template
from typing import Final

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in · pocnet</title>
<link rel="icon" type="image/svg+xml" href="/assets/mark.svg">
<link rel="stylesheet" href="/assets/bootstrap.min.css">
<link rel="stylesheet" href="/assets/pocnet.css">
</head>
<body>
<main class="sign-in" id="main">
<h1>Sign in</h1>
$said
<form method="post" action="$action">
<label for="name">Name</label>
<input class="form-control" id="name" name="name" autocomplete="username"
 autocapitalize="none" spellcheck="false" maxlength="64" required autofocus>
<label for="password">Password</label>
<input class="form-control" id="password" name="password" type="password"
 autocomplete="current-password" maxlength="1000" required>
<input type="hidden" name="next" value="$to">
<button class="btn btn-primary" type="submit">Sign in</button>
</form>
$other
</main>
</body>
</html>
""")


def page(action: str, to: str, said: str, other: tuple[str, str] | None) -> str:
    """The form; `said` is what went wrong, `other` the way through an institution."""
    link = ""
    if other is not None:
        href, title = other
        link = f'<p><a class="btn btn-quiet" href="{escape(href)}">{escape(title)}</a>'
    notice = f'<p class="notice notice-bad" role="alert">{escape(said)}</p>'
    return _PAGE.substitute(
        action=escape(action),
        to=escape(to),
        said=notice if said else "",
        other=link,
    )
