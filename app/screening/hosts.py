"""Find the hosts in a comment; recognise shorteners and look-alikes."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from app.lib.text import link_spans
from app.lib.urls import host_of
from app.models import Comment
from app.spam.disguise import LATIN, narrowed

# A host without a scheme; links are found first.
BARE_HOST = re.compile(r"(?<![a-zA-Z0-9.-])[a-zA-Z0-9-]++(?:\.[a-zA-Z0-9-]++)+")
# Checked hosts of a comment; more of them are held as links anyway.
MOST_HOSTS = 500

# URL shorteners that anyone can use; not the short addresses of single sites, such as youtu.be.
SHORTENERS = frozenset(
    [
        *"0.gp 00m.in 0rz.tw 1url.com 2.gp 2u.pw 3.ly 4.gp 4.ly 5.gp 6.gp 6.ly 7.ly 8.ly 92url.com 9nl.com".split(),
        *"abre.ai acortar.link adf.ly adfoc.us alturl.com amzn.to anon.to b.link b2n.ir bc.vc bit.do bit.ly".split(),
        *"bitly.com bitly.is bitly.lc bityl.co bl.ink budurl.com buff.ly chilp.it clck.ru cli.re cut.lu".split(),
        *"cut.pe cutt.ly cutt.us da.gd dld.bz dlvr.it dub.sh dwz.tax exe.io fb.me fmurl.cc gg.gg goo.by".split(),
        *"goo.gl goo.su han.gl href.li ift.tt ii1.su inlnk.ru iplogger.org is.gd ishort.ink j.mp kl.am".split(),
        *"kortlink.dk kurl.ru kutt.it l8r.it lihi.cc lin0.de linkjust.com ln.run lnk.bz lnkd.in lnnk.in".split(),
        *"lru.jp lstu.fr lurl.cc mcaf.ee me2.do me2.kr migre.me mmz.li n9.cl nav.cx notlong.com ntn.so".split(),
        *"onl.la onl.sc onl.tw oow.pw ouo.io ouo.press ourl.in ow.ly p.tl ppt.cc pse.is psee.io q.gs qps.ru".split(),
        *"qr.ae qr.net qr.paps.jp qrco.de qrs.ly rb.gy rebrand.ly reduced.to relink.asia reurl.cc risu.io".split(),
        *"rlu.ru rotf.lol s.coop s.id saf.li sho.pe shorl.com short.gy short.io shorte.st shorten.asia".split(),
        *"shorturl.ae shorturl.asia shorturl.at shorturl.com shorturl.gg shrinke.me shrinkme.io shrtco.de".split(),
        *"shrtm.nu sina.lt sl.pt smarturl.it snip.ly soo.gd sourl.cn su.pr suo.fyi suo.im surl.li t.cn t.co".split(),
        *"t.ly t.tl t1p.de t2m.io tii.la tinu.be tiny.cc tiny.ee tiny.one tiny.pl tinyarro.ws tinylink.net".split(),
        *"tinyurl.com tinyurl.hu tny.im tny.so to.ly tr.im trib.al trib.in turl.ca txdl.top u.nu u.to".split(),
        *"ulvis.net url.cn url.ie url2.fr urla.ru urlbunch.com urlr.me urly.fi urlz.fr urlzs.com urx.blue".split(),
        *"urx.nu urx.red utm.to ux.nu v.gd v.ht vk.cc vo.la vurl.com vzturl.com w.tt waa.ai wee.so x.co x.gd".split(),
        *"xrl.us xurl.es yal.su yip.su z23.ru zee.gl zipurl.fr zpr.io zws.im zzb.bz".split(),
    ]
)
# Digits and pairs that look like another letter.
CONFUSABLE_PAIRS = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("5", "s"), ("-", ""))


@dataclass(frozen=True)
class HostMention:
    """A canonical host, the address as typed, and its field."""

    host: str
    typed: str
    field: str

    def is_under(self, domains: Collection[str]) -> bool:
        """True for one of these domains or a subdomain; as fast for thousands of them in a set."""
        labels = self.host.split(".")
        return any(".".join(labels[at:]) in domains for at in range(len(labels)))


def hosts_in(comment: Comment) -> list[HostMention]:
    """Every host in a comment once, also without links."""
    typed = {typed: host_of(typed) for typed in islice(_addresses(comment.body), MOST_HOSTS)}
    found = {host: HostMention(host, typed, "body") for typed, host in reversed(typed.items()) if host}
    if comment.website and (host := host_of(comment.website)):
        found.setdefault(host, HostMention(host, comment.website, "website"))
    return list(found.values())


def looks_like_another(host: str, ours: Iterable[str]) -> bool:
    """True for a host in foreign letters that look Latin, or one that looks like one of `ours`.

    By Unicode's confusables (UTS 39). A host in the script of its top-level domain, such as рост.рф, is accepted.
    """
    shown, ours = readable(host).removeprefix("www."), {each.removeprefix("www.") for each in ours}
    if any(shown == each or shown.endswith(f".{each}") for each in ours):
        return False
    in_latin = not shown.isascii() and shown.rpartition(".")[2].isascii()
    if in_latin and any(not label.isascii() and label.translate(LATIN).isascii() for label in shown.split(".")):
        return True
    return _skeleton(shown) in map(_skeleton, ours)


def readable(host: str) -> str:
    """Decode punycode."""
    return ".".join(map(_decoded, host.split(".")))


def _decoded(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:  # invalid punycode stays as typed
        return label


def _skeleton(host: str) -> str:
    skeleton = host.translate(LATIN)
    for sign, letter in CONFUSABLE_PAIRS:
        skeleton = skeleton.replace(sign, letter)
    return skeleton


def _addresses(text: str) -> Iterator[str]:
    rest, last = [], 0
    for start, end in link_spans(text, bare=True):
        yield text[start:end]
        rest.append(text[last:start])
        last = end
    yield from BARE_HOST.findall(narrowed(" ".join([*rest, text[last:]])).text)
