"""The kind of a browser, from its User-Agent header: enough to recognise one's own, too little to track one."""

LONGEST = 1_000  # characters that are searched

# In this order: the header of a browser also names those that it is like.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def name_of(user_agent: str) -> str:
    """Such as "Firefox, Windows"; "" if neither browser nor system is known."""
    told = user_agent[:LONGEST]
    found = (_first(BROWSERS, told), _first(SYSTEMS, told))
    return ", ".join(each for each in found if each)


def _first(known: tuple[tuple[str, str], ...], told: str) -> str:
    return next((name for mark, name in known if mark in told), "")
