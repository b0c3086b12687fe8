"""The official OpenAI client of PyPI, unmodified, against `capstan engine` with a tiny random model."""
import json
import math
import time
import unittest
import urllib.request

import openai

import random_model
from running_engine import running_engine

TOOLS = [{
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town",
        "parameters": {
            "type": "object",
            "properties": {"town": {"enum": ["Bern", "Oslo"]}, "days": {"enum": [1, 2, 3]}},
            "required": ["town", "days"],
            "additionalProperties": False,
        },
    },
}]


def post(url):
    with urllib.request.urlopen(urllib.request.Request(url, data=b"", method="POST"), timeout=30) as answer:
        answer.read()


class Served(unittest.TestCase):
    OPTIONS = ()  # Of the engine.

    @classmethod
    def setUpClass(cls):
        _, cls.url = cls.enterClassContext(running_engine(*cls.OPTIONS))
        cls.client = cls.enterClassContext(openai.OpenAI(base_url=cls.url + "/v1", api_key="none", max_retries=0))


class Engine(Served):

    def complete(self, **asked):
        return self.client.completions.create(**{"model": "tiny", "max_tokens": 8, "temperature": 0, **asked})

    def chat(self, **asked):
        messages = [{"role": "user", "content": "Hi!"}]
        return self.client.chat.completions.create(
            **{"model": "tiny", "messages": messages, "max_tokens": 8, "temperature": 0, **asked}
        )

    def test_lists_its_model_with_its_context(self):
        (model,) = list(self.client.models.list())
        self.assertEqual((model.id, model.max_model_len), ("tiny", random_model.POSITIONS))

    def test_scores_prompts_as_harnesses_ask_for_it(self):
        prompts = [[72, 106, 37], [72, 106], [80]]
        answer = self.complete(prompt=prompts, echo=True, logprobs=1, max_tokens=1, seed=1234)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
        for prompt, choice in zip(prompts, answer.choices):
            scores = choice.logprobs
            self.assertEqual(len(scores.tokens), len(prompt) + 1)
            self.assertIsNone(scores.token_logprobs[0])
            self.assertIsNone(scores.top_logprobs[0])
            for value, top in zip(scores.token_logprobs[1:], scores.top_logprobs[1:]):
                self.assertIn(value, top.values())
                self.assertLess(value, 0)
            self.assertEqual(scores.token_logprobs[-1], max(scores.top_logprobs[-1].values()))

    def test_tells_several_choices_apart_and_repeats_them_by_their_seed(self):
        asked = {"prompt": ["a", "b"], "n": 3, "temperature": 1, "seed": 7, "max_tokens": 12}
        first = self.complete(**asked)
        self.assertEqual([choice.index for choice in first.choices], list(range(6)))
        self.assertEqual(len({choice.text for choice in first.choices}), 6)
        again = self.complete(**asked)
        self.assertEqual([choice.text for choice in first.choices], [choice.text for choice in again.choices])
        streamed = [""] * 6
        for chunk in self.complete(stream=True, **asked):
            for choice in chunk.choices:
                streamed[choice.index] += choice.text
        self.assertEqual(streamed, [choice.text for choice in first.choices])

    def test_gives_the_log_probabilities_of_a_chat_whole_and_streamed(self):
        whole = self.chat(logprobs=True, top_logprobs=4).choices[0].logprobs.content
        self.assertGreater(len(whole), 0)
        for token in whole:
            self.assertEqual(len(token.top_logprobs), 4)
            self.assertLessEqual(sum(math.exp(other.logprob) for other in token.top_logprobs), 1 + 1e-6)
            self.assertEqual(token.logprob, token.top_logprobs[0].logprob)
        streamed = []
        for chunk in self.chat(logprobs=True, top_logprobs=4, stream=True):
            scores = chunk.choices[0].logprobs
            streamed += scores.content if scores else []
        self.assertEqual(streamed, whole)

    def test_says_the_role_once_and_the_usage_last(self):
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual([chunk.choices[0].delta.role for chunk in chunks[:-1]].count("assistant"), 1)
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)

    def test_bends_to_a_bias_and_stops_at_a_text(self):
        answer = self.complete(prompt="x", logit_bias={"70": 100}, max_tokens=5)  # 5 special tokens, then bytes.
        self.assertEqual(answer.choices[0].text, "AAAAA")
        stopped = self.complete(prompt="x", logit_bias={"70": 100}, stop=["AA"])
        self.assertEqual((stopped.choices[0].text, stopped.choices[0].finish_reason), ("", "stop"))

    def test_raises_the_clients_own_errors(self):
        with self.assertRaises(openai.NotFoundError):
            self.chat(model="none")
        for wrong in ({"temperature": 9}, {"n": 0}, {"logit_bias": {"x": 1}}, {"max_tokens": -1}):
            with self.assertRaises(openai.BadRequestError) as raised:
                self.chat(**wrong)
            self.assertEqual(raised.exception.type, "invalid_request_error")
        with self.assertRaises(openai.BadRequestError):
            self.complete(prompt="x" * 2000)
        with self.assertRaises(openai.InternalServerError) as raised:
            self.chat(max_tokens=900, logit_bias={"70": 100}, extra_body={"timeout_ms": 1, "ignore_eos": True})
        self.assertEqual(raised.exception.status_code, 504)

    def test_holds_an_answer_to_a_schema(self):
        schema = TOOLS[0]["function"]["parameters"]
        wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema, "strict": True}}
        answer = self.chat(response_format=wanted, max_tokens=80, temperature=1, seed=3)
        told = json.loads(answer.choices[0].message.content)
        self.assertIn(told["town"], ["Bern", "Oslo"])
        choice = self.chat(extra_body={"guided_choice": ["yes", "no"]}, max_tokens=5).choices[0].message.content
        self.assertIn(choice, ["yes", "no"])

    def test_calls_the_tools_that_it_must_call_whole_and_streamed(self):
        for tool_choice in ("required", {"type": "function", "function": {"name": "weather"}}):
            asked = {"tools": TOOLS, "tool_choice": tool_choice, "max_tokens": 200, "parallel_tool_calls": False}
            message = self.chat(**asked).choices[0].message
            (call,) = message.tool_calls
            self.assertEqual(call.function.name, "weather")
            self.assertIn(json.loads(call.function.arguments)["town"], ["Bern", "Oslo"])
            arguments, names = "", []
            for chunk in self.chat(stream=True, **asked):
                for delta in chunk.choices[0].delta.tool_calls or []:
                    self.assertEqual(delta.index, 0)
                    names += [delta.function.name] if delta.function.name else []
                    arguments += delta.function.arguments or ""
            self.assertEqual((names, arguments), (["weather"], call.function.arguments))

    def test_holds_strict_tools_once_the_model_calls_whole_and_streamed(self):
        strict = [{"type": "function", "function": {**TOOLS[0]["function"], "strict": True}}]
        asked = {"tools": strict, "max_tokens": 200, "parallel_tool_calls": False, "logit_bias": {"261": 100}}
        for seed in range(3):
            choice = self.chat(temperature=1, seed=seed, **asked).choices[0]
            (call,) = choice.message.tool_calls
            self.assertEqual((choice.finish_reason, call.function.name), ("tool_calls", "weather"))
            told = json.loads(call.function.arguments)
            self.assertEqual(sorted(told), ["days", "town"])
            self.assertIn(told["town"], ["Bern", "Oslo"])
            arguments = ""
            for chunk in self.chat(temperature=1, seed=seed, stream=True, **asked):
                for delta in chunk.choices[0].delta.tool_calls or []:
                    arguments += delta.function.arguments or ""
            self.assertEqual(arguments, call.function.arguments)
        strict[0]["function"]["parameters"] = {"not": {}}
        with self.assertRaises(openai.BadRequestError) as raised:
            self.chat(tools=strict)
        self.assertIn("tool 'weather'", str(raised.exception))

    def test_bounds_answers_as_vllm_does(self):
        ends = {"prompt": "x", "logit_bias": {"4": 100}}  # <|end|>
        self.assertEqual(self.complete(**ends).usage.completion_tokens, 1)
        self.assertEqual(self.complete(extra_body={"min_tokens": 5}, **ends).usage.completion_tokens, 6)
        letter = {"prompt": "x", "logit_bias": {"70": 100}}
        stopped = self.complete(extra_body={"include_stop_str_in_output": True}, stop=["AA"], **letter)
        self.assertEqual(stopped.choices[0].text, "AA")
        cut = self.complete(prompt="x" * 2000, extra_body={"truncate_prompt_tokens": -1})
        self.assertEqual(cut.usage.prompt_tokens, random_model.POSITIONS - 8)
        scores = self.complete(prompt=[72, 106, 37], extra_body={"prompt_logprobs": 1}).choices[0].prompt_logprobs
        self.assertEqual([scores[0]] + [list(way)[0] for way in scores[1:]], [None, "106", "37"])
        with self.assertRaises(openai.BadRequestError):
            self.complete(prompt="x", extra_body={"min_tokens": 9})

    def test_reads_the_calls_of_earlier_turns(self):
        messages = [
            {"role": "user", "content": "Bern?"},
            {"role": "assistant", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"days\": 1}"}}
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "sun"},
        ]
        answer = self.client.chat.completions.create(model="tiny", messages=messages, tools=TOOLS, max_tokens=4)
        self.assertIn(answer.choices[0].finish_reason, ["stop", "length"])


