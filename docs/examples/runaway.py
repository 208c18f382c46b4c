"""An agent that never stops, unless: genesis exec --budget 0.002 -- python docs/examples/runaway.py (it is stopped)."""

from openai import OpenAI

client = OpenAI(max_retries=0)
said = "Count on."
while True:
    answer = client.chat.completions.create(
        model="gpt-4o-mini", max_tokens=60, messages=[{"role": "user", "content": said}]
    )
    said = answer.choices[0].message.content or "Count on."
