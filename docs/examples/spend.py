"""Spend from the purse in ten lines: ask a model one question and print what the answer cost."""

import asyncio
import sys

from ai.ledger.money import usd9
from ai.llm import NoAnswer, open_purse


async def main(question: str, model: str) -> None:
    """Ask, and say what it cost."""
    async with open_purse(client="example") as purse:
        answer = await purse.ask(question, model=model)
        print(answer.text)
        print(f"It cost ${usd9(answer.cost_nanos)}; ${usd9(answer.balance.available)} are left this month.")


if __name__ == "__main__":
    try:
        asyncio.run(main(*(sys.argv[1:] or ["Say hello in five words."]), model="openai/gpt-4o-mini"))
    except NoAnswer as refusal:
        sys.exit(str(refusal))
