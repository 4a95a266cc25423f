"""A folder that acts as a hub: push, revisions, search, fetch, and the command line on top of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adapters_hub import AdaptersHubError, CompositionError, ModularEncoder, ModuleFormatError, __version__
from adapters_hub.address import Address, locate
from adapters_hub.folders import inner_path
from adapters_hub.hub import HubError, fetch_manifest, fetch_module, find_modules, plan_push, push
from adapters_hub.modules import LanguageModule, load_module
from tests.adapters_hub.builders import SCORE, edit_json, make_language, own_copy
from tests.adapters_hub.conftest import Shelf


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "MSE_HUB"}
    return subprocess.run(
        [sys.executable, "-m", "adapters_hub", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=inherited | environment,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/kaz", Address("org/kaz")),
        ("org/kaz@v1.0", Address("org/kaz", "v1.0")),
        ("org/kaz@refs/pr/1", Address("org/kaz", "refs/pr/1")),
        ("kaz", None),
        ("a/b/c", None),
        ("../kaz", None),
        ("org/..", None),
        ("org/kaz@", None),
        ("org/kaz@../../main", None),
        ("org/kaz@/etc", None),
        ("-org/kaz", None),
        ("org/kaz\n", None),
        ("org/kaz.", None),
        ("org/ka--z", None),
        ("org/kaz.git", None),
        ("org/қаз", None),
        (f"org/{'k' * 93}", None),
        ("org/kaz@v1.", None),
        ("org/kaz@a..b", None),
    ],
)
def test_an_address_is_a_repo_with_or_without_a_revision(text: str, expected: Address | None) -> None:
    assert Address.parse(text) == expected


def test_a_folder_that_is_there_wins_over_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("org/kaz") == Address("org/kaz")
    assert locate(Path("org/kaz")) == Path("org/kaz")
    (tmp_path / "org" / "kaz").mkdir(parents=True)
    assert locate("org/kaz") == Path("org/kaz")
    assert locate(Address("org/kaz")) == Address("org/kaz")


def test_what_was_pushed_comes_back_with_the_same_vectors_and_its_commit(
    shelf: Shelf, hub: Path, german: list[str]
) -> None:
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        module.push_to_hub(f"org/{module.manifest.name}", hub=hub)
    encoder = shelf.encoder()
    encoder._hub = hub
    for name in ("eng", "deu", "deu-eng-both"):
        module = encoder.add_module(f"org/{name}")
        assert module.address == f"org/{name}@{Path(module.folder).name}"
    local = shelf.encoder(shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder)
    for align in (False, True):
        assert np.array_equal(encoder.encode(german, "deu", align=align), local.encode(german, "deu", align=align))


def test_an_encoder_publishes_what_it_holds(shelf: Shelf, hub: Path) -> None:
    encoder = ModularEncoder(own_copy(shelf.base), [shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder], hub=hub)
    encoder.push_module("deu", "org/deu", license="mit")
    encoder.push_module("deu", "org/aligned", objective="both")
    assert fetch_manifest("org/deu", hub)[0].license == "mit"
    assert fetch_manifest("org/aligned", hub)[0].fingerprint == shelf.deu_both.manifest.fingerprint
    for language, objective in (("kaz", None), ("deu", "parallel")):
        with pytest.raises(AdaptersHubError, match=objective or language):
            encoder.push_module(language, "org/kaz", objective=objective)


def test_what_was_replaced_in_its_folder_is_not_published_as_what_is_loaded(
    shelf: Shelf, hub: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    encoder = shelf.encoder(folder)
    shutil.rmtree(folder)
    make_language(shelf.base, folder, "deu", 500)
    with pytest.raises(CompositionError, match=r"deu holds another module"):
        encoder.push_module("deu", "org/deu", hub=hub)
    assert not hub.exists()


def test_a_second_push_of_the_same_makes_no_commit(shelf: Shelf, hub: Path) -> None:
    first = push(shelf.deu.folder, "org/deu", hub=hub)
    second = push(shelf.deu.folder, "org/deu", hub=hub)
    assert (first.changed, second.changed) == (True, False)
    assert first.commit == second.commit


def test_every_revision_is_kept(shelf: Shelf, hub: Path) -> None:
    first = push(shelf.deu.folder, "org/deu", hub=hub)
    second = push(shelf.deu.folder, "org/deu", hub=hub, license="mit")
    assert first.commit != second.commit
    assert fetch_manifest(f"org/deu@{first.commit}", hub)[0].license == ""
    assert fetch_manifest("org/deu", hub)[0].license == "mit"
    folders = [fetch_module(f"org/deu@{commit}", hub).folder for commit in (first.commit, second.commit)]
    weights = [(folder / "embeddings.safetensors").stat() for folder in folders]
    assert weights[0].st_ino == weights[1].st_ino  # an unchanged file takes no space again


def test_a_branch_starts_from_main_and_leaves_main_alone(shelf: Shelf, hub: Path) -> None:
    main = push(shelf.deu.folder, "org/deu", hub=hub)
    branch = push(shelf.deu.folder, "org/deu", hub=hub, license="mit", revision="next")
    assert fetch_manifest("org/deu", hub)[1] == f"org/deu@{main.commit}"
    assert fetch_manifest("org/deu@next", hub)[1] == f"org/deu@{branch.commit}"


def test_a_module_folder_put_there_by_hand_is_a_repo(shelf: Shelf, hub: Path) -> None:
    shutil.copytree(shelf.deu.folder, hub / "org" / "deu")
    manifest, address = fetch_manifest("org/deu", hub)
    assert manifest.fingerprint == shelf.deu.manifest.fingerprint
    assert address is not None
    assert load_module(address, hub=hub).manifest == manifest
    with pytest.raises(HubError, match="put there by hand"):
        push(shelf.deu.folder, "org/deu", hub=hub)


def test_modules_are_found_by_what_they_are(shelf: Shelf, hub: Path) -> None:
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        push(module.folder, f"org/{module.manifest.name}", hub=hub)
    push(shelf.kaz.folder, "other/kaz", hub=hub)
    (hub / "org" / "notes").mkdir()
    assert [item.repo for item in find_modules(hub=hub)] == ["org/deu", "org/deu-eng-both", "org/eng", "other/kaz"]
    assert [item.repo for item in find_modules(hub=hub, language="deu")] == ["org/deu", "org/deu-eng-both"]
    assert [item.repo for item in find_modules(hub=hub, kind="alignment")] == ["org/deu-eng-both"]
    assert [item.repo for item in find_modules(hub=hub, author="other")] == ["other/kaz"]
    assert find_modules(hub=hub, base="some/base") == []


@pytest.mark.parametrize("author", ["/etc", "..", "org/deu", "*", ""])
def test_an_author_is_a_name_and_no_pattern(hub: Path, author: str) -> None:
    hub.mkdir()
    with pytest.raises(AdaptersHubError, match="expected the org of org/name"):
        find_modules(hub=hub, author=author)


def test_a_hub_that_is_not_there_is_not_an_empty_one(hub: Path) -> None:
    for arguments in (("list",), ("index", "org")):
        done = command(*arguments, "--hub", hub)
        assert done.returncode == 1
        assert "is not there: expected a folder" in done.stderr
        assert done.stdout == ""


def test_a_branch_alone_is_named_where_main_is_asked_for(shelf: Shelf, hub: Path) -> None:
    push(shelf.deu.folder, "org/deu", hub=hub, revision="next")
    with pytest.raises(HubError, match="has no revision 'main'; it has: next$"):
        fetch_module("org/deu", hub)


@pytest.mark.parametrize("target", ["../../../elsewhere", "c" * 40])
def test_a_branch_does_not_lead_out_of_the_hub(shelf: Shelf, hub: Path, tmp_path: Path, target: str) -> None:
    push(shelf.deu.folder, "org/deu", hub=hub)
    elsewhere = shutil.copytree(shelf.deu.folder, tmp_path / "elsewhere")
    (hub / "org" / "deu" / "refs" / "main").write_text(target, encoding="utf-8")
    (hub / "org" / "deu" / "revisions" / ("c" * 40)).symlink_to(elsewhere)
    with pytest.raises(HubError, match="has no revision 'main'"):
        fetch_module("org/deu", hub)


def test_a_repo_of_one_module_does_not_become_another(shelf: Shelf, hub: Path) -> None:
    push(shelf.deu.folder, "org/module", hub=hub)
    with pytest.raises(HubError, match="holds the module 'deu', not 'kaz'"):
        push(shelf.kaz.folder, "org/module", hub=hub)
    with pytest.raises(HubError, match="holds the module 'deu', not 'kaz'"):
        plan_push(shelf.kaz.folder, "org/module", hub=hub, revision="next")


def test_a_module_is_mended_by_a_push_unless_it_is_of_a_newer_format(shelf: Shelf, hub: Path) -> None:
    pushed = push(shelf.deu.folder, "org/deu", hub=hub)
    manifest = hub / "org" / "deu" / "revisions" / pushed.commit / "module.json"
    edit_json(manifest, format_version=2)
    with pytest.raises(ModuleFormatError, match="has module format 2.*pip install --upgrade"):
        push(shelf.deu.folder, "org/deu", hub=hub)
    manifest.write_text("{", encoding="utf-8")
    assert push(shelf.deu.folder, "org/deu", hub=hub).changed


def test_what_the_hub_has_counts_and_no_folder_of_the_same_name(
    shelf: Shelf, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shelf.kaz.folder, tmp_path / "org" / "deu")
    push(shelf.deu.folder, "org/deu", hub=hub)
    assert push(shelf.deu.folder, "org/deu", hub=hub, license="mit").changed


def test_a_card_that_is_not_found_by_is_pushed_with_a_warning(shelf: Shelf, hub: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    made = plan_push(folder, "org/deu", hub=hub)
    assert isinstance(made.files["README.md"], bytes)
    assert not [text for text in made.warnings if "README.md" in text]
    for card, told in (
        (b"# German", "lacks 'modular-sentence-encoders'"),
        (made.files["README.md"].replace(b"org/deu", b"other/deu"), "lacks 'org/deu'"),
        (made.files["README.md"], None),
    ):
        (folder / "README.md").write_bytes(card)
        warnings = [text for text in plan_push(folder, "org/deu", hub=hub).warnings if "README.md" in text]
        assert told in warnings[0] if told else not warnings


def test_a_card_that_was_changed_on_the_hub_is_replaced_with_a_warning(shelf: Shelf, hub: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    first = push(folder, "org/deu", hub=hub)
    second = push(folder, "org/deu", hub=hub, license="mit")
    assert first.commit != second.commit  # another card, made here like the first
    present = hub / "org" / "deu" / "revisions" / second.commit / "README.md"

    def warned(**options: str) -> bool:
        plan = plan_push(folder, "org/deu", hub=hub, **options)
        return any("of org/deu was written or changed by hand and will be replaced" in text for text in plan.warnings)

    assert not warned(license="mit")
    assert not warned()
    card = present.read_text(encoding="utf-8")
    for edited in (card.replace("German", "german", 1), card + "More.\n", "# Ours\n", "---\n---\n"):
        present.write_text(edited, encoding="utf-8")
        assert warned(license="mit"), edited
    (folder / "README.md").write_text("# Ours\n", encoding="utf-8")
    assert warned()
    present.write_text("# Ours\n", encoding="utf-8")
    assert not warned()


def test_only_the_files_of_the_module_and_a_card_are_sent(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    for name in ("training_args.bin", "optimizer.pt", "logs/events", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    plan = plan_push(folder, "org/deu", hub=tmp_path)
    assert set(plan.files) == {"module.json", "README.md", *shelf.deu.manifest.files}
    assert set(plan.left_out) == {"training_args.bin", "optimizer.pt", "logs/events", "notes.txt"}


def test_no_path_of_the_publishers_machine_is_published(shelf: Shelf, tmp_path: Path) -> None:
    for module in (shelf.deu, shelf.deu_both):
        for name, content in plan_push(module.folder, "org/module", hub=tmp_path).files.items():
            sent = content if isinstance(content, bytes) else content.read_bytes()
            assert str(module.folder.parent).encode() not in sent, name
            assert shelf.base.source.encode() not in sent, name


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "modeling.py", "language_adapter/adapter_model.bin", "notes.txt"]
)
def test_anything_that_no_module_consists_of_is_refused_by_name(shelf: Shelf, hub: Path, name: str) -> None:
    shutil.copytree(shelf.deu.folder, hub / "org" / "deu")
    (hub / "org" / "deu" / name).write_bytes(b"\x80\x04.")
    for source in ("org/deu", hub / "org" / "deu"):
        with pytest.raises(ModuleFormatError, match=rf"holds '{name}', which no module consists of"):
            LanguageModule.load(source, hub=hub, verify=False)


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"settings": []}},
        {"training": {"phases": {"se": {"steps": 1, "loss": "low"}}}},
        {"training": {"versions": ["1.0"]}},
        {"training": {"data": [{"bytes": "many"}]}},
        {"vocabulary": {"strategy": "trim", "size": "large"}},
    ],
    ids=str,
)
def test_records_that_no_card_can_be_made_of_are_told(shelf: Shelf, tmp_path: Path, change: dict[str, object]) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    edit_json(folder / "module.json", **change)
    with pytest.raises(ModuleFormatError, match="no card can be made .* write a README.md beside it"):
        plan_push(folder, "org/deu", hub=tmp_path)
    (folder / "README.md").write_text("# German", encoding="utf-8")
    assert plan_push(folder, "org/deu", hub=tmp_path).files["README.md"] == b"# German"


def test_hidden_files_of_a_system_are_no_strangers(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    for place in (folder, folder / "language_adapter"):
        (place / ".DS_Store").write_bytes(b"x")
    assert LanguageModule.load(folder).manifest == shelf.deu.manifest
    assert ".DS_Store" in plan_push(folder, "org/deu", hub=tmp_path).left_out


def test_a_header_that_claims_gigabytes_is_refused_before_it_is_read(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    path = folder / "embeddings.safetensors"
    path.write_bytes((10 << 30).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ModuleFormatError, match=r"embeddings.safetensors.*header claims 10737418240 bytes"):
        LanguageModule.load(folder, verify=False)


def test_a_fingerprint_that_is_not_that_of_the_files_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    """Swapped files with a manifest to match must not pass for the module that an adapter belongs to."""
    folder = shutil.copytree(shelf.kaz.folder, tmp_path / "kaz")
    text = (folder / "module.json").read_text(encoding="utf-8")
    forged = text.replace(shelf.kaz.manifest.fingerprint, shelf.deu.manifest.fingerprint)
    (folder / "module.json").write_text(forged, encoding="utf-8")
    with pytest.raises(ModuleFormatError, match="the fingerprint in module.json is not that of the files it lists"):
        LanguageModule.load(folder, verify=False)


def test_links_of_the_hubs_cache_are_followed_and_no_others(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--org--deu" / "snapshots" / "c0"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--org--deu" / "blobs").mkdir()
    (tmp_path / "models--org--deu" / "blobs" / "b0").write_text("{}", encoding="utf-8")
    (tmp_path / "secret").write_text("{}", encoding="utf-8")
    (snapshot / "module.json").symlink_to("../../blobs/b0")
    (snapshot / "tokenizer.json").symlink_to("../../../secret")
    assert inner_path(snapshot, "module.json").read_text(encoding="utf-8") == "{}"
    with pytest.raises(ModuleFormatError, match="'tokenizer.json' is a symbolic link"):
        inner_path(snapshot, "tokenizer.json")


@pytest.mark.parametrize("repo", ["deu", "org/deu@main", "../deu", "a/b/c"])
def test_a_push_goes_to_a_repo_only(shelf: Shelf, hub: Path, repo: str) -> None:
    with pytest.raises(HubError, match="expected org/name"):
        push(shelf.deu.folder, repo, hub=hub)
    assert not hub.exists()


def test_a_push_moves_branches_and_no_commits(shelf: Shelf, hub: Path) -> None:
    commit = push(shelf.deu.folder, "org/deu", hub=hub).commit
    with pytest.raises(HubError, match=f"'{commit}' is a commit.*expected the name of a branch"):
        push(shelf.deu.folder, "org/deu", hub=hub, license="mit", revision=commit)
    assert fetch_module(f"org/deu@{commit}", hub).address == f"org/deu@{commit}"


def test_a_damaged_module_is_not_published(shelf: Shelf, hub: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    weights = folder / "embeddings.safetensors"
    content = weights.read_bytes()
    for damage, told in (
        (content[:-1] + bytes([content[-1] ^ 1]), "SHA-256"),
        (content[:-1], "bytes where"),
        (None, "missing"),
    ):
        weights.unlink() if damage is None else weights.write_bytes(damage)
        with pytest.raises(ModuleFormatError, match=f"embeddings.safetensors.*{told}"):
            push(folder, "org/deu", hub=hub)
    assert not hub.exists()


def test_a_card_that_leads_elsewhere_is_not_published(shelf: Shelf, hub: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    (tmp_path / "secret").write_text("a token", encoding="utf-8")
    (folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(ModuleFormatError, match=r"'README.md' is a symbolic link"):
        push(folder, "org/deu", hub=hub)
    assert not hub.exists()


def test_what_is_not_there_is_told_with_what_is(shelf: Shelf, hub: Path) -> None:
    with pytest.raises(HubError, match="is not there: expected a folder"):
        fetch_module("org/deu", hub)
    push(shelf.deu.folder, "org/deu", hub=hub)
    with pytest.raises(HubError, match="has no 'org/kaz'; it has: org/deu"):
        fetch_module("org/kaz", hub)
    with pytest.raises(HubError, match="org/deu on .* has no revision 'v9'"):
        fetch_module("org/deu@v9", hub)


def test_the_command_line_publishes_lists_shows_verifies_fetches_and_indexes(
    shelf: Shelf, hub: Path, tmp_path: Path
) -> None:
    for module in (shelf.eng, shelf.deu, shelf.deu_both):
        name = module.manifest.name
        done = command("push", module.folder, "--repo", f"org/{name}", "--license", "mit", "--hub", hub)
        assert done.returncode == 0, done.stderr
    dry = command("push", shelf.kaz.folder, "--repo", "org/kaz", "--dry-run", "--hub", hub)
    assert "embeddings.safetensors" in dry.stdout
    assert not (hub / "org" / "kaz").exists()
    assert "org/deu-eng-both" in command("list", "--kind", "alignment", "--hub", hub).stdout
    shown = command("show", "org/deu", "--hub", hub).stdout
    assert shelf.deu.manifest.fingerprint in shown
    assert "no scores" in shown
    assert command("verify", "org/deu", "--hub", hub).stdout.startswith("sound: org/deu@")
    fetched = command("fetch", "org/deu", "--into", tmp_path / "deu", "--hub", hub)
    assert Path(fetched.stdout.strip()) == tmp_path / "deu"
    assert LanguageModule.load(tmp_path / "deu").manifest.fingerprint == shelf.deu.manifest.fingerprint
    page = command("index", "org", "--hub", hub, PYTHONIOENCODING="ascii").stdout
    assert "[deu](https://huggingface.co/org/deu)" in page
    assert "[deu-eng-both](https://huggingface.co/org/deu-eng-both) (eng, both;" in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("psuh",), "Did you mean 'push'?"),
        (("push", "nowhere"), "--repo"),
        (("list", "--kind", "adapter"), "alignment"),
        (("list", "--language", "kk"), "did you mean 'kaz'?"),
        (("list", "--author", "org/name"), "expected the org of org/name"),
        (("push", "nowhere", "--repo", "org/na--me"), "expected org/name, as the Hub has names"),
        (("verify", "nowhere"), "expected a folder with module.json, or org/name[@revision]"),
        (("show", "org/kaz", "--hub", "nowhere"), "is not there: expected a folder"),
    ],
)
def test_a_wrong_call_tells_the_right_one(arguments: tuple[str, ...], told: str) -> None:
    done = command(*arguments)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_module_says_does_not_steer_the_terminal(shelf: Shelf, tmp_path: Path) -> None:
    folder = shutil.copytree(shelf.deu.folder, tmp_path / "deu")
    facts = {"benchmark": "b\x1b[2J", "metric": "rsim", "value": 0.6864}
    rsim = SCORE | facts | {"modules": [shelf.deu.manifest.fingerprint]}
    edit_json(folder / "module.json", license="mit\x1b]0;x\x07\nbase: other", metrics=[rsim])
    shown = command("show", folder).stdout
    assert "\x1b" not in shown
    assert "\nbase: other" not in shown
    assert "0.686" in shown
    base = json.loads((folder / "module.json").read_text(encoding="utf-8"))["base"]
    edit_json(folder / "module.json", base=base | {"source": "x\x1b[2J\x9b\nsound: other"})
    verified = command("verify", folder).stdout
    assert "composes on x\ufffd[2J\ufffd\ufffdsound: other" in verified
    as_json = command("show", folder, "--json").stdout
    assert not {"\x1b", "\x9b"} & set(as_json)
    assert json.loads(as_json) == json.loads((folder / "module.json").read_text(encoding="utf-8"))
    edit_json(folder / "module.json", **{"\x1b[2J\nerror: other": 1})
    assert "'\ufffd[2J\ufffderror: other'" in command("verify", folder).stderr


def test_the_command_line_tells_its_version_and_the_right_command() -> None:
    assert command("--version").stdout == f"{__version__}\n"
    wrong = command("fetc", "org/name")
    assert wrong.returncode == 2
    assert "Did you mean 'fetch'?" in wrong.stderr
