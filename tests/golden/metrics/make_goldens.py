#!/usr/bin/env python3
"""Writes goldens.json: what sacreBLEU, rouge-score and SciPy say, for src/metrics to agree with.

Usage: python3 -m venv v && v/bin/pip install -r requirements.txt && v/bin/python make_goldens.py
"""
import json
import pathlib
import random

import numpy
import sacrebleu
import scipy.stats
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

TEXTS = [
    ("the cat sat on the mat", "the cat is on the mat"),
    ("ls - list directory contents", "ls - list directory contents"),
    ("list files", "list directory contents"),
    ("", "something"),
    ("something", ""),
    ("completely different words here", "nothing shared at all between"),
    ("It costs $1,234.50 (about 5-6%), doesn't it?", "It cost $1,234 (5-6 %), didn't it ?"),
    ("&quot;Hello&quot; &amp; goodbye... 3.5, U.S.A. x-y 10-x", '"Hello" & goodbye . . . 3.5 U.S.A. x-y 10 - x'),
    ("Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.", "Zwölf Boxer jagten Viktor über den Deich."),
    ("日本語の文章です。", "日本語の文です。"),
    ("a a a a a a a", "a a"),
    ("the the the quick brown fox jumps", "the quick brown fox jumped over the lazy dog"),
    ("line one\nline two is here\nthree", "line two\nline one is there\nfour three"),
    ("(hi) 'quoted' end.", "hi quoted end ."),
    ("trailing space \u00a0\u3000", "trailing\u2003space"),
]
TOKENISED = [text for pair in TEXTS for text in pair] + ["<skipped>a-\nb c\nd", "1.2.3,4 .5 5. a,b 7-8 a-8", "..,, --"]


def generated_pairs():
    source = random.Random(7)
    words = "the a of list file print option show to and system call return value with from user name".split()
    pairs = []
    for _ in range(25):
        reference = [source.choice(words) for _ in range(source.randint(3, 25))]
        hypothesis = [w if source.random() < 0.7 else source.choice(words) for w in reference]
        if source.random() < 0.5:
            hypothesis = hypothesis[: source.randint(1, len(hypothesis))]
        pairs.append((" ".join(hypothesis) + source.choice(["", ".", " !"]), " ".join(reference)))
    return pairs


def rouge(pairs):
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = rouge_scorer.RougeScorer(names, use_stemmer=False)
    rows = []
    for hypothesis, reference in pairs:
        scores = scorer.score(reference, hypothesis)
        rows.append({"hypothesis": hypothesis, "reference": reference,
                     **{name: [scores[name].precision, scores[name].recall, scores[name].fmeasure] for name in names}})
    return rows


def bleu_and_chrf(pairs):
    sentence, corpus = BLEU(effective_order=True), BLEU()
    rows = []
    for hypothesis, reference in pairs:
        rows.append({
            "hypothesis": hypothesis, "reference": reference,
            "bleu": sentence.sentence_score(hypothesis, [reference]).score,
            "chrf": CHRF().sentence_score(hypothesis, [reference]).score,
            "chrf++": CHRF(word_order=2).sentence_score(hypothesis, [reference]).score,
        })
    hypotheses, references = [h for h, _ in pairs], [r for _, r in pairs]
    shifted = references[1:] + references[:1]
    score = corpus.corpus_score(hypotheses, [references])
    return {
        "sentences": rows,
        "corpus": {
            "bleu": score.score, "precisions": score.precisions, "brevity_penalty": score.bp,
            "hypothesis_length": score.sys_len, "reference_length": score.ref_len,
            "chrf": CHRF().corpus_score(hypotheses, [references]).score,
            "chrf++": CHRF(word_order=2).corpus_score(hypotheses, [references]).score,
        },
        "two_references": {
            "shifted": shifted,
            "bleu": BLEU().corpus_score(hypotheses, [references, shifted]).score,
            "chrf": CHRF().corpus_score(hypotheses, [references, shifted]).score,
        },
    }


def statistics():
    source = numpy.random.default_rng(11)
    samples = [
        ([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 3.0, 4.0, 5.0, 7.5]),
        (source.normal(0, 1, 40).tolist(), source.normal(0.4, 2, 55).tolist()),
        (source.integers(0, 5, 30).astype(float).tolist(), source.integers(1, 6, 25).astype(float).tolist()),
        ([0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]),
    ]
    rows = []
    for a, b in samples:
        welch = scipy.stats.ttest_ind(a, b, equal_var=False)
        ranks = scipy.stats.mannwhitneyu(a, b, alternative="two-sided", method="asymptotic", use_continuity=True)
        pooled = (((len(a) - 1) * numpy.var(a, ddof=1) + (len(b) - 1) * numpy.var(b, ddof=1)) / (len(a) + len(b) - 2)) ** 0.5
        above = sum((x > y) - (x < y) for x in a for y in b)
        rows.append({
            "a": a, "b": b, "t": welch.statistic, "df": welch.df, "t_p": welch.pvalue,
            "u": ranks.statistic, "u_p": ranks.pvalue,
            "cohen_d": (numpy.mean(a) - numpy.mean(b)) / pooled, "cliff_delta": above / (len(a) * len(b)),
        })
    points = [-6.0, -2.5, -1.0, -0.3, 0.0, 0.7, 1.96, 3.0, 8.0]
    return {
        "samples": rows,
        "normal_cdf": [[x, scipy.stats.norm.cdf(x)] for x in points],
        "normal_quantile": [[p, scipy.stats.norm.ppf(p)] for p in [1e-9, 0.001, 0.025, 0.2, 0.5, 0.8, 0.975, 0.9999]],
        "student_cdf": [[x, df, scipy.stats.t.cdf(x, df)] for x in points for df in [1.0, 2.5, 10.0, 300.0]],
    }


def main():
    pairs = TEXTS + generated_pairs()
    tokenise = Tokenizer13a()
    goldens = {
        "made_by": {"sacrebleu": sacrebleu.__version__, "scipy": scipy.__version__, "rouge_score": "0.1.2"},
        "tokenised_13a": [[text, tokenise(text.rstrip())] for text in TOKENISED],
        "rouge": rouge(pairs),
        **bleu_and_chrf(pairs),
        "statistics": statistics(),
    }
    path = pathlib.Path(__file__).with_name("goldens.json")
    path.write_text(json.dumps(goldens, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
