"""`preferences link`: links into the preference centre."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from steelthread.cli.shell import DEFAULT, Common, app, emit, out
from steelthread.rights import About, Links, Wanted

preferences = App(name="preferences", help="The page where a person sees what is known, and decides.")
app.command(preferences)


@preferences.command
def link(
    ref: str, /, *, brand: str = "", language: str = "", hours: float = 24.0,
    shows: Literal["contact", "authenticated"] = "contact",
    purpose: Annotated[str, Parameter(name="--message-for")] = "",
    channel: Annotated[str, Parameter(name="--message-by")] = "",
    name: Annotated[str, Parameter(name="--message-name")] = "",
    common: Common = DEFAULT,
) -> None:  # fmt: skip
    """Make a link into the preference centre; nobody is looked up.

    Parameters
    ----------
    ref
        Whom it is for, and where it is sent: email:ann@example.com, phone:...
    brand
        Of brands.yaml; the first by default.
    language
        en, de, fr or es, for browsers that say none of these.
    hours
        For how long it works, at most 720.
    shows
        contact: it is sent to the contact; authenticated: it stands behind a login that you vouch for, and shows all.
    purpose
        With a link that stands in a message: the purpose of the message. The page says why it came, and stops it.
    channel
        The channel of the message, such as email.
    name
        What people would call the message, such as "Spring sale".
    """
    about = About(purpose, channel, name) if purpose else None
    with common.acting("preferences link", ref) as space:
        made = Links(space).make(Wanted(ref=ref, brand=brand, language=language, hours=hours, shows=shows, about=about))
    if common.json:
        emit(made)
    else:
        out.print(made.url, markup=False, soft_wrap=True)
