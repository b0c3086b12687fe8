"""Asks a deployment one question, streaming. Usage: ask.py MODEL QUESTION; needs `pip install openai` and OPENAI_BASE_URL, OPENAI_API_KEY."""
import sys

from openai import OpenAI

stream = OpenAI().chat.completions.create(
    model=sys.argv[1], messages=[{"role": "user", "content": sys.argv[2]}], max_tokens=64, temperature=0, stream=True
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
