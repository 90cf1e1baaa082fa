"""Built-in urgent phrases in both languages: threats and legal action.

Phrases, not topics: a comment about a murder or a court is not held. A site can except a phrase.
"""

THREATS = [
    *"殺すぞ 殺してやる 殺しに行く 殺しにいく 殺害予告 ぶっ殺 ブッ殺 ぶち殺 刺し殺す 死ね タヒね 死んでしまえ".split(),
    *"首吊れ 首を吊れ 自殺しろ 火をつけてやる 燃やしてやる 放火してやる 爆破予告 爆破してやる 爆弾を仕掛け".split(),
    *"襲撃してやる 住所を晒す 住所晒す 住所特定した 家を特定した 夜道に気をつけろ 覚悟しておけ".split(),
    "kill you",
    "kill yourself",
    "kys",
    "murder you",
    "shoot you",
    "stab you",
    "burn your house",
    "beat you up",
    "bomb threat",
    "i know where you live",
    "death threat",
    "hope you die",
]
LEGAL = [
    *"訴えてやる 訴えるぞ 訴えます 訴えさせて 法的措置 法的手段 名誉毀損 名誉棄損 名誉き損 損害賠償を請求".split(),
    *"刑事告訴 告訴します 告訴するぞ 被害届 開示請求 弁護士に相談 弁護士を通じて 弁護士に依頼 内容証明".split(),
    *"肖像権侵害 著作権侵害 プライバシー侵害 記事の削除を求め 削除要請".split(),
    "sue you",
    "my lawyer",
    "our lawyers",
    "my attorney",
    "legal action",
    "cease and desist",
    "defamation",
    "defamatory",
    "libel",
    "libellous",
    "dmca",
    "copyright infringement",
]
# Contain 死ね without wishing death.
HARMLESS = "死ねない 死ねる 死ねば 死ねた 死ねん".split()

URGENT_WORDS = {"threat": THREATS, "legal": LEGAL}
