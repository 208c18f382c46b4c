"""All actions that every life has, in the order in which the prompt shows them."""

from ai.actions import files, models, people, posting, remembering, resting
from ai.actions.action import Action

ALL: tuple[Action, ...] = (
    *resting.ACTIONS,
    *remembering.ACTIONS,
    *posting.ACTIONS,
    *people.ACTIONS,
    *models.ACTIONS,
    *files.ACTIONS,
)
