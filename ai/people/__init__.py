"""The people around the mind: their letters and votes, what it knows of each, and the works it shows them."""

from ai.people.letters import Letter, LetterRefused, Letters, TooManyLetters
from ai.people.persons import Persons
from ai.people.votes import AlreadyVoted, Votes
from ai.people.works import Work, WorkRefused, Works

__all__ = [
    "AlreadyVoted",
    "Letter",
    "LetterRefused",
    "Letters",
    "Persons",
    "TooManyLetters",
    "Votes",
    "Work",
    "WorkRefused",
    "Works",
]
