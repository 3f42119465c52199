"""The agreement as typed data: what `data/agreements/<version>/*.toml` says, checked.

Every part carries the clause it stands in, so that a page, a refusal or an export can cite it.
Identifiers are lower-case words joined by underscores; they are what events refer to for ever.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]

Unit = Literal["calendar_days", "business_days", "hours", "per_calendar_year"]
Basis = Literal["stated", "inferred"]
"""`stated`: the agreement's text says so. `inferred`: our reading, to be shown as such."""


class Part(BaseModel):
    """Common ground of every part: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Processor(Part):
    """The provider, processor under Art. 28 GDPR."""

    name: Text
    registration_number: Text
    address: Text
    contact: Text
    """E-mail address for questions on the agreement."""
    website: Text


class Term(Part):
    """A number the agreement fixes, with its unit and clause."""

    id: Identifier
    name: Text
    value: Annotated[int, Field(gt=0)]
    unit: Unit
    clause: Text
    summary: Text
    wording: tuple[Text, ...] = ()
    """The few words of the source that fix the number; more than one where it does so by reference."""


class Place(Part):
    """Where personal data is processed, or may be reached from."""

    id: Identifier
    name: Text
    third_country: bool
    """True where the place lies, or may lie, outside the EU and the EEA (Chapter V GDPR)."""


class TransferMechanism(Part):
    """What makes a transfer to a third country lawful (Chapter V GDPR), as a coded value."""

    id: Identifier
    code: Text
    """Short form for a table: SCC, TIA, DPF."""
    name: Text
    summary: Text
    wording: Text | None = None
    """How the source's tables write it, where that is not the code."""


class DataCategory(Part):
    """A category of personal data of Schedule 1, 3.5."""

    id: Identifier
    name: Text
    contents: tuple[Text, ...]
    contents_wording: Text | None = None
    """The source's own words for the contents, where they are not just a list."""
    clause: Text
    summary: Text


class DataSubject(Part):
    """A kind of people whose data is processed, Schedule 1, 3.4."""

    id: Identifier
    name: Text
    clause: Text
    summary: Text


class Purpose(Part):
    """A purpose for which the provider processes as a controller of its own, Schedule 1, 3.3."""

    id: Identifier
    name: Text
    clause: Text
    summary: Text


class Measure(Part):
    """A technical or organisational measure of Schedule 3."""

    id: Identifier
    name: Text
    clause: Text
    summary: Text


class Certification(Part):
    """A standard the provider is certified under."""

    id: Identifier
    name: Text
    clause: Text
    summary: Text


class Feature(Part):
    """An optional feature that brings optional sub-processors in, Schedule 2, 2.2."""

    id: Identifier
    name: Text
    purpose: Text
    """What it does, in plain words."""
    data_categories: tuple[Identifier, ...]
    data_categories_basis: Basis
    clause: Text
    source_note: str | None = None


class Location(Part):
    """One place of a sub-processor and what happens there."""

    place: Identifier
    role: Literal["processing", "delivery", "access"]
    """`processing`: stored or computed. `delivery`: served from there (a CDN). `access`: may be reached."""
    note: str | None = None


class SubProcessor(Part):
    """Another processor engaged by the provider, Art. 28(2) and (4) GDPR; Schedule 2."""

    id: Identifier
    name: Text
    kind: Literal["core", "optional"]
    features: tuple[Identifier, ...] = ()
    """The features that engage it; empty for a core one, which is always engaged."""
    features_wording: Text | None = None
    """The source's own words for the features, where they are not just the features' names."""
    purpose: Text
    locations: Annotated[tuple[Location, ...], Field(min_length=1)]
    location_wording: Text
    """The source's own words for the place."""
    mechanisms: tuple[Identifier, ...] = ()
    """Empty where the source says N/A: no transfer to a third country."""
    clause: Text
    source_note: str | None = None


