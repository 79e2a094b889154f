"""The tools of the git server that change nothing."""

from __future__ import annotations

from openmanager_git.diff_tools import git_diff, git_diff_staged, git_diff_unstaged
from openmanager_git.history_tools import changes_between, git_file_history
from openmanager_git.log_tools import git_branch, git_log
from openmanager_git.search_tools import git_blame, git_grep
from openmanager_git.show_tools import git_show
from openmanager_git.status_tools import git_status
from openmanager_kit.tools import Tool, reads

READING_TOOLS: tuple[Tool, ...] = (
    reads(git_status, "Git status"),
    reads(git_diff_unstaged, "Git diff unstaged"),
    reads(git_diff_staged, "Git diff staged"),
    reads(git_diff, "Git diff"),
    reads(git_log, "Git log"),
    reads(git_show, "Git show"),
    reads(git_branch, "Git branch"),
    reads(git_blame, "Git blame"),
    reads(git_grep, "Git grep"),
    reads(git_file_history, "Git file history"),
    reads(changes_between, "Changes between"),
)
