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

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,3}$")]
"""ISO 3166-1 alpha-2; three letters for an organisation."""

Role = Literal["processing", "delivery", "access"]
"""`processing`: stored or computed. `delivery`: served from there (a CDN). `access`: may be reached."""

Unit = Literal["calendar_days", "business_days", "hours", "per_calendar_year"]
Basis = Literal["stated", "inferred"]
"""`stated`: the agreement's text says so. `inferred`: our reading, to be shown as such."""


HelpWithoutTime = Literal[
    "breach", "data_subject", "dora_authority", "dora_incident", "dora_information", "security"
]
"""Kinds of help to which the agreement gives no time, by the codes that requests are recorded with."""


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


class Target(Part):
    """A time that the provider aims at where the agreement fixes none: its own setting, no promise."""

    id: HelpWithoutTime
    basis: Literal["provider_setting"]
    business_days: Annotated[int, Field(gt=0)]


class Place(Part):
    """Where personal data is processed, or may be reached from."""

    id: Identifier
    name: Text
    third_country: bool
    """True where the place lies, or may lie, outside the EU and the EEA (Chapter V GDPR)."""
    country: Country | None = None
    """The country it is; None for a region, or for a place whose country nobody named."""


class TransferMechanism(Part):
    """What a transfer to a third country rests on (Chapter V GDPR), as a coded value."""

    id: Identifier
    code: Text
    """Short form for a table: SCC, TIA, DPF."""
    name: Text
    kind: Literal["adequacy", "safeguard", "derogation", "supplement"]
    """`adequacy`: Art. 45 GDPR, `safeguard`: Art. 46, `derogation`: Art. 49. Each of these is an instrument,
    which makes a transfer lawful. A `supplement` only adds to one."""
    modules: tuple[int, ...] = ()
    """The modules it comes in; empty for all but the standard contractual clauses."""
    usual_module: int | None = None
    """The module that applies as a rule, Clause 3.1(vii)."""
    summary: Text
    wording: Text | None = None
    """How the source's tables write it, where that is not the code."""


class AdequacyDecision(Part):
    """A decision of the Commission that a country protects personal data well enough, Art. 45 GDPR."""

    country: Country
    name: Text | None = None
    """Of an organisation; a country is called as everywhere else."""
    decision: Text
    """Its number: `(EU) 2023/1795`."""
    adopted: date
    expires: date | None = None
    """Its last day, where it has one."""
    scope: Text | None = None
    """The receivers it is for, where not all of that country's."""
    mechanism: Identifier = "adequacy"
    """The transfer mechanism that stands for it."""


class ChapterV(Part):
    """What Chapter V GDPR says beside the agreement. It is the same for every version."""

    checked: date
    """The day on which this was last compared with the law."""
    eea: tuple[Country, ...]
    """Countries and territories to which nothing is a transfer."""
    adequacy: tuple[AdequacyDecision, ...]


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
    role: Role
    note: str | None = None


class TransferRecord(Part):
    """What was recorded of the mechanisms of an entry when it was announced."""

    module: int | None = None
    """The module of the standard contractual clauses, where they are among them."""
    covered: bool = False
    """It is stated that the receiver is one for whom the adequacy decision is: certified under the DPF."""
    derogation: Text | None = None
    """The reason under Art. 49 GDPR, where a derogation is among them."""


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
    """As the row lists them, whatever place each serves. Empty where it says N/A, which promises nothing."""
    recorded: TransferRecord | None = None
    """None where nothing was, as in the agreement's own rows."""
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
    chapter_v: ChapterV
    targets: tuple[Target, ...] = ()

    def target(self, id: str) -> Target | None:
        """The provider's own target for a kind of help; None where it has set none."""
        return next((t for t in self.targets if t.id == id), None)

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
