"""The first page says what is: generated tables, links that lead somewhere, commands that exist."""

import re
from pathlib import Path

import pytest

from keras_vae import zoo
from keras_vae.zoo import card, publishing

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FOLDERS = [".", "zoo", "export", "export/android", "export/ios"]
PAGES = [ROOT / folder / "README.md" for folder in FOLDERS]


@pytest.mark.parametrize(("page", "links"), publishing.PAGES.items())
def test_the_zoo_table_is_the_generated_one(page, links):
    text = (ROOT / page).read_text(encoding="utf-8")
    entries = [zoo.info(name) for name in zoo.names()]
    assert text == card.replace_table(text, entries, links=links)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert local
    for target in local:
        assert (page.parent / target).exists(), target


def test_every_command_on_the_page_is_a_verb_with_its_options():
    from typer.main import get_command

    from keras_vae.cli import app

    verbs = get_command(app).commands
    lines = [line for code in _blocks("sh") for line in code.splitlines()]
    commands = [line.split("&&")[-1].split("#")[0].split() for line in lines if "keras-vae" in line]
    assert len(commands) >= 9
    for _, verb, *arguments in commands:
        known = {option for parameter in verbs[verb].params for option in parameter.opts}
        assert {a for a in arguments if a.startswith("--")} <= known, verb


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
