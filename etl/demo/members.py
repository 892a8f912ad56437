"""The members of the made-up network: who they are, what they make, what is planted.

Institutions are invented; countries, regions (NUTS 2 or ISO 3166-2) and coordinates
are real, so that maps have somewhere to put them. The order matters: a smaller network
keeps the first sites, so what must be seen comes first.
"""

from dataclasses import dataclass, replace

LABORATORY = "elbmarsch"


@dataclass(frozen=True)
class Line:
    """Batches of one product under one pathway: how many in five years, and when.

    `since` and `until` are fractions of the network's history.
    """

    product: str
    pathway: str
    batches: int
    trial: str | None = None
    since: float = 0.0
    until: float = 1.0


@dataclass(frozen=True)
class Member:
    """One site: its identity, its work, its kind of system and its planted truth.

    `reads_viability` is by how many points its laboratory reads any viability wrong,
    `viability` by how many its products really differ from everybody else's.
    """

    slug: str
    name: str
    country: str
    region: str
    latitude: float
    longitude: float
    lines: tuple[Line, ...]
    system: str
    language: str
    plant: str | None = None
    kind: str = "manufacturer"
    stage: str = "active"
    process: str = "prodigy"
    external: bool = False
    wide: bool = False
    nominal: int | None = None
    reads_viability: float = 0.0
    viability: float = 0.0

    @property
    def has_states(self) -> bool:
        """Whether its system tells an invalid result from a valid one."""
        return self.system in ("sql", "redcap", "rest")

    @property
    def has_verdicts(self) -> bool:
        """Whether it records a verdict on each result; a wide table has no room."""
        return not self.wide


HE, TRIAL, COMPASSIONATE = "hospital_exemption", "clinical_trial", "compassionate_use"


def _car_t(cd19: int, bcma: int, cd7: int = 0) -> tuple[Line, ...]:
    """Mostly under hospital exemption, the rest in trials, a few validations."""
    lines = [
        Line("car-t-cd19", HE, round(cd19 * 0.7)),
        Line("car-t-cd19", TRIAL, cd19 - round(cd19 * 0.7), "LYRA-2", 0.0, 0.6),
        Line("car-t-bcma", HE, bcma - round(bcma * 0.3), None, 0.3),
        Line("car-t-bcma", TRIAL, round(bcma * 0.3), "MIRA-1", 0.0, 0.5),
        Line("car-t-cd7", TRIAL, cd7, "VEGA-7"),
        Line("car-t-cd19", "validation", 3, None, 0.0, 0.05),
    ]
    return tuple(line for line in lines if line.batches)


def _plain(product: str, batches: int, pathway: str = TRIAL) -> Line:
    trial = f"{product.split('-')[0].upper()}-ONE" if pathway == TRIAL else None
    return Line(product, pathway, batches, trial)


# 83 clinical and 10 compassionate batches in four trials, as a published unit reports.
MSC_UNIT = (
    Line("msc-adipose", TRIAL, 24, "ALMA-1", 0.0, 0.35),
    Line("msc-adipose", TRIAL, 21, "ALMA-2", 0.15, 0.6),
    Line("msc-adipose", TRIAL, 20, "BRISA-1", 0.4, 0.85),
    Line("msc-adipose", TRIAL, 18, "BRISA-2", 0.6, 1.0),
    Line("msc-adipose", COMPASSIONATE, 10, None, 0.2, 1.0),
)

