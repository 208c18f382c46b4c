"""Programs that nobody here wrote walk through unchanged: the real clients, each in an environment of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from ai.gateway.environment import environment
from ai.ledger.money import nanos
from tests.gateway.conftest import Open
from tests.gateway.sdks import python_of

HELLO = 'HELLO = [{"role": "user", "content": "hello"}]\n'
PROGRAMS = {
    "anthropic": """
import anthropic
client = anthropic.Anthropic()
said = client.messages.create(model="claude-sonnet-4-5", max_tokens=40, messages=HELLO)
assert said.content[0].text and said.usage.output_tokens, said
with client.messages.stream(model="claude-sonnet-4-5", max_tokens=40, system="Be brief",
                            messages=HELLO) as stream:
    text = "".join(stream.text_stream)
    assert text and stream.get_final_message().stop_reason, text
assert client.messages.count_tokens(model="claude-sonnet-4-5", messages=HELLO).input_tokens
try:
    client.with_options(max_retries=0).messages.create(model="claude-sonnet-4-5", max_tokens=6000, messages=HELLO)
    raise SystemExit("was not refused")
except anthropic.APIStatusError as refused:
    assert refused.status_code == 402, refused
    assert refused.body["error"]["type"] == "billing_error", refused.body
""",
    "openai-0.27": """
import openai, os
said = openai.ChatCompletion.create(model="gpt-3.5-turbo", max_tokens=40, messages=HELLO)
assert said["choices"][0]["message"]["content"]
old = openai.Completion.create(model="text-davinci-003", prompt="hello", max_tokens=40, temperature=0, stop=None)
assert old.choices[0].text
engine = openai.Completion.create(engine="text-davinci-003", prompt="hello", max_tokens=40)
assert engine.choices[0].text
assert openai.Embedding.create(input=["hello"], model="text-embedding-ada-002")["data"][0]["embedding"]
text = "".join(c["choices"][0]["delta"].get("content", "") for c in openai.ChatCompletion.create(
    model="gpt-4o-mini", max_tokens=40, messages=HELLO, stream=True) if c["choices"])
assert text
try:
    openai.ChatCompletion.create(model="gpt-4o-mini", max_tokens=16000, n=100, messages=HELLO)
    raise SystemExit("was not refused")
except openai.error.APIError as refused:
    assert refused.http_status == 402, refused
""",
    "langchain": """
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
chat = ChatOpenAI(model="gpt-4o-mini", max_tokens=40)
assert chat.invoke("hello").content
assert "".join(chunk.content for chunk in chat.stream("hello"))
assert chat.invoke("hello").usage_metadata["output_tokens"]
assert OpenAIEmbeddings(model="text-embedding-ada-002", check_embedding_ctx_length=False).embed_query("hello")
""",
    "litellm": """
import litellm
said = litellm.completion(model="openai/gpt-4o-mini", max_tokens=40, messages=HELLO)
assert said.choices[0].message.content
assert "".join(c.choices[0].delta.content or "" for c in litellm.completion(
    model="openai/gpt-4o-mini", max_tokens=40, messages=HELLO, stream=True))
claude = litellm.completion(model="anthropic/claude-sonnet-4-5", max_tokens=40, messages=HELLO)
assert claude.choices[0].message.content
""",
    "openai": """
import openai
client = openai.OpenAI(max_retries=0)
said = client.chat.completions.create(model="gpt-4o-mini", max_tokens=40, messages=HELLO)
assert said.choices[0].message.content
response = client.responses.create(model="gpt-4o-mini", input="hello", max_output_tokens=40)
assert response.output_text and response.usage.output_tokens
with client.responses.stream(model="gpt-4o-mini", input="hello", max_output_tokens=40) as stream:
    stream.until_done()
    assert stream.get_final_response().output_text
assert client.embeddings.create(model="text-embedding-3-small", input="hello").data[0].embedding
assert "auto" in [model.id for model in client.models.list()]
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_real_client_runs_unchanged_and_pays_what_was_billed(gateway: Open, tmp_path: Path, name: str) -> None:
    python = await asyncio.to_thread(python_of, name) if name != "openai" else Path(sys.executable)
    await gateway.books.set_run_budget("sdk", nanos("0.05"))
    secret = await gateway.key()
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    env = environment(own, gateway.settings, gateway.url, "sdk", secret)
    process = await asyncio.create_subprocess_exec(
        str(python), "-c", HELLO + PROGRAMS[name], env=env, cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 180)
    assert process.returncode == 0, said.decode()[-3000:]
    assert await gateway.spent(run="sdk") == gateway.provider.billed_nanos > 0