class Vectors(Served):
    """The same model as one that makes vectors."""

    OPTIONS = ("--pooling", "mean")

    def embed(self, **asked):
        return self.client.embeddings.create(**{"model": "tiny", **asked})

    def test_embeds_texts_and_tokens_alike_and_as_base64(self):
        both = self.embed(input=["Bern", "Oslo"], encoding_format="float")
        self.assertEqual([item.index for item in both.data], [0, 1])
        self.assertEqual(len(both.data[0].embedding), random_model.HIDDEN)
        self.assertEqual((both.usage.prompt_tokens, both.usage.total_tokens), (8, 8))
        packed = self.embed(input="Bern").data[0].embedding  # The client asks for base64 by itself.
        for a, b in zip(packed, both.data[0].embedding, strict=True):
            self.assertAlmostEqual(a, b, places=6)
        letters = random_model.token_ids("Oslo")
        self.assertEqual(self.embed(input=letters, encoding_format="float").data[0].embedding, both.data[1].embedding)

    def test_shortens_vectors_to_length_one(self):
        short = self.embed(input="Bern", dimensions=8).data[0].embedding
        self.assertEqual(len(short), 8)
        self.assertAlmostEqual(sum(value * value for value in short), 1, places=5)
        whole = self.embed(input="Bern").data[0].embedding
        self.assertAlmostEqual(short[0] / short[1], whole[0] / whole[1], places=4)

    def test_raises_the_clients_own_errors(self):
        for wrong in ({"dimensions": 0}, {"dimensions": 999}, {"encoding_format": "hex"}, {"input": [999999]}):
            with self.assertRaises(openai.BadRequestError):
                self.embed(**{"input": "Bern", **wrong})
        with self.assertRaises(openai.BadRequestError):
            self.embed(input="x" * 2000)
        with self.assertRaises(openai.NotFoundError):
            self.embed(input="Bern", model="none")

    def test_sleeps_and_wakes(self):
        before = self.embed(input="Bern").data[0].embedding
        post(self.url + "/sleep?level=1")
        with self.assertRaises(openai.InternalServerError) as raised:
            self.embed(input="Bern")
        self.assertEqual(raised.exception.status_code, 503)
        post(self.url + "/wake_up")
        self.assertEqual(self.embed(input="Bern").data[0].embedding, before)


if __name__ == "__main__":
    unittest.main()
