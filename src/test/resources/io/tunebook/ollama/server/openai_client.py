"""The main calls of the package openai from PyPI, against the server at OLLAMA_HOST."""

import asyncio
import json
import os

import openai

where = {"base_url": os.environ["OLLAMA_HOST"] + "/v1", "api_key": "none"}
client = openai.OpenAI(**where)
question = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
asked = {"model": "smollm2", "messages": question, "temperature": 0, "max_tokens": 16}
answer = client.chat.completions.create(**asked)
assert "Paris" in answer.choices[0].message.content and answer.choices[0].message.role == "assistant", answer
assert answer.choices[0].finish_reason == "stop" and answer.object == "chat.completion", answer
assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 20, answer
short = client.chat.completions.create(**{**asked, "max_tokens": 2})
assert short.choices[0].finish_reason == "length" and short.usage.completion_tokens == 2, short
parts = [{"role": "user", "content": [{"type": "text", "text": question[0]["content"]}]}]
assert client.chat.completions.create(**{**asked, "messages": parts}).choices[0].message.content == answer.choices[0].message.content
chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == answer.choices[0].message.content, chunks
assert chunks[0].choices[0].delta.role == "assistant" and chunks[-2].choices[0].finish_reason == "stop", chunks
assert not chunks[-1].choices and chunks[-1].usage.total_tokens == answer.usage.total_tokens, chunks[-1]
assert all(c.usage is None for c in client.chat.completions.create(**asked, stream=True))
stopped = client.chat.completions.create(**{**asked, "messages": [{"role": "user", "content": "Count: one two three four five"}]}, stop=["two", "2"])
assert "two" not in stopped.choices[0].message.content, stopped
schema = {"type": "object", "properties": {"name": {"type": "string", "enum": ["Paris", "Rome"]}}, "required": ["name"]}
form = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
assert json.loads(client.chat.completions.create(**asked, response_format=form).choices[0].message.content)["name"] in ("Paris", "Rome")
free = client.chat.completions.create(**{**asked, "max_tokens": 60}, response_format={"type": "json_object"}).choices[0].message.content
assert free.lstrip().startswith("{"), free
text = client.completions.create(model="smollm2", prompt="Once upon a time", max_tokens=5, temperature=0)
assert text.choices[0].text and text.choices[0].finish_reason == "length" and text.usage.completion_tokens == 5, text
pieces = [c.choices[0].text for c in client.completions.create(model="smollm2", prompt="Once upon a time", max_tokens=5, temperature=0, stream=True)]
assert "".join(pieces) == text.choices[0].text, pieces
# The package asks for base64 unless told otherwise: both are the same numbers.
vectors = client.embeddings.create(model="smollm2", input=["a", "b"])
assert [v.index for v in vectors.data] == [0, 1] and len(vectors.data[0].embedding) == 576 and vectors.usage.prompt_tokens > 0, vectors.usage
plain = client.embeddings.create(model="smollm2", input="a", encoding_format="float").data[0].embedding
assert max(abs(a - b) for a, b in zip(plain, vectors.data[0].embedding)) < 1e-6
assert "smollm2:latest" in [m.id for m in client.models.list()]
assert client.models.retrieve("smollm2").owned_by == "library"


async def concurrently() -> None:
    several = openai.AsyncOpenAI(**where)
    answers = await asyncio.gather(*(several.chat.completions.create(**asked) for _ in range(3)))
    assert {a.choices[0].message.content for a in answers} == {answer.choices[0].message.content}
    stream = await several.chat.completions.create(**{**asked, "max_tokens": 2000, "temperature": 2}, stream=True)
    async for chunk in stream:
        assert chunk.object == "chat.completion.chunk"
        break
    await stream.close()  # the server stops when the client goes


asyncio.run(concurrently())


def refused(kind, status, words, call) -> None:
    try:
        call()
    except kind as error:
        assert error.status_code == status and words in error.body["message"], error.body
        return
    raise AssertionError(f"no {kind.__name__}")


refused(openai.NotFoundError, 404, "model 'absent' not found", lambda: client.chat.completions.create(**{**asked, "model": "absent"}))
refused(openai.NotFoundError, 404, "model 'absent:latest' not found", lambda: client.models.retrieve("absent"))
refused(openai.BadRequestError, 400, "too short", lambda: client.chat.completions.create(**{**asked, "messages": []}))
refused(openai.BadRequestError, 400, "of type float64", lambda: client.chat.completions.create(**{**asked, "temperature": "hot"}))
refused(openai.BadRequestError, 400, "invalid input", lambda: client.embeddings.create(model="smollm2", input=[]))
print("OPENAI PYTHON OK")
