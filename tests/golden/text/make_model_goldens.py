#!/usr/bin/env python3
"""Makes the golden files of WordPiece, Unigram and SentencePiece with Hugging Face's and Google's own programs.

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.1
    /tmp/goldens/bin/python tests/golden/text/make_model_goldens.py

Writes, beside itself: model_*.json (small tokenizers), sentence_piece_*.model, and model_encodings.json (texts and
pairs of texts, their ids, and the texts decoded again). The trainers number by hash order in places, so the files
come out anew each time; each stands for itself.
"""
import base64
import io
import json
import pathlib
import random
import tempfile

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from make_goldens import HERE, TEXTS, make_texts, random_texts, write

assert sentencepiece.__version__ == "0.2.1", sentencepiece.__version__

MORE_TEXTS = [
    "unaffable unaffordable untidiness", "Don't you do not DO NOT", "can 't  wo n't I 'm you 're it 's", "a . b , c ? d ! e ' f",
    "日本語と中文and한국어", "㐀䶿豈𠀀𪜀", "naïve façade Ångström ＡＢＣ１２３ ﬁne ﬂow ½ №", "x" * 99, "x" * 100, "x" * 101, "é" * 100,
    "[CLS] a [SEP] b [MASK] c [PAD] [UNK]", "[cls] [mask]", "a\u00adb\u200bc\ufeffd\ue000e", "tab\tnew\nret\r", "e\u0301\u0327 ｶﾞ",
    "▁a ▁▁b▁", "  two  spaces  ", "\u3000 ", "price: $5+€7=`x`^~|", "<unk><s></s><mask>", "<unk> x <unk>", "😀😀 unknown 😀 runs 𓀀𓀁𓀂",
    "the" * 40, "ab" * 80, "\u0301 lone", "a\u0301\u0302\u0303\u0304\u0305\u0306 stacked", "Ａ\u0301 wide", "\r\n\r\n", "가각 갂",
    "  leading", "trailing  ", "mid   dle", " ", "   ", "\n", "<0x41> <0xZZ>", "१२३ ४५", "ﷺ", "㍿ ㌔", "İ ẞ ς Σ",
]
RULES = [("\uff21", "A"), ("\uff22", "B"), ("\uff23", "C"), ("\uff11", "1"), ("\uff12", "2"), ("\uff13", "3"), ("\ufb01", "fi"),
         ("\ufb02", "fl"), ("\u00bd", "1\u20442"), ("\u2116", "No"), ("e\u0301", "\u00e9"), ("a\u0301", "\u00e1"), ("\u3000", " "),
         ("\u00a0", " "), ("\t", " "), ("\n", " "), ("\r", " "), ("\u200b", " "), ("\ufeff", ""), ("\u00ad", ""), ("\uff76\uff9e", "\u30ac"),
         ("\uff76", "\u30ab"), ("\ufdfa", "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647"), ("\u337f", "\u682a\u5f0f\u4f1a\u793e"),
         ("\u1100\u1161", "\uac00"), ("\u0130", "I\u0307"), ("\u212b", "\u00c5"), ("A\u030a", "\u00c5"), ("\u2028", " "), ("\u0085", " ")]


def train_sentence_piece(texts, **settings):
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        rules.write_text("".join(
            " ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n" for source, target in RULES))
        if settings.pop("with_rules", False):
            settings["normalization_rule_tsv"] = str(rules)
        else:
            settings["normalization_rule_name"] = "identity"
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=model, num_threads=1, minloglevel=2, **settings)
        return model.getvalue()


def charsmap_of(model):
    """The precompiled map: field 2 of field 3 (normalizer_spec) of a SentencePiece file."""
    def fields(data):
        at = 0
        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    return value
        while at < len(data):
            key = varint()
            if key & 7 == 0:
                yield key >> 3, varint()
            else:
                size = varint() if key & 7 == 2 else {1: 8, 5: 4}[key & 7]
                yield key >> 3, data[at:at + size]
                at += size
    return next(v for n, v in fields(next(v for n, v in fields(model) if n == 3)) if n == 2)


def bert(texts, **normalizing):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(**normalizing)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=500, special_tokens=specials, show_progress=False, limit_alphabet=150))
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    if normalizing.get("lowercase", True):
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])
    else:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return tokenizer


