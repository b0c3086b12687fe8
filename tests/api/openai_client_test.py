"""The official OpenAI client of PyPI, unmodified, against the gateway."""
import os
import unittest

import openai

MODEL = os.environ["CAPSTAN_MODEL"]
BASE_URL = os.environ["CAPSTAN_URL"] + "/v1"
MESSAGES = [{"role": "user", "content": "What does `ls` do?"}]


class Client(unittest.TestCase):
    def setUp(self):
        self.client = openai.OpenAI(base_url=BASE_URL, api_key=os.environ["CAPSTAN_KEY"], max_retries=0)

    def tearDown(self):
        self.client.close()

    def chat(self, **asked):
        asked = {"model": MODEL, "messages": MESSAGES, "max_tokens": 16, "temperature": 0, "user": "reader", **asked}
        return self.client.chat.completions.create(**asked)

    def test_lists_the_deployment_as_a_model(self):
        self.assertIn(MODEL, [model.id for model in self.client.models.list()])

    def test_answers_a_chat(self):
        answer = self.chat()
        self.assertTrue(answer.id.startswith("chatcmpl-"))
        self.assertIsInstance(answer.choices[0].message.content, str)
        self.assertGreater(answer.usage.completion_tokens, 0)

    def test_streams_what_it_gives_whole(self):
        whole = self.chat()
        pieces = [chunk for chunk in self.chat(stream=True, stream_options={"include_usage": True})]
        text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(pieces[-1].usage.completion_tokens, whole.usage.completion_tokens)

    def test_continues_a_text(self):
        answer = self.client.completions.create(model=MODEL, prompt="NAME\n", max_tokens=8, temperature=0)
        self.assertEqual(answer.object, "text_completion")
        self.assertIsInstance(answer.choices[0].text, str)

    def test_raises_the_clients_own_errors(self):
        with self.assertRaises(openai.NotFoundError):
            self.chat(model="no-such")
        with self.assertRaises(openai.BadRequestError):
            self.chat(temperature=9)
        with openai.OpenAI(base_url=BASE_URL, api_key="cap_wrong", max_retries=0) as stranger:
            with self.assertRaises(openai.AuthenticationError):
                stranger.models.list()

    def test_says_which_target_answered(self):
        raw = self.client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, max_tokens=4)
        self.assertIn(raw.headers["x-capstan-target"], ("base", "adapted"))
        self.assertTrue(raw.headers["x-request-id"])


if __name__ == "__main__":
    unittest.main()
