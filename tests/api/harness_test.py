"""lm-evaluation-harness of PyPI, unmodified, over /v1/completions: what it says of a model that `capstan engine` serves is what it says
of the same model that transformers runs in its own process (tests/golden/engine/harness.json, make_harness_goldens.py)."""
import json
import os
import pathlib
import tempfile
import unittest

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
os.environ.setdefault("HF_HOME", tempfile.mkdtemp(prefix="capstan-harness-"))

from lm_eval.models.openai_completions import LocalCompletionsAPI

import harness_tasks
from running_engine import running_engine

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden/engine/harness.json"


class Harness(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = json.loads(GOLDEN.read_text())
        # Keys and values as transformers keeps them; as float16, our own way, they move a score by 1e-4 of itself.
        with running_engine("--kv-type", "f32") as (home, url):
            # Tokens come from /tokenize; two of its positions are the harness's own.
            model = LocalCompletionsAPI(
                base_url=f"{url}/v1/completions", model="tiny", batch_size=4, num_concurrent=4, max_length=harness_tasks.CONTEXT + 2)
            assert model.tokenizer_backend == "remote"
            cls.seen = harness_tasks.evaluate(home, model)

    def assert_close(self, seen, expected, what):
        self.assertLessEqual(abs(seen - expected), 2e-5 * max(1, abs(expected)), what)

    def test_scores_choices_alike_and_takes_the_same(self):
        for seen, expected in zip(self.seen["answers"]["asks"], self.expected["answers"]["asks"], strict=True):
            for (score, is_greedy), (reference, is_reference_greedy) in zip(seen, expected, strict=True):
                self.assert_close(float(score), float(reference), seen)
                self.assertEqual(str(is_greedy), str(is_reference_greedy))
        self.assertEqual(self.seen["results"]["asks"], self.expected["results"]["asks"])
        self.assertGreater(self.expected["results"]["asks"]["acc"], 0)

    def test_scores_texts_alike_also_in_windows(self):
        for seen, expected in zip(self.seen["answers"]["reads"], self.expected["answers"]["reads"], strict=True):
            self.assert_close(seen[0], expected[0], expected)
        for metric, expected in self.expected["results"]["reads"].items():
            self.assert_close(self.seen["results"]["reads"][metric], expected, metric)

    def test_writes_the_same(self):
        self.assertEqual(self.seen["answers"]["writes"], self.expected["answers"]["writes"])
        self.assertEqual(self.seen["results"]["writes"], self.expected["results"]["writes"])
        self.assertGreater(len({text for text, in self.expected["answers"]["writes"]}), 5)


if __name__ == "__main__":
    unittest.main()
