"""The comments of the demo as data; they are submitted like any comment."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Status = Literal["approved", "pending", "spam"]


@dataclass(frozen=True)
class Remark:
    """One comment of the demo. `body` is Markdown as a reader would type it; replies are newer than it.

    One by `staff` is written at the desk, as a reply.
    """

    name: str
    email: str
    minutes_ago: int
    body: str
    status: Status = "approved"
    website: str = ""
    helpful: int = 0
    staff: bool = False
    picked: bool = False
    replies: "tuple[Remark, ...]" = ()


# The text above the form, in Markdown, by language.
HOUSE_RULES = {
    "ja": "潮凪のみなさんの声を聞かせてください。**記事の話**を、となりの人に話すように。",
    "en": "Tell us what you saw and heard. **Stay with the story**, and be kind to your neighbours.",
}


def walk(remarks: tuple[Remark, ...], parent: Remark | None = None) -> Iterator[tuple[Remark, Remark | None]]:
    """Yield every remark with the one it answers (None for a root), parents before their replies."""
    for remark in remarks:
        yield remark, parent
        yield from walk(remark.replies, remark)


def approved_on(path: str) -> int:
    """Count the public comments of an article, by its path; 0 for an article without comments."""
    return sum(remark.status == "approved" for remark, _ in walk(CONVERSATION.get(path, ())))


BELL = (
    Remark(
        name="浜通りの早起き",
        email="hayaoki@example.jp",
        minutes_ago=1480,
        helpful=9,
        body="きのう突堤で聴きました。音というより、石を伝って足の裏から来る感じ。"
        "となりにいたおじいさんが帽子を取ったので、つられて私も取りました。",
        replies=(
            Remark(
                name="帽子のじいさんの孫",
                email="mago@example.com",
                minutes_ago=1425,
                helpful=15,
                picked=True,
                body="たぶんうちの祖父です。子どものころ、鐘が鳴ると船から父親が帰ってくる合図だったそうです。"
                "家に帰ってからも、しばらく帽子を膝に置いていました。",
                replies=(
                    Remark(
                        name="浜通りの早起き",
                        email="hayaoki@example.jp",
                        minutes_ago=1390,
                        body="そうでしたか。教えてくださってありがとうございます。次は、私から帽子を取ります。",
                    ),
                ),
            ),
        ),
    ),
    Remark(
        name="夜勤明け",
        email="yakin@example.net",
        minutes_ago=1310,
        body="いい話なのは分かります。でも浜通りに住んで夜勤をしている身からすると、"
        "**毎日五十分ずつずれる**音がいちばんつらい。決まった時刻なら慣れられるんです。"
        "布を巻く案、賛成です。",
        replies=(
            Remark(
                name="三代目よし丸",
                email="yoshimaru@example.jp",
                minutes_ago=1265,
                website="https://yoshimaru.example.jp/",
                body="船の者です。霧の晩に港へ入るとき、あの音がどれだけありがたいか。\n\n"
                "> 決まった時刻なら慣れられる\n\n"
                "これは本当にそうだと思う。町民会議の前に、一度お茶でも飲みながら話しませんか。",
                replies=(
                    Remark(
                        name="夜勤明け",
                        email="yakin@example.net",
                        minutes_ago=1190,
                        body="ぜひ。木曜なら昼から起きています。船の人の話、考えてみたら聞いたことがありませんでした。",
                    ),
                    Remark(
                        name="喫茶なぎさ",
                        email="nagisa@example.com",
                        minutes_ago=1150,
                        body="うちの奥の席、木曜の二時からあけておきます。コーヒーは鐘にちなんで三十七円引きで。",
                    ),
                ),
            ),
        ),
    ),
    Remark(
        name="もと理科教師",
        email="rika@example.org",
        minutes_ago=1020,
        body="歯数に素数を使うのは「狩り歯」と呼ばれる工夫です。三十七は素数なので、相手の歯車の歯数が"
        "三十七の倍数でないかぎり、\n\n"
        "1. 同じ歯どうしが続けて当たらない\n2. 減り方が均一になる\n3. 傷がひとつの歯に集まらない\n\n"
        "これを減り跡から読み取った二年生、すばらしい。",
        replies=(
            Remark(
                name="科学部の部長",
                email="kagakubu@example.jp",
                minutes_ago=960,
                body="うれしいです！ 相手の歯車は十二枚です。最初に数えたときは三十八と書いてしまって、"
                "三回やり直しました。ノートは文化祭で展示します。",
            ),
        ),
    ),
    Remark(
        name="坂の上の猫好き",
        email="nekozuki@example.com",
        minutes_ago=700,
        helpful=3,
        body="うちの猫は鳴る*五分前*に窓辺へ行きます。井戸の水の音が聞こえているのでは、というのが家族の説です。",
    ),
    Remark(
        name="転勤族",
        email="tenkin@example.net",
        minutes_ago=410,
        body="越してきて半年、この町の時間がやっと分かった気がします。~~時計~~ 海を見ればいいんですね。",
    ),
    Remark(
        name="まつ",
        email="matsu@example.jp",
        minutes_ago=95,
        body="けさ五時前、はじめて自分の家の窓から聞こえました。風向きしだいで、見晴坂まで届くようです。",
    ),
    Remark(
        name="眠れない男",
        email="nemurenai@example.com",
        minutes_ago=48,
        status="pending",
        body="感動だの文化だの、浜通りに住んでない人は気楽でいいですね。**寝不足で事故でも起きたら、"
        "そのときも帽子を取って済ませるんですか。** 記者さんも一晩泊まってから書いてほしい。",
    ),
    Remark(
        name="潮見表マニア",
        email="shiomi@example.org",
        minutes_ago=31,
        status="pending",
        body="鐘の時刻を予想したい方へ、参考になる頁をまとめました。\n\n"
        "- 潮位の予測 https://tide.example.org/shionagi\n"
        "- 昔の鐘の記録 https://archive.example.org/bell/1954\n"
        "- 歯車の計算 https://gears.example.net/hunting-tooth\n\n"
        "外れたらごめんなさい。",
    ),
    Remark(
        name="在宅ワーク案内",
        email="info@kasegu.example.com",
        minutes_ago=22,
        status="spam",
        website="https://kasegu.example.com/",
        body="スマホだけで月収８０万円！ 誰でもカンタン、初日から稼げます。"
        "今なら先着１０名様に無料プレゼント→ https://kasegu.example.com/line",
    ),
)

STALL = (
    Remark(
        name="三号車の運転手",
        email="sangosha@example.jp",
        minutes_ago=2600,
        body="カモメをいただいた者です。運転席の時計の上にとまっています。"
        "遅れているときに目が合うと、少し落ち着きます。",
        replies=(
            Remark(
                name="三号車の乗客",
                email="joukyaku@example.com",
                minutes_ago=2540,
                body="あのカモメ、曲がるたびに少し傾くのがたまりません。",
            ),
        ),
    ),
    Remark(
        name="ほどき屋",
        email="hodoki@example.net",
        minutes_ago=1700,
        body="編み物をする者として。八本足のタコを毎晩ひとつは無理です。"
        "あれは**ずっと前から編みためていた**手だと思います。誰かに渡すつもりで。",
        replies=(
            Remark(
                name="須藤の隣の畑",
                email="hatake@example.jp",
                minutes_ago=1610,
                body="そうかもしれません。でも、これ以上は推理しないでおきましょう。フミさんの言うとおりです。",
            ),
        ),
    ),
    Remark(
        name="クジラの母",
        email="kujira@example.org",
        minutes_ago=820,
        body="診療所のクジラに助けられました。三歳が「クジラさんが先にチクッとした」と言って、自分で腕を出しました。",
    ),
    Remark(
        name="となり町より",
        email="tonari@example.com",
        minutes_ago=64,
        status="pending",
        body="はじめてコメントします。土曜に家族で伺いたいのですが、何時ごろ行けば棚に残っているでしょうか。"
        "もらうかわりに、うちで編んだ小さなマフラーを置いてきてもいいですか。",
    ),
    Remark(
        name="ブランド激安館",
        email="sale@gekiyasu.example.net",
        minutes_ago=57,
        status="spam",
        website="https://gekiyasu.example.net/",
        body="【最高品質】スーパーコピー時計・財布・バッグ 全品９０％ＯＦＦ！ N級品 国内発送 "
        "https://gekiyasu.example.net/watch https://gekiyasu.example.net/bag",
    ),
)

BOOK_BOAT = (
    Remark(
        name="しおり丸の機関士",
        email="kikanshi@example.jp",
        minutes_ago=2900,
        body="梶谷さんは桟橋でいつも、借りる本より先に機関の音のことを聞いてくれます。"
        "「先月より低いね」と言われて調べたら、本当に軸受けが傷んでいました。",
    ),
    Remark(
        name="渡り鳥係",
        email="wataridori@example.org",
        minutes_ago=2210,
        body="タカの渡り、昼までに百二十羽。その一行のために、私たちは二十年分の調査をやり直すことになりました。"
        "うれしい悲鳴です。",
        replies=(
            Remark(
                name="図書館の窓口",
                email="toshokan@example.jp",
                minutes_ago=2150,
                body="カードは閲覧室で写しをご覧いただけます。鉛筆が薄いので、*晴れた日の午前中*がおすすめです。",
            ),
            Remark(
                name="潮凪だより",
                email="",
                minutes_ago=2080,
                staff=True,
                body="ありがとうございます。写しの閲覧時間を、記事の末尾に書き足しました。",
            ),
        ),
    ),
    Remark(
        name="推理もの好き",
        email="suiri@example.com",
        minutes_ago=610,
        body="犯人が最後まで分からないもの、と聞いて黙っていられません。`最後の一頁を切り取って次の便で届ける`"
        "というのはどうでしょう。",
    ),
    Remark(
        name="税金の使い道",
        email="zeikin@example.net",
        minutes_ago=39,
        status="pending",
        body="よい記事でした。ただ、試験場が燃料代の半分を持つのは何年間の約束なのでしょうか。"
        "期限があるなら、そこまで書いてほしいです。",
    ),
)

FERRY = (
    Remark(
        name="Late from the cannery",
        email="late@example.com",
        minutes_ago=1950,
        body="I am one of the six who fell. I would like it on record that I did not spill *any*.",
        replies=(
            Remark(
                name="Deck Three",
                email="deck@example.org",
                minutes_ago=1890,
                body="Confirmed. I was the person you handed it to on the way down.",
            ),
        ),
    ),
    Remark(
        name="Oda, outer island",
        email="oda@example.net",
        minutes_ago=1500,
        helpful=7,
        website="https://outer-island.example.net/",
        body="I wrote one of the two letters. My point stands: the *connection* on our side is a mail van "
        "that leaves at 21:55 sharp. Seven minutes here is a forty-minute walk there, in the "
        "dark, with shopping.",
        replies=(
            Remark(
                name="Van No. 2",
                email="van@example.com",
                minutes_ago=1420,
                helpful=12,
                picked=True,
                body="I drive it. Nobody asked me, or I would have said: I can wait until 22:05. I usually "
                "sit there reading anyway.",
                replies=(
                    Remark(
                        name="Oda, outer island",
                        email="oda@example.net",
                        minutes_ago=1350,
                        body="Then I withdraw the letter, and I'm keeping the voucher.",
                    ),
                ),
            ),
        ),
    ),
    Remark(
        name="P. Marsh",
        email="marsh@example.org",
        minutes_ago=505,
        helpful=4,
        body="> You can rebuild a gangway for four million yen, or you can reprint a card.\n\n"
        "This ought to be carved above the door of every council in the world.",
    ),
    Remark(
        name="Best SEO Team",
        email="outreach@rankfast.example.com",
        minutes_ago=44,
        status="spam",
        website="https://rankfast.example.com/",
        body="Hello dear webmaster, great article, very informative! I noticed your website is not "
        "ranking on page 1. We offer 5000 high DA backlinks for only $49: https://rankfast.example.com/offer",
    ),
)

CATS = (
    Remark(
        name="The bakery",
        email="bakery@example.com",
        minutes_ago=2300,
        body="We had honestly wondered why Mr Toast was never hungry on *Fridays*. It turns out that Friday "
        "is sardines at the police box.",
        replies=(
            Remark(
                name="Police box, duty desk",
                email="desk@example.org",
                minutes_ago=2240,
                body="No comment while the matter is in the lost property book.",
            ),
            Remark(
                name="The Shionagi Tide",
                email="",
                minutes_ago=2100,
                staff=True,
                body="We have asked Mr Toast. He had no comment either, but he did have the sardines.",
            ),
        ),
    ),
    Remark(
        name="Ines (Mei's aunt)",
        email="ines@example.net",
        minutes_ago=1180,
        body="For those who asked, the method is called **mark and recapture**. You multiply the two counts "
        "and divide by the ones you saw twice:\n\n`41 × 40 ÷ 36 ≈ 46`\n\nShe has now done the gulls.",
    ),
    Remark(
        name="Worried of the waterfront",
        email="worried@example.com",
        minutes_ago=73,
        status="pending",
        body="Is anyone checking on number 23? She hasn't been by our step since the cold came in on "
        "Thursday, and it was her day.",
    ),
    Remark(
        name="CryptoQueen",
        email="win@moonprofit.example.net",
        minutes_ago=27,
        status="spam",
        body="I was skeptical but I invested 0.1 BTC and withdrew $18,400 in ONE WEEK!!! "
        "Contact my account manager now >> https://moonprofit.example.net/join",
    ),
)

STEPS = (
    Remark(
        name="Step 88",
        email="eightyeight@example.org",
        minutes_ago=2750,
        body="It was my brother's boat. Thank you for slowing down.",
        replies=(
            Remark(
                name="Step 89",
                email="eightynine@example.com",
                minutes_ago=2690,
                body="We cut ours to meet it. It took four tries, and I'd have happily made it forty.",
            ),
        ),
    ),
    Remark(
        name="A. Brolly",
        email="brolly@example.net",
        minutes_ago=1600,
        body="Things I have counted from the rail so far:\n\n- three kinds of oak\n- one cricket bat (mine)\n"
        "- a hundred and forty children stuck at the abacus",
    ),
    Remark(
        name="Visiting in spring",
        email="visiting@example.com",
        minutes_ago=260,
        body="My mother is 84 and hasn't been to the top since her knees went. We've booked for Saturday. "
        "I'm told there'll be tea.",
    ),
)

CONVERSATION: dict[str, tuple[Remark, ...]] = {
    "/ja/mancho-no-kane": BELL,
    "/ja/tana-no-amigurumi": STALL,
    "/ja/hon-no-fune": BOOK_BOAT,
    "/en/seven-minutes": FERRY,
    "/en/forty-six-cats": CATS,
    "/en/two-hundred-and-twelve-steps": STEPS,
}
"""The remarks under each article, by the article's path on the demo site."""

# Articles whose comments are closed.
CLOSED = ("/ja/tana-no-amigurumi", "/en/two-hundred-and-twelve-steps")
