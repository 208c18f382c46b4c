"""What is due at the end of a beat: looking back when enough has happened, and folding old memories into a summary."""

from ai.asking import Ask
from ai.memory import condensing, reflection
from ai.memory.memory import Memory
from ai.memory.stream import MemoryStream


async def settle(stream: MemoryStream, ask: Ask) -> None:
    """Do what is due: reflect, and fold old memories; at most three calls of a model."""
    state = stream.state(reflection.STATE) or {}
    if reflection.due(stream.recent(len(stream)), state, stream.born_at(), stream.now()):
        await look_back(stream, ask)
    memories = stream.to_fold()
    if memories:
        stream.fold(memories, await condensing.by_model(memories, ask))


async def look_back(stream: MemoryStream, ask: Ask) -> list[Memory]:
    """Reflect now, due or not; return what was understood, as memories that cite their evidence."""
    insights = await reflection.reflect(stream, ask, stream.insights, stream.now())
    stream.tell_insights(insights)
    return insights


def too_soon(stream: MemoryStream) -> str | None:
    """Return one line for the mind on why it is too soon to look back of its own wish, or None."""
    return reflection.too_soon(stream.recent(len(stream)), stream.state(reflection.STATE) or {}, stream.now())
