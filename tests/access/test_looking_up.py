"""A crowd that shows one token has it looked up once."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from openmanager_core.errors import StorageUnavailable
from openmanager_kit.access.tokens import TokenRow, TokenStore
from openmanager_kit.access.verifying import OwnTokens


class Counting(TokenStore):
    """Counts the looks, and fails if told to."""

    looks = 0
    broken = False

    def verify(self, text: str) -> TokenRow | None:
        self.looks += 1
        if self.broken:
            raise StorageUnavailable("no disk")
        return super().verify(text)


@pytest.mark.anyio
async def test_many_who_show_one_token_at_once_cost_one_look(tmp_path: Path) -> None:
    store = Counting(tmp_path)
    texts = [store.mint(name, "viewer", 3600.0)[1] for name in ("Kim", "Lee")]
    texts.append(f"{texts[0][:-1]}{'A' if texts[0][-1] != 'A' else 'B'}")
    tokens, found = OwnTokens(store), dict[int, str | None]()

    async def show(number: int) -> None:
        known = await tokens.verify_token(texts[number % 3])
        found[number] = None if known is None else known.client_id

    async with anyio.create_task_group() as group:
        for number in range(90):
            group.start_soon(show, number)
    assert store.looks == 3
    ids = [text.split("_")[1] for text in texts[:2]]
    assert [found[number] for number in range(90)] == [*ids, None] * 30


@pytest.mark.anyio
async def test_all_hear_that_the_tokens_cannot_be_read_and_the_next_look_is_a_new_one(tmp_path: Path) -> None:
    store = Counting(tmp_path)
    text = store.mint("Kim", "viewer", 3600.0)[1]
    tokens, failures = OwnTokens(store), list[str]()
    store.broken = True

    async def show() -> None:
        with pytest.raises(StorageUnavailable):
            await tokens.verify_token(text)
        failures.append(text)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(show)
    assert (len(failures), store.looks) == (20, 1)
    store.broken = False
    assert await tokens.verify_token(text) is not None


@pytest.mark.anyio
async def test_who_leaves_takes_the_look_from_nobody_else(tmp_path: Path) -> None:
    store = Counting(tmp_path)
    text = store.mint("Kim", "viewer", 3600.0)[1]
    tokens, known = OwnTokens(store), list[bool]()

    async def show() -> None:
        known.append(await tokens.verify_token(text) is not None)

    async with anyio.create_task_group() as stays, anyio.create_task_group() as leaves:
        leaves.start_soon(show)
        stays.start_soon(show)
        await anyio.lowlevel.checkpoint()
        leaves.cancel_scope.cancel()
    assert known == [True]
