"""Every setting, typed, bounded and documented, and where each comes from."""

from ai.settings.settings import MAX_SUB_BUDGETS, SECRET_NAMES, X_KEYS, Cap, Settings

__all__ = ["MAX_SUB_BUDGETS", "SECRET_NAMES", "X_KEYS", "Cap", "Settings"]
