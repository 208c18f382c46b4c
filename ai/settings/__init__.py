"""Every setting, typed, bounded and documented, and where each comes from."""

from ai.settings.posting import NETWORK_SETTINGS, X_KEYS
from ai.settings.settings import MAX_SUB_BUDGETS, SECRET_NAMES, Cap, Settings

__all__ = ["MAX_SUB_BUDGETS", "NETWORK_SETTINGS", "SECRET_NAMES", "X_KEYS", "Cap", "Settings"]
