"""A folder that acts as a hub: push, revisions, search, fetch."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from adapters_hub import AdaptersHubError, CompositionError, ModularEncoder, ModuleFormatError
from adapters_hub.folders import inner_path
from adapters_hub.hub import HubError, fetch_manifest, fetch_module, find_modules, plan_push, push
from adapters_hub.modules import LanguageModule, load_module
from tests.adapters_hub.builders import edit_json, make_language
from tests.adapters_hub.conftest import Shelf


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


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
    encoder = ModularEncoder(shelf.base.copy(), [shelf.eng.folder, shelf.deu.folder, shelf.deu_both.folder], hub=hub)
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
    assert weights[0].st_ino == weights[1].st_ino  # an unchanged file takes no additional space


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


def test_a_repo_that_cannot_be_read_hides_no_other(shelf: Shelf, hub: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("eng", "deu", "kaz", "deu_both"):
        push(getattr(shelf, name).folder, f"org/{name.replace('_', '-')}", hub=hub)
    (hub / "org" / "deu" / "refs" / "main").write_bytes(b"\xff\xfe\x00")
    (hub / "org" / "kaz" / "refs" / "main").unlink()
    (hub / "org" / "kaz" / "refs" / "main").symlink_to("main")
    (hub / "org" / "deu-both" / "refs" / "main").unlink()
    (hub / "org" / "deu-both" / "refs" / "main").mkdir()
    for name, broken in (("a", b"\xff"), ("b", b"[" * 100_000), ("c", b"")):
        (hub / "broken" / name).mkdir(parents=True)
        (hub / "broken" / name / "module.json").write_bytes(broken)
    (hub / "broken" / "d" / "module.json").mkdir(parents=True)
    (hub / "broken" / "e" / "refs").mkdir(parents=True)
    (hub / "broken" / "e" / "revisions").write_bytes(b"")
    assert [item.repo for item in find_modules(hub=hub)] == ["org/eng"]
    assert all(f"broken/{name} is skipped" in caplog.text for name in "abcde")
    with pytest.raises(HubError, match=r"deu/refs/main "):
        push(shelf.deu.folder, "org/deu", hub=hub)


def test_what_a_killed_push_leaves_is_no_repo_and_no_branch(shelf: Shelf, hub: Path) -> None:
    push(shelf.deu.folder, "org/deu", hub=hub)
    (hub / "org" / "deu" / "refs" / ".main.x1").write_text("c" * 40, encoding="utf-8")
    (hub / "org" / "eng").mkdir()
    (hub / "org" / "eng" / ".lock").touch()
    with pytest.raises(HubError, match=r"no revision 'v1'; it has: main$"):
        fetch_module("org/deu@v1", hub)
    with pytest.raises(HubError, match=r"no 'org/eng'; it has: org/deu$"):
        fetch_module("org/eng", hub)


def test_a_link_that_was_put_into_a_revision_is_not_published_with_the_next(
    shelf: Shelf, hub: Path, tmp_path: Path
) -> None:
    commit = push(shelf.deu.folder, "org/deu", hub=hub).commit
    (tmp_path / "secret").write_text("a token", encoding="utf-8")
    (hub / "org" / "deu" / "revisions" / commit / "notes.md").symlink_to(tmp_path / "secret")
    following = push(shelf.deu.folder, "org/deu", hub=hub, license="mit").commit
    assert not (hub / "org" / "deu" / "revisions" / following / "notes.md").exists()


def test_modules_are_found_by_every_code_of_their_language(shelf: Shelf, hub: Path, tmp_path: Path) -> None:
    for code in ("uzn_Latn", "swa", "kir"):
        module = make_language(shelf.base, tmp_path / code, code, 3)
        push(module.folder, f"org/{code}", hub=hub)
    for asked in ("uzn", "uzb", "uzn_Latn", "uzb_Latn"):
        assert [item.repo for item in find_modules(hub=hub, language=asked)] == ["org/uzn_Latn"], asked
    assert [item.repo for item in find_modules(hub=hub, language="swh")] == ["org/swa"]
    # A query with a script only finds modules that name it.
    assert find_modules(hub=hub, language="swh_Latn") == find_modules(hub=hub, language="uzb_Cyrl") == []


@pytest.mark.parametrize("author", ["/etc", "..", "org/deu", "*", ""])
def test_an_author_is_a_name_and_no_pattern(hub: Path, author: str) -> None:
    hub.mkdir()
    with pytest.raises(AdaptersHubError, match="expected the org of org/name"):
        find_modules(hub=hub, author=author)


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
    assert first.commit != second.commit  # another card, generated here like the first
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
    "name",
    ["pytorch_model.bin", "modeling.py", "language_adapter/adapter_model.bin", "old/w.PKL.gz", "libx.so.2", ".x/a.pth"],
)
def test_what_could_run_is_refused_by_name(shelf: Shelf, hub: Path, name: str) -> None:
    shutil.copytree(shelf.deu.folder, hub / "org" / "deu")
    (hub / "org" / "deu" / name).parent.mkdir(exist_ok=True)
    (hub / "org" / "deu" / name).write_bytes(b"\x80\x04.")
    for source in ("org/deu", hub / "org" / "deu"):
        with pytest.raises(ModuleFormatError, match=rf"holds '{name}', which is not part of any module and could"):
            LanguageModule.load(source, hub=hub, verify=False)


def test_other_files_beside_a_module_do_not_matter(shelf: Shelf, hub: Path, tmp_path: Path) -> None:
    commit = push(shelf.deu.folder, "org/deu", hub=hub).commit
    beside = ["train.ipynb", "CITATION.cff", "figs/map of words.jpeg", "results.csv", "notes.txt", "data/a/b/c.parquet"]
    for name in [*beside, ".gitattributes", "модуль.pdf", "Makefile", "model.bin.md"]:
        (hub / "org" / "deu" / "revisions" / commit / name).parent.mkdir(parents=True, exist_ok=True)
        (hub / "org" / "deu" / "revisions" / commit / name).write_bytes(b"x")
    (hub / "org" / "deu" / "revisions" / commit / "link").symlink_to(tmp_path / "nowhere")
    for source in ("org/deu", hub / "org" / "deu" / "revisions" / commit):
        assert LanguageModule.load(source, hub=hub).manifest.fingerprint == shelf.deu.manifest.fingerprint
    pushed = push(shelf.deu.folder, "org/deu", hub=hub, license="mit").commit
    assert (hub / "org" / "deu" / "revisions" / pushed / "train.ipynb").is_file()


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
    """Swapped files with a matching manifest must not pass for the module that an adapter belongs to."""
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
    (tmp_path / "blobs" / "ab").mkdir(parents=True)
    (tmp_path / "blobs" / "ab" / "abc").write_text("{}", encoding="utf-8")
    (tmp_path / "models--org--deu" / "blobs" / "b1").symlink_to("../../blobs/ab/abc")
    (snapshot / "adapter_config.json").symlink_to("../../blobs/b1")
    for name in ("module.json", "adapter_config.json"):
        assert inner_path(snapshot, name).read_text(encoding="utf-8") == "{}"
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
