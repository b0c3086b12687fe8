#!/usr/bin/env python3
"""Makes the golden files of this folder with Hugging Face's and Jinja's own programs.

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install tokenizers==0.23.3 jinja2==3.1.6
    /tmp/goldens/bin/python tests/golden/text/make_goldens.py

Writes, beside itself: training.json (texts), trained_*.json (what BpeTrainer made of them), tokenizer_*.json
(small tokenizers of the well-known kinds), encodings.json (texts, their ids, and the text decoded again).
make_template_goldens.py makes those of chat templates. All randomness is seeded; but with limit_alphabet and with an
end-of-word suffix the trainer itself numbers by hash order, so llama2, words and clip come out anew each time.
"""
import json
import pathlib
import random
import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
HERE = pathlib.Path(__file__).parent

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
          r"|\s+(?!\S)|\s")
# tiktoken's own spelling; its "{1,3}+" is possessive in Rust, but in Oniguruma repeats, and so here, too.
CL100K_REPEATING = CL100K.replace("{1,3}", "{1,3}+")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])

WORDS = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they
which one you were all her she there would their we him been has when who will no more if out so said what up its
about than into them can only other time new some could these two may first then do any like my now over such our man
me even most made after also did many off before must well back through years where much your way down should because
long each just state those people too mr how little good world make very year still see own work men day get here
file option command print value return list number string error default directory output input system process
It's I'll we've they're you'd can't DON'T it'S naïve café Straße Größe übermäßig ÉCOLE garçon œuvre smörgåsbord
привет мир это строка и ещё одна слово 世界 你好 日本語 テキスト 한국어 문장 שלום مرحبا नमस्ते ไทย ελληνικά
aa aaa aaaa aaaaaaa abab ababab xyzzy hellohello 1 12 123 1234 3.14159 0x1F 2024-01-31 100,000 ½ ² Ⅷ ٣٤ 😀 👍🏽 👨‍👩‍👧 🇩🇪
foo_bar() {return;} <a href="#"> a->b x==y && !z // comment /* c */ #include <stdio.h> $PATH ~/dir --help -v""".split()


def make_texts(count, seed):
    chance = random.Random(seed)
    weights = [1.0 / (i + 1) for i in range(len(WORDS))]
    chance.shuffle(weights)
    texts = []
    for _ in range(count):
        words = chance.choices(WORDS, weights, k=chance.randrange(1, 40))
        texts.append("".join(w + chance.choice([" "] * 12 + ["\n", "  ", "\t", ", ", ". ", "\r\n", ""]) for w in words))
    return texts


def train(texts, settings):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, **settings)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


SPECIALS = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TRAININGS = [
    {"vocab_size": 600, "min_frequency": 0, "special_tokens": SPECIALS},
    {"vocab_size": 1500, "min_frequency": 3, "special_tokens": []},
    {"vocab_size": 900, "min_frequency": 0, "special_tokens": ["the", "a", "<|x|>"]},
    {"vocab_size": 20000, "min_frequency": 0, "special_tokens": SPECIALS},
]

TEXTS = [
    "", " ", "  ", "a", "Hello, world!", " leading", "trailing ", "two  spaces", "   many   spaces   ", "tab\tand\nline\r\n",
    "\n\n\n", "\n  \n  x", "x \n\n y", "x  \r\n\r\n  y  ", "end of text   \n  ", "it's I'M we'LL they'Ve y'all 'tis ''s 's",
    "can'\u017f and '\u017f", "it\u2019s", "123456789 12 3.14 1,000", "a1b2c3", "½ ² Ⅷ ٣٤ ①②", "\u00a0nbsp\u00a0\u00a0x",
    "\u3000全角\u3000スペース", "\u2028\u2029\u0085", "a\u180eb \u180e c", "\x1c\x1d\x1e\x1f", "\x00\x01\x7f", "\u200b zero\u200bwidth\u200d",
    "e\u0301 é e\u0301\u0301", "\u1e9b\u0323 \ufb01 \u212b", "İstanbul ıI ǅ ΣΑΣ", "👍🏽👨‍👩‍👧🇩🇪😀", "مرحبا بالعالم", "नमस्ते दुनिया",
    "ไทยไม่มีช่องว่าง", "한국어 문장입니다", "你好，世界！", "日本語テキスト。", "привет, мир", "שָׁלוֹם", "Größe café naïve",
    "foo_bar(); // comment\n\treturn x->y;", "#include <stdio.h>\nint main(void) { return 0; }", "https://example.org/a?b=c&d=e#f",
    "<|endoftext|>", "a<|endoftext|>b", "<|user|>\nHi<|end|>\n<|assistant|>\n", "<|endoftext", "<|end|><|end|> <|end|>",
    "say <mask> please", "say   <mask>   please <mask>", "strip <r>  right", "xword wordx word word.", "THE the The tHe",
    "Normal NORMAL normal", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "hello" * 30, "-" * 100, " " * 70 + "x", "\ufffd \ufeff bom", "a\u0300\u0301\u0302b", "\U0001d400\U0001d7ce \U00020000",
    "...!?!?((([[[{{{", "don't won't DON'T", "x" + "\u0301" * 40, "1" * 60, "\r\r\n\n\r", "▁ lower ▁▁ block",
    "<0x41><0x0A>", "mixed\u00a0 \u2003 spaces\t \n end",
]


