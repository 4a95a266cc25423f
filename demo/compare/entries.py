"""The modules on offer, and those that a visitor composes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters_hub.format import AlignmentManifest, LanguageModuleManifest
from adapters_hub.languages import autonym, language_name
from demo.limits.errors import DemoError

_COMMIT = 8  # hexadecimal digits that people see


@dataclass(frozen=True)
class Entry:
    """A module on offer, at one commit.

    Attributes:
        repo: `org/name`.
        commit: 40 hexadecimal digits.
        manifest: the module's manifest.
    """

    repo: str
    commit: str
    manifest: LanguageModuleManifest | AlignmentManifest

    @property
    def address(self) -> str:
        """`org/name@commit`, the address to fetch it from."""
        return f"{self.repo}@{self.commit}"

    @property
    def language(self) -> str:
        """ISO 639-3."""
        return self.manifest.language

    @property
    def is_adapter(self) -> bool:
        """Whether it is an alignment adapter."""
        return isinstance(self.manifest, AlignmentManifest)

    @property
    def short_commit(self) -> str:
        """The commit's first digits, for display."""
        return self.commit[:_COMMIT]

    @property
    def title(self) -> str:
        """One line that distinguishes it from other modules."""
        size = f"{self.manifest.size / 1e6:.1f} MB"
        if isinstance(self.manifest, AlignmentManifest):
            what = f"{language_name(self.language)} to {language_name(self.manifest.pivot)}, {self.manifest.objective}"
        else:
            what = language_name(self.language)
        return f"{self.repo} · {what} · {size} · {self.short_commit}"

    @property
    def vocabulary(self) -> str:
        """A module's vocabulary in a few words, such as `trim, 60,000 tokens`."""
        if isinstance(self.manifest, AlignmentManifest) or "vocabulary" not in self.manifest.components:
            return "the base's vocabulary"
        size = self.manifest.vocabulary.get("size")
        count = f"{size:,} tokens" if isinstance(size, int) else "size not stated"
        return f"{self.manifest.vocabulary.get('strategy') or 'its own'}, {count}"

    def matches(self, words: Iterable[str]) -> bool:
        """Whether all words are in its name, language or kind."""
        kind = "alignment adapter" if self.is_adapter else "language module"
        names = f"{language_name(self.language)} {autonym(self.language)}"
        text = f"{self.title} {kind} {self.language} {names}".casefold()
        return all(word in text for word in words)

    def belongs_to(self, modules: Mapping[str, Entry]) -> bool:
        """Whether an adapter was made for its language's module and, if the pivot has a module here, for that one."""
        assert isinstance(self.manifest, AlignmentManifest)
        module, pivot = modules.get(self.language), modules.get(self.manifest.pivot)
        if module is None or module.manifest.fingerprint != self.manifest.target_fingerprint:
            return False
        return pivot is None or pivot.manifest.fingerprint == self.manifest.pivot_fingerprint


@dataclass(frozen=True)
class Picks:
    """The modules that a visitor composes: at most one per language, and one adapter per language and objective."""

    modules: dict[str, Entry]
    adapters: dict[str, dict[str, Entry]]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Picks:
        """Choose modules: of two for one language, or two adapters of one objective, the last is taken.

        Raises:
            DemoError: an adapter was made for other modules.
        """
        modules = {entry.language: entry for entry in entries if not entry.is_adapter}
        adapters: dict[str, dict[str, Entry]] = {}
        for entry in entries:
            if not isinstance(entry.manifest, AlignmentManifest):
                continue
            if entry.language not in modules:
                raise DemoError(
                    f"the alignment adapter {entry.repo} needs the language module of {entry.language!r}: "
                    "choose that too"
                )
            if not entry.belongs_to(modules):
                raise DemoError(
                    f"the alignment adapter {entry.repo} was made for other modules than those chosen for "
                    f"{entry.language!r} and {entry.manifest.pivot!r}: choose those, or leave it out"
                )
            adapters.setdefault(entry.language, {})[entry.manifest.objective] = entry
        return cls(modules, adapters)

    @property
    def entries(self) -> list[Entry]:
        """All modules, each before its adapters."""
        return [
            entry for code, module in self.modules.items() for entry in (module, *self.adapters.get(code, {}).values())
        ]

    @property
    def names(self) -> list[str]:
        """Their addresses, as `Catalog.pick` takes them."""
        return [entry.address for entry in self.entries]

    def objectives(self, language: str) -> list[str]:
        """The objectives of a language's adapters."""
        return list(self.adapters.get(language, {}))