class DataType(Part):
    """A kind of stored data with a retention period of its own.

    The agreement names neither types nor periods (Schedule 1, 2): these are the provider's settings.
    """

    id: Identifier
    name: Text
    data_category: Identifier
    default_days: Annotated[int, Field(gt=0)]
    minimum_days: Annotated[int, Field(gt=0)]
    maximum_days: Annotated[int, Field(gt=0)]


class RetentionSettings(Part):
    """The provider's settings for retention, Schedule 1, 2."""

    basis: Literal["provider_setting"]
    clause: Text
    note: Text
    grace_days: Annotated[int, Field(gt=0)]
    """Days between a shortening and its effect, in which it can be cancelled."""
    data_types: tuple[DataType, ...]


class Clause(Part):
    """A clause of the agreement, summarised in our own words."""

    id: Text
    """As cited: `3.1(xii)`, `Sch. 2 1.1`."""
    opening: Text | None = None
    """The few words that its passage begins with in the source, with plain quotes and dashes; None: its
    passage is not told apart from the rest of the text."""
    heading: Text
    summary: Text
    handled: Text
    """What the application does about it."""
    page: Identifier | None = None
    """The page that does it, by file name in `pages/`; none where the application has no part in it."""
    source_note: str | None = None


class Agreement(Part):
    """One version of the agreement. A customer is bound to exactly one.

    The version is the date of its text. References between the parts are checked when it is loaded.
    """

    version: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    title: Text
    published: date
    processor: Processor
    terms: tuple[Term, ...]
    places: tuple[Place, ...]
    mechanisms: tuple[TransferMechanism, ...]
    data_categories: tuple[DataCategory, ...]
    data_subjects: tuple[DataSubject, ...]
    purposes: tuple[Purpose, ...]
    measures: tuple[Measure, ...]
    certifications: tuple[Certification, ...]
    features: tuple[Feature, ...]
    sub_processors: tuple[SubProcessor, ...]
    retention: RetentionSettings
    clauses: tuple[Clause, ...]

    def term(self, id: str) -> Term:
        """The term with this identifier. KeyError where the agreement has none."""
        return self._terms[id]

    def feature(self, id: str) -> Feature:
        """The optional feature with this identifier. KeyError where the agreement has none."""
        return self._features[id]

    def sub_processor(self, id: str) -> SubProcessor:
        """The sub-processor with this identifier. KeyError where the agreement has none."""
        return self._sub_processors[id]

    def place(self, id: str) -> Place:
        """The place with this identifier. KeyError where the agreement has none."""
        return self._places[id]

    def mechanism(self, id: str) -> TransferMechanism:
        """The transfer mechanism with this identifier. KeyError where the agreement has none."""
        return self._mechanisms[id]

    def data_category(self, id: str) -> DataCategory:
        """The data category with this identifier. KeyError where the agreement has none."""
        return self._data_categories[id]

    def data_type(self, id: str) -> DataType:
        """The data type with this identifier. KeyError where the settings have none."""
        return self._data_types[id]

    def clause(self, id: str) -> Clause:
        """The clause cited as `id`. KeyError where the agreement has none."""
        return self._clauses[id]

    @cached_property
    def _terms(self) -> dict[str, Term]:
        return {t.id: t for t in self.terms}

    @cached_property
    def _features(self) -> dict[str, Feature]:
        return {f.id: f for f in self.features}

    @cached_property
    def _sub_processors(self) -> dict[str, SubProcessor]:
        return {s.id: s for s in self.sub_processors}

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {p.id: p for p in self.places}

    @cached_property
    def _mechanisms(self) -> dict[str, TransferMechanism]:
        return {m.id: m for m in self.mechanisms}

    @cached_property
    def _data_categories(self) -> dict[str, DataCategory]:
        return {c.id: c for c in self.data_categories}

    @cached_property
    def _data_types(self) -> dict[str, DataType]:
        return {t.id: t for t in self.retention.data_types}

    @cached_property
    def _clauses(self) -> dict[str, Clause]:
        return {c.id: c for c in self.clauses}