MEMBERS = (
    Member("guadalora", "Unidad Guadalora de Producción Celular", "ES", "ES61",
           37.39, -5.98, MSC_UNIT, "csv", "es", process="flask", wide=True),
    Member("manzanera", "Hospital Manzanera, Unidad de Terapias Avanzadas", "ES",
           "ES30", 40.42, -3.70, _car_t(320, 250), "redcap", "es",
           plant="double_failure_rate"),
    Member("rhodanie", "Centre Rhodanie de Biothérapies", "FR", "FRK2", 45.76, 4.84,
           _car_t(100, 65), "csv", "fr", plant="stricter_criteria", wide=True),
    Member("havelmark", "Klinikum Havelmark, Zelltherapie", "DE", "DE30", 52.52, 13.40,
           _car_t(20, 0, 112), "sql", "de", plant="product_mix", external=True),
    Member("vesuvina", "Ospedale Vesuvina, Officina Cellulare", "IT", "ITF3",
           40.85, 14.27, (Line("car-t-cd19", HE, 12, None, 0.4),), "xlsx", "it",
           plant="too_small"),
    Member("turiana", "Hospital Turiana, Sala Blanca", "ES", "ES52", 39.47, -0.37,
           _car_t(150, 100), "csv", "es", plant="bad_vector_lot"),
    Member("garonnette", "CHU Garonnette, Unité de thérapie cellulaire", "FR", "FRJ2",
           43.60, 1.44, _car_t(140, 100), "sql", "fr", plant="bad_vector_lot"),
    Member("isarwinkel", "Universitätsklinikum Isarwinkel", "DE", "DE21", 48.14, 11.58,
           _car_t(150, 90), "redcap", "de", plant="bad_vector_lot", external=True),
    Member("cheviotdale", "Cheviotdale Cell Centre", "GB", "UKC2", 54.97, -1.61,
           (*_car_t(170, 70), _plain("msc-bone-marrow", 60)), "csv", "en",
           plant="stopped_reporting"),
    Member("padanella", "Istituto Padanella, Cell Factory", "IT", "ITC4", 45.46, 9.19,
           _car_t(190, 110), "xlsx", "it", plant="staff_shortage"),
    Member("maasduin", "Maasduin UMC, Celtherapie", "NL", "NL33", 51.92, 4.48,
           _car_t(180, 110), "sql", "en", plant="discordant_releases", external=True),
    Member("llobrera", "Hospital Clínic Llobrera", "ES", "ES51", 41.39, 2.16,
           _car_t(250, 170, 10), "rest", "en"),
    Member("elbmarsch", "Prüfzentrum Elbmarsch", "DE", "DE60", 53.55, 9.99, (),
           "csv", "de", kind="testing_laboratory"),
    Member("skanelund", "Skånelund University pre-GMP Centre", "SE", "SE22",
           55.70, 13.19, (Line("car-t-cd19", "engineering", 14, None, 0.7),
                          Line("nk-expanded", "engineering", 8, None, 0.8)),
           "csv", "sv", stage="pre_gmp", process="cocoon"),
    Member("pujiang", "Pujiang Regional Preparation Centre", "CN", "CN-SH", 31.23,
           121.47, (*_car_t(250, 170, 15), _plain("msc-umbilical", 190, HE)), "rest",
           "en", process="bioreactor", kind="both", nominal=1200),
    Member("nerviola", "Hospital Nerviola, Terapia Celular", "ES", "ES21", 43.26, -2.93,
           (*_car_t(130, 0), _plain("msc-bone-marrow", 120)), "xlsx", "es", wide=True),
    Member("lutecine", "Institut Lutécine", "FR", "FR10", 48.86, 2.35,
           (*_car_t(200, 130, 15), _plain("nk-expanded", 80)), "sql", "fr",
           viability=-4.0),
    Member("thameslea", "Thameslea Cell Therapy Facility", "GB", "UKI3", 51.51, -0.13,
           _car_t(230, 150, 15), "sql", "en"),
    Member("amstelrade", "Amstelrade Medisch Centrum", "NL", "NL32", 52.37, 4.90,
           (_plain("til-melanoma", 180), _plain("treg-expanded", 120)), "rest", "en",
           external=True, process="bioreactor"),
    Member("neckarau", "Zentrum für Zelltherapie Neckarau", "DE", "DE11", 48.78, 9.18,
           (_plain("til-melanoma", 120), *_car_t(140, 90, 5)), "csv", "de",
           external=True),
    Member("malarvik", "Mälarvik universitetssjukhus", "SE", "SE11", 59.33, 18.07,
           (*_car_t(200, 0), _plain("nk-expanded", 140)), "redcap", "sv",
           reads_viability=-5.0),
    Member("tiberina", "Policlinico Tiberina, Medicina Rigenerativa", "IT", "ITI4",
           41.90, 12.50, (_plain("msc-bone-marrow", 120), _plain("cd34-selected", 120)),
           "csv", "it", process="flask"),
    Member("armorelle", "CHU Armorelle, Plateforme CSM", "FR", "FRH0", 47.22, -1.55,
           (_plain("msc-adipose", 130), _plain("treg-expanded", 110)), "xlsx", "fr",
           process="flask"),
    Member("clydebrae", "Clydebrae Stem Cell Laboratory", "GB", "UKM8", 55.86, -4.25,
           (_plain("msc-umbilical", 110), _plain("cd133-bone-marrow", 110)), "xlsx",
           "en", process="flask"),
)  # fmt: skip


def members(count: int) -> tuple[Member, ...]:
    """The first `count` members; past the named ones, further plain CAR-T centres."""
    further = range(len(MEMBERS) + 1, count + 1)
    return (*MEMBERS[:count], *(_further(number) for number in further))


def _further(number: int) -> Member:
    model = next(m for m in MEMBERS if m.slug == "thameslea")
    return replace(
        model,
        slug=f"centre-{number}",
        name=f"Centre {number}",
        latitude=38.0 + number * 7 % 20,
        longitude=-4.0 + number * 11 % 24,
        system="csv",
    )