def random_texts(count, seed):
    chance = random.Random(seed)
    ranges = [(0x20, 0x7F)] * 4 + [(0, 0x20), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x780), (0x900, 0xE00),
                                   (0x1E00, 0x2070), (0x2070, 0x2C00), (0x3000, 0x3100), (0x4E00, 0x5000), (0xAC00, 0xAD00),
                                   (0xFB00, 0xFE00), (0x10000, 0x10200), (0x1D400, 0x1D800), (0x1F300, 0x1FA00)]
    texts = []
    for _ in range(count):
        text = ""
        while len(text) < chance.randrange(1, 30):
            low, high = chance.choice(ranges)
            c = chr(chance.randrange(low, high))
            if unicodedata.category(c) not in ("Cn", "Cs", "Co"):
                text += c * chance.choice([1, 1, 1, 2, 3])
        texts.append(text)
    return texts


def with_tokens(tokenizer):
    tokenizer.add_special_tokens(SPECIALS)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("<r>", rstrip=True)])
    tokenizer.add_tokens([AddedToken("word", single_word=True, normalized=False), AddedToken("Normal", normalized=True)])
    return tokenizer


def byte_level(texts, pattern=None, normalizer=None, add_prefix_space=False, size=700, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return with_tokens(tokenizer)


def with_template(tokenizer):
    start, end = (tokenizer.token_to_id(t) for t in ("<|endoftext|>", "<|end|>"))
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<|endoftext|> $A <|end|>", special_tokens=[("<|endoftext|>", start), ("<|end|>", end)])])
    return tokenizer


def llama2(texts):
    """SentencePiece BPE as Llama 2's: no pre-tokenizer, spaces as U+2581, bytes for unknown characters."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=500, show_progress=False, limit_alphabet=120))
    model = json.loads(trained.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    vocab = {t: i for i, t in enumerate(names + sorted(model["vocab"], key=model["vocab"].get))}
    merges = [tuple(m) for m in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def metaspace(texts):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=500, special_tokens=["<unk>"], show_progress=False))
    return with_tokens(tokenizer)


def words(texts):
    """Characters, not bytes, with most of the normalizers and pre-tokenizers that we know."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents(), normalizers.Strip(),
        normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits(individual_digits=True)])
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=["<unk>"], show_progress=False, limit_alphabet=90)
    tokenizer.train_from_iterator(texts, trainer)
    return with_tokens(tokenizer)


def clip(texts):
    """Byte level with an end-of-word suffix and other splits."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=["<|endoftext|>"], end_of_word_suffix="</w>",
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return with_tokens(tokenizer)


def splits(texts):
    """The behaviors of Split."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("-", "merged_with_next"), pre_tokenizers.Split(Regex(r"\d"), "contiguous"),
        pre_tokenizers.Split(Regex(r"[aeiou]\S"), "merged_with_previous"), pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return with_tokens(tokenizer)


def main():
    texts = make_texts(400, seed=1)
    write("training.json", {"texts": texts, "trainings": TRAININGS})
    for number, settings in enumerate(TRAININGS):
        model = json.loads(train(texts, settings).to_str())["model"]
        tokens = sorted(model["vocab"], key=model["vocab"].get)
        write(f"trained_{number}.json", {"tokens": tokens, "merges": [[model["vocab"][t] for t in m] for m in model["merges"]]})

    made = {
        "gpt2": byte_level(texts),
        "gpt2_prefix": with_template(byte_level(texts, add_prefix_space=True)),
        "llama3": with_template(byte_level(texts, LLAMA3, ignore_merges=True)),
        "qwen2": byte_level(texts, QWEN2, normalizers.NFC()),
        "cl100k": byte_level(texts, CL100K),
        "cl100k_repeating": byte_level(texts, CL100K_REPEATING),
        "o200k": byte_level(texts, O200K),
        "llama2": llama2(texts),
        "metaspace": metaspace(texts),
        "words": words(texts),
        "clip": clip(texts),
        "splits": splits(texts),
    }
    encodings = {"texts": TEXTS + random_texts(60, seed=2), "tokenizers": {}}
    for name, tokenizer in made.items():
        write(f"tokenizer_{name}.json", json.loads(tokenizer.to_str()))
        rows = []
        for text in encodings["texts"]:
            ids = tokenizer.encode(text).ids
            plain = tokenizer.encode(text, add_special_tokens=False).ids
            row = {"ids": plain, "text": tokenizer.decode(plain, skip_special_tokens=False)}
            if ids != plain:
                row["ids_with_special"] = ids
            if (skipped := tokenizer.decode(ids)) != row["text"]:
                row["text_without_special"] = skipped
            if row["text"] == text:
                del row["text"]
            rows.append(row)
        encodings["tokenizers"][name] = rows
    write("encodings.json", encodings)


if __name__ == "__main__":
    main()
