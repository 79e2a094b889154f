"""All tools of the git server that change something."""

from __future__ import annotations

from openmanager_git.commit_tools import git_add, git_checkout, git_commit, git_create_branch, git_reset
from openmanager_git.join_tools import git_cherry_pick, git_merge, git_rebase, git_revert
from openmanager_git.make_tools import git_clone, git_init
from openmanager_git.remote_tools import git_fetch, git_pull, git_push, git_remote
from openmanager_git.shelf_tools import git_stash, git_tag, git_worktree
from openmanager_kit.tools import Tool, writes

_HOOKS_S = 120.0
_NETWORK_S = 300.0

WRITING_TOOLS: tuple[Tool, ...] = (
    writes(git_add, "Stage files", idempotent=True, deadline_s=_HOOKS_S),
    writes(git_commit, "Commit", deadline_s=_HOOKS_S),
    writes(git_reset, "Unstage or reset", destructive=True, idempotent=True, deadline_s=_HOOKS_S),
    writes(git_create_branch, "Create a branch"),
    writes(git_checkout, "Switch branch", deadline_s=_HOOKS_S),
    writes(git_merge, "Merge", deadline_s=_HOOKS_S),
    writes(git_rebase, "Rebase", destructive=True, deadline_s=_HOOKS_S),
    writes(git_cherry_pick, "Cherry-pick", deadline_s=_HOOKS_S),
    writes(git_revert, "Revert commits", deadline_s=_HOOKS_S),
    writes(git_stash, "Stash", destructive=True, deadline_s=_HOOKS_S),
    writes(git_tag, "Tags", destructive=True),
    writes(git_worktree, "Worktrees", destructive=True, deadline_s=_HOOKS_S),
    writes(git_remote, "Remotes", destructive=True, idempotent=True),
    writes(git_fetch, "Fetch", idempotent=True, open_world=True, deadline_s=_HOOKS_S),
    writes(git_pull, "Pull", open_world=True, deadline_s=_HOOKS_S),
    writes(git_push, "Push", destructive=True, open_world=True, deadline_s=_HOOKS_S),
    writes(git_init, "Make a repository"),
    writes(git_clone, "Clone", open_world=True, deadline_s=_NETWORK_S),
)
