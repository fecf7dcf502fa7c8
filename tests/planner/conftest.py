"""Properties have no time limit for one example: machines are busy, and a slow one is no broken one."""

from hypothesis import settings

settings.register_profile("windlass", deadline=None)
settings.load_profile("windlass")