def unigram(texts, charsmap, **model):
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=450, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    vocab = [tuple(v) for v in json.loads(trained.to_str())["model"]["vocab"]]
    # Rare characters go, so that some are unknown.
    vocab = [v for v in vocab if v[0] not in "çœßÉ語世界日本"]
    if model.get("byte_fallback"):
        vocab += [(f"<0x{b:02X}>", 0.0) for b in range(256)]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=3, **model))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def t5(texts, charsmap):
    tokenizer = unigram(texts, charsmap, byte_fallback=True)
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def byte_fallback_bpe(texts, style):
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=450, show_progress=False, limit_alphabet=110))
    model = json.loads(trained.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["▁▁", "▁▁▁", "▁▁▁▁"]
    vocab = {t: i for i, t in enumerate(names + sorted(model["vocab"], key=model["vocab"].get))}
    merges = [("▁", "▁"), ("▁▁", "▁▁"), ("▁", "▁▁")] + [tuple(m) for m in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if style == "gemma":
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        tokenizer.decoder = decoders.Sequence([
            decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", AddedToken("<|user|>", rstrip=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def rows_of(tokenizer, texts):
    rows = []
    for text in texts:
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        row = {"ids": plain, "text": tokenizer.decode(plain, skip_special_tokens=False)}
        ids = tokenizer.encode(text).ids
        if (skipped := tokenizer.decode(ids)) != row["text"]:
            row["text_without_special"] = skipped
        if row["text"] == text:
            del row["text"]
        rows.append(row)
    return rows


def pairs_of(tokenizer, pairs):
    return [[e.ids, e.type_ids] for e in (tokenizer.encode(a, b) for a, b in pairs)]


def main():
    texts = make_texts(400, seed=1)
    chance = random.Random(5)
    all_texts = TEXTS + MORE_TEXTS + random_texts(40, seed=3)
    pairs = [chance.sample(all_texts[:60] + MORE_TEXTS[:20], 2) for _ in range(15)] + [["", ""], ["a", ""], ["", "b"]]
    pairs = [pair for pair in pairs if len(pair[0]) + len(pair[1]) < 150]
    with_rules = train_sentence_piece(texts, vocab_size=400, model_type="unigram", with_rules=True)
    charsmap = charsmap_of(with_rules)
    made = {
        "bert": bert(texts),
        "bert_cased": bert(texts, lowercase=False, strip_accents=False),
        "bert_accents": bert(texts, lowercase=True, strip_accents=False, handle_chinese_chars=False, clean_text=False),
        "unigram": unigram(texts, charsmap),
        "unigram_t5": t5(texts, charsmap),
        "gemma": byte_fallback_bpe(texts, "gemma"),
        "mistral": byte_fallback_bpe(texts, "mistral"),
    }
    golden = {"texts": all_texts, "pairs": pairs, "tokenizers": {}, "sentence_piece": {}}
    for name, tokenizer in made.items():
        write(f"model_{name}.json", json.loads(tokenizer.to_str()))
        golden["tokenizers"][name] = {"rows": rows_of(tokenizer, all_texts), "pairs": pairs_of(tokenizer, pairs)}
    pieces = {
        "unigram": with_rules,
        "bpe": train_sentence_piece(
            texts, vocab_size=700, model_type="bpe", byte_fallback=True, remove_extra_whitespaces=False, split_digits=True,
            character_coverage=0.98, allow_whitespace_only_pieces=True, user_defined_symbols=["▁▁", "▁▁▁"]),
        "bpe_plain": train_sentence_piece(
            texts, vocab_size=400, model_type="bpe", add_dummy_prefix=False, character_coverage=0.98, control_symbols=["<x>"]),
        "unigram_bytes": train_sentence_piece(
            texts, vocab_size=700, model_type="unigram", byte_fallback=True, character_coverage=0.98, remove_extra_whitespaces=False,
            user_defined_symbols=["▁▁"]),
    }
    for name, model in pieces.items():
        (HERE / f"sentence_piece_{name}.model").write_bytes(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        rows = []
        for text in all_texts:
            ids = processor.encode(text)
            rows.append({"ids": ids} if processor.unk_id() in ids else {"ids": ids, "text": processor.decode(ids)})
        golden["sentence_piece"][name] = rows
    write("model_encodings.json", golden)


if __name__ == "__main__":
    main()
