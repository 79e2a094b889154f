"""The registry's stand-in for icons becomes an icon of the project's library, or the source is refused."""

from __future__ import annotations

import pytest

from openmanager_core.errors import Unsupported
from openmanager_shadcn.adding.icons import with_icons

SOURCE = """import * as React from "react"
import { IconPlaceholder } from "@/app/(create)/components/icon-placeholder"

// <IconPlaceholder lucide="Comment" />
export const A = () => (
  <p title="IconPlaceholder">
    <IconPlaceholder
      lucide="XIcon"
      tabler="IconX"
      hugeicons="Cancel01Icon"
      className={cn("a", b ? 'c' : `d${"}"}`)}
      {...props}
      aria-hidden
    />
    <IconPlaceholder tabler='IconX' lucide='XIcon' hugeicons="Cancel01Icon" strokeWidth={1}/>
  </p>
)
"""
COMMENT = '// <IconPlaceholder lucide="Comment" />\n'
PLAIN = SOURCE.replace(COMMENT, "").replace('title="IconPlaceholder"', "title='a'")


def test_attributes_are_kept_and_the_import_is_replaced() -> None:
    made = with_icons(PLAIN, "a.tsx", "tabler")
    assert 'import { IconX } from "@tabler/icons-react"\n' in made
    assert '<IconX className={cn("a", b ? \'c\' : `d${"}"}`)} {...props} aria-hidden />' in made
    assert "<IconX strokeWidth={1} />" in made
    assert "IconPlaceholder" not in made


def test_a_library_that_shows_icons_by_a_component_gets_it() -> None:
    made = with_icons(PLAIN, "a.tsx", "hugeicons")
    assert 'import { HugeiconsIcon } from "@hugeicons/react"\nimport { Cancel01Icon } from "@hugeicons/' in made
    assert "<HugeiconsIcon icon={Cancel01Icon} strokeWidth={2} className=" in made
    assert "<HugeiconsIcon icon={Cancel01Icon} strokeWidth={1} />" in made


@pytest.mark.parametrize(
    ("source", "library"),
    [
        (SOURCE, "lucide"),
        (PLAIN, "unknown"),
        (PLAIN, "phosphor"),
        (PLAIN.replace("import { IconPlaceholder }", "import { IconPlaceholder as X }"), "lucide"),
        (PLAIN.replace("strokeWidth={1}/>", ">text</IconPlaceholder>"), "lucide"),
        (PLAIN.replace("lucide='XIcon'", "lucide={icon}"), "lucide"),
        (PLAIN.replace("lucide='XIcon'", "lucide='x; evil()'"), "lucide"),
        (PLAIN + "const B = IconPlaceholder\n", "lucide"),
        (PLAIN.replace("  </p>", ""), "lucide"),
    ],
)
def test_what_is_not_known_is_refused(source: str, library: str) -> None:
    with pytest.raises(Unsupported, match="icons of the project's library"):
        with_icons(source, "a.tsx", library)


def test_a_source_without_a_stand_in_comes_back_as_it_is() -> None:
    assert with_icons("const a = <p>\n", "a.tsx", "") == "const a = <p>\n"
