"""The tools of the git server that change nothing."""

from __future__ import annotations

from openmanager_git.diff_tools import git_diff, git_diff_staged, git_diff_unstaged
from openmanager_git.show_tools import git_show
from openmanager_git.status_tools import git_status
from openmanager_kit.tools import Tool, reads

READING_TOOLS: tuple[Tool, ...] = (
    reads(git_status, "Git status"),
    reads(git_diff_unstaged, "Git diff unstaged"),
    reads(git_diff_staged, "Git diff staged"),
    reads(git_diff, "Git diff"),
    reads(git_show, "Git show"),
)
