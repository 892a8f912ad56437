import tomllib
from datetime import date
from pathlib import Path

import pytest

from connectors import ConfigError
from etl.network import NetworkError, check_network, load_network
from etl.settings import SiteFile
from etl.settings_mistakes import shape_mistakes
from etl.settings_rules import site_mistakes
from etl.settings_secrets import Resolver, plain_secrets
from etl.settings_targets import Known

KEY = {"KEY_ALPHA": "a long key", "TOKEN": "0123456789ABCDEF0123456789ABCDEF"}
NETWORK = """\
[network]
name = "Test network"
today = 2026-11-16

[[product]]
product = "car-t-cd19"
title = "CD19"
product_class = "car_t"
"""
ALPHA = """\
[site]
name = "Alpha"
country = "ES"
kind = "manufacturer"
stage = "active"
laboratories = ["lab"]

[source.main]
kind = "files"
folder = "../drops/alpha"

[source.registry]
kind = "redcap"
url = "https://redcap.example.org/api/"
token = { env = "TOKEN" }

[style]
decimal = ","
time_zone = "Europe/Madrid"

[privacy]
key = { env = "KEY_ALPHA" }
key_id = "k1"

[[dataset]]
name = "batch"
source = "main"
from = "lotes_*.csv"
read = { delimiter = ";" }
[dataset.columns]
batch = "Lote"
product = { constant = "car-t-cd19" }
pathway = { column = "Vía", codes = { EC = "clinical_trial" } }

[[dataset]]
name = "result"
source = "registry"
from = "qc"
columns = { batch = "lot", stage = { constant = "final_product" } }
[[dataset.each]]
when = "viab"
columns = { parameter = { constant = "viability" }, value = "viab" }
"""
LAB = """\
[site]
name = "Lab"
country = "ES"
kind = "testing_laboratory"
stage = "active"
[source.lims]
kind = "files"
folder = "/srv/lab"
[privacy]
key = { env = "KEY_ALPHA" }
key_id = "k1"
[[dataset]]
name = "result"
from = "r.csv"
[dataset.columns]
site = { column = "client", codes = { "Unit A" = "alpha" } }
batch = "sample label"
parameter = "test"
stage = { constant = "final_product" }
[[dataset]]
name = "ring_trial"
from = "ring.csv"
columns = { round = "round", specimen = "specimen", parameter = "test", value = "x" }
"""


def write(folder: Path, network=NETWORK, **sites: str) -> Path:
    (folder / "sites").mkdir(exist_ok=True)
    (folder / "network.toml").write_text(network, encoding="utf-8")
    for slug, text in ({"alpha": ALPHA, "lab": LAB} | sites).items():
        (folder / "sites" / f"{slug}.toml").write_text(text, encoding="utf-8")
    return folder


def spot(text: str, wanted: str) -> int:
    return next(i for i, row in enumerate(text.splitlines(), 1) if wanted in row)


def test_a_right_folder_becomes_a_network_with_its_secrets_filled_in(tmp_path):
    network = load_network(write(tmp_path), KEY)
    alpha = network.sites["alpha"]
    assert network.name == "Test network"
    assert network.today() == date(2026, 11, 16)
    assert [product.product for product in network.products] == ["car-t-cd19"]
    assert network.reporting.days == 14
    assert network.disclosure.public.threshold == 5
    assert network.disclosure.lead.threshold == 0
    assert alpha.info.laboratories == ("lab",)
    assert alpha.privacy is not None
    assert alpha.privacy.key == "a long key"
    assert alpha.sources["registry"].options["token"] == KEY["TOKEN"]
    assert "kind" not in alpha.sources["registry"].options
    assert alpha.datasets[0].extract.location == "lotes_*.csv"
    assert alpha.datasets[0].extract.options == {"delimiter": ";"}
    assert alpha.datasets[0].columns["batch"].column == "Lote"


def test_a_network_that_is_not_made_up_lives_today(tmp_path):
    write(tmp_path, NETWORK.replace("today = 2026-11-16", ""))
    assert load_network(tmp_path, KEY).today() >= date.today().replace(day=1)


def test_a_relative_folder_starts_from_the_file_it_is_written_in(tmp_path):
    sites = load_network(write(tmp_path), KEY).sites
    folder = str(tmp_path.resolve() / "drops" / "alpha")
    assert sites["alpha"].sources["main"].options["folder"] == folder
    assert sites["lab"].sources["lims"].options["folder"] == "/srv/lab"


def test_a_database_file_starts_from_there_too(tmp_path):
    text = LAB.replace('kind = "files"', 'kind = "sql"')
    text = text.replace('folder = "/srv/lab"', 'file = "../lims.sqlite"')
    lab = load_network(write(tmp_path, lab=text), KEY).sites["lab"]
    assert lab.sources["lims"].options == {
        "file": str(tmp_path.resolve() / "lims.sqlite")
    }


def test_the_key_column_of_a_table_is_no_secret(tmp_path):
    text = LAB.replace('kind = "files"', 'kind = "sql"')
    text = text.replace('folder = "/srv/lab"', 'file = "lims.sqlite"')
    text = text.replace('from = "r.csv"', 'from = "qc"\nread = { key = "id" }')
    assert check_network(write(tmp_path, lab=text), KEY) == []


def test_a_missing_password_is_not_missed_twice(tmp_path):
    text = LAB.replace('folder = "/srv/lab"', 'url = "https://lims.example.org/"')
    text = text.replace('kind = "files"', 'kind = "rest"\nuser = "pocnet"')
    text = text.replace("[privacy]", 'password = { env = "NOT_SET" }\n[privacy]')
    (problem,) = check_network(write(tmp_path, lab=text), KEY)
    assert (problem.key, "NOT_SET" in problem.message) == ("source.lims.password", True)


def test_options_that_belong_together_are_said_of_their_source(tmp_path):
    text = LAB.replace('folder = "/srv/lab"', 'url = "https://lims.example.org/"')
    text = text.replace('kind = "files"', 'kind = "rest"\nuser = "pocnet"')
    (problem,) = check_network(write(tmp_path, lab=text), KEY)
    assert problem.key == "source.lims"
    assert "user and password belong together" in problem.message


def test_a_dataset_of_the_only_source_need_not_name_it(tmp_path):
    lab = load_network(write(tmp_path), KEY).sites["lab"]
    assert [entry.source for entry in lab.datasets] == ["lims", "lims"]


def test_the_key_of_the_pseudonyms_is_never_printed(tmp_path):
    assert "a long key" not in repr(load_network(write(tmp_path), KEY).sites["lab"])


def test_a_published_site_needs_no_privacy_and_may_send_cohorts(tmp_path):
    published = """\
site = { name = "Paper", country = "-", kind = "published", stage = "active" }
source.papers = { kind = "files", folder = "." }
[[dataset]]
name = "cohort"
from = "cohorts.csv"
[dataset.columns]
source = "source"
stratum = "stratum"
denominator = "n"
denominator_is = { constant = "approved" }
numerator = "x"
numerator_is = { constant = "failed" }
"""
    site = load_network(write(tmp_path, paper=published), KEY).sites["paper"]
    assert site.privacy is None


def test_a_secret_may_come_from_the_file_that_name_file_names(tmp_path):
    secret = tmp_path / "key"
    secret.write_text("from a file\n")
    environ = {"KEY_ALPHA_FILE": str(secret), "TOKEN": KEY["TOKEN"]}
    alpha = load_network(write(tmp_path), environ).sites["alpha"]
    assert alpha.privacy is not None
    assert alpha.privacy.key == "from a file"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "KEY_ALPHA is not set. Set it, or set KEY_ALPHA_FILE"),
        ({"KEY_ALPHA": ""}, "KEY_ALPHA is not set"),
        ({"KEY_ALPHA_FILE": "/no/such/file"}, "cannot be read"),
    ],
)
def test_a_secret_that_is_not_there_is_named_with_its_two_places(
    tmp_path, environ, said
):
    problems = check_network(write(tmp_path), environ | {"TOKEN": KEY["TOKEN"]})
    assert [problem.file for problem in problems] == ["sites/alpha.toml"] + [
        "sites/lab.toml"
    ]
    assert all(said in problem.message for problem in problems)
    assert problems[0].line == spot(ALPHA, "key = { env")
    assert problems[0].key == "privacy.key"


# A right text of ALPHA, what is written instead, the key named, words of the message.
WRONG = [
    ("kind = ", "latitud = 3\nkind = ", "site.latitud", 'mean "latitude"'),
    ('country = "ES"', 'country = "Spain"', "site.country", "ISO 3166-1"),
    ('stage = "active"', 'stage = "activ"', "site.stage", 'mean "active"'),
    ('["lab"]', '["labb"]', "site.laboratories[1]", 'mean "lab"'),
    ('["lab"]', '["alpha"]', "site.laboratories[1]", "is no laboratory"),
    ('kind = "files"', 'kind = "file"', "source.main.kind", 'mean "files"'),
    ("folder = ", "foldr = ", "source.main.foldr", 'mean "folder"'),
    ('"Europe/Madrid"', '"Europe/Madrit"', "style.time_zone", "no time zone"),
    ('decimal = ","', 'decimal = ";"', "style.decimal", "must be '.' or ','"),
    ('"batch"', '"bach"', "dataset[1].name", 'mean "batch"'),
    ('"batch"', '"site"', "dataset[1].name", "[site] of this file"),
    ('"batch"', '"product"', "dataset[1].name", "network.toml"),
    ('"batch"', '"cohort"', "dataset[1].name", "ship with"),
    ('source = "main"', 'source = "mani"', "dataset[1].source", 'mean "main"'),
    ("delimiter", "delimeter", "dataset[1].read.delimeter", 'mean "delimiter"'),
    ("batch =", "batches =", "dataset[1].columns.batches", 'mean "batch"'),
    ("product = {", "site = {", "dataset[1].columns.site", "filled in by pocnet"),
    ("car-t-cd19", "car-t", "dataset[1].columns.product.constant", '"car-t-cd19"'),
    (
        '"clinical_trial"',
        '"clinical_trail"',
        "dataset[1].columns.pathway.codes.EC",
        'mean "clinical_trial"',
    ),
    (
        '"clinical_trial"',
        '""',
        "dataset[1].columns.pathway.codes.EC",
        '"pathway" cannot be empty',
    ),
    ("column =", "colum =", "dataset[1].columns.pathway.colum", 'mean "column"'),
    (
        '{ column = "Vía", codes',
        "{ codes",
        "dataset[1].columns.pathway",
        "either `column` or `constant`",
    ),
    (
        "pathway = { column",
        "pathway = { constant",
        "dataset[1].columns.pathway",
        "stands alone",
    ),
    (
        "batch = ",
        'attempt = { constant = "first" }\nbatch = ',
        "dataset[1].columns.attempt.constant",
        "takes a number",
    ),
    (
        "batch = ",
        'infused = { constant = "yesterday" }\nbatch = ',
        "dataset[1].columns.infused.constant",
        "takes a date",
    ),
    (
        "batch = ",
        'trial = { column = "x", fraction = true }\nbatch = ',
        "dataset[1].columns.trial.fraction",
        "no figure",
    ),
    (
        "batch = ",
        'trial = { column = "x", power = 6 }\nbatch = ',
        "dataset[1].columns.trial.power",
        "no figure",
    ),
    (
        "batch = ",
        'cells_final = { column = "x", fraction = true, power = 6 }\nbatch = ',
        "dataset[1].columns.cells_final.power",
        "not both",
    ),
    (
        '"viability"',
        '"viabilty"',
        "dataset[2].each[1].columns.parameter.constant",
        'mean "viability"',
    ),
    (
        'value = "viab"',
        'unit = { constant = "percentage" }',
        "dataset[2].each[1].columns.unit.constant",
        "The unit",
    ),
    ("when", "wenn", "dataset[2].each[1].wenn", 'mean "when"'),
]


@pytest.mark.parametrize(("right", "wrong", "key", "said"), WRONG)
def test_a_mistake_is_named_with_its_file_line_and_key(
    tmp_path, right, wrong, key, said
):
    assert right in ALPHA
    text = ALPHA.replace(right, wrong, 1)
    problems = check_network(write(tmp_path, alpha=text), KEY)
    found = [p for p in problems if p.key == key and said in p.message]
    assert [p.file for p in found] == ["sites/alpha.toml"], problems
    assert found[0].line == spot(text, wrong.splitlines()[0])


# A right text of ALPHA that is left out, the table named, words of the message.
LEFT_OUT = [
    ('name = "Alpha"', "[site]", "site.name", '"name" is missing'),
    ('kind = "files"', "[source.main]", "source.main", '"kind" is missing'),
    ('key_id = "k1"', "[privacy]", "privacy.key_id", '"key_id" is missing'),
    ('source = "main"', "[[dataset]]", "dataset[1]", "one of main, registry"),
    ('from = "lotes_*.csv"', "[[dataset]]", "dataset[1].from", "is missing"),
    ('batch = "Lote"', "[[dataset]]", "dataset[1]", '"batch" of batch is not mapped'),
    (
        'parameter = { constant = "viability" },',
        "[[dataset.each]]",
        "dataset[2].each[1]",
        '"parameter" of result is not mapped',
    ),
]


@pytest.mark.parametrize(("right", "place", "key", "said"), LEFT_OUT)
def test_what_is_missing_is_named_with_the_table_it_belongs_in(
    tmp_path, right, place, key, said
):
    assert right in ALPHA
    text = ALPHA.replace(right, "", 1)
    problems = check_network(write(tmp_path, alpha=text), KEY)
    found = [p for p in problems if p.key == key and said in p.message]
    assert [p.line for p in found] == [spot(text, place)], problems


def test_all_mistakes_of_all_files_come_at_once_and_the_error_carries_them(tmp_path):
    folder = write(
        tmp_path,
        NETWORK.replace("[network]", "[network]\nnmae = 1").replace("car_t", "cart"),
        alpha=ALPHA.replace("decimal", "decimla").replace('"Lote"', "5"),
        lab=LAB.replace("round =", "rond ="),
    )
    with pytest.raises(NetworkError) as caught:
        load_network(folder, {"KEY_ALPHA": "x"})
    assert isinstance(caught.value, ConfigError)
    problems = caught.value.problems
    assert list(problems) == check_network(folder, {"KEY_ALPHA": "x"})
    assert [(problem.file, problem.key) for problem in problems] == [
        ("network.toml", "network.nmae"),
        ("network.toml", "product[1].product_class"),
        ("sites/alpha.toml", "source.registry.token"),
        ("sites/alpha.toml", "style.decimla"),
        ("sites/alpha.toml", "dataset[1].columns.batch"),
        ("sites/lab.toml", "dataset[2]"),
        ("sites/lab.toml", "dataset[2].columns.rond"),
    ]
    assert str(caught.value).splitlines() == [str(problem) for problem in problems]
    assert str(problems[0]).startswith("network.toml:2: network.nmae: ")


def places(value: object, path: tuple[str | int, ...] = ()):
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


ODD = [3, 1.5, True, "", [], {}, [{}], [3], {"env": 3}]


@pytest.mark.parametrize("place", list(places(tomllib.loads(ALPHA))), ids=str)
def test_no_value_however_odd_ends_in_anything_but_mistakes(place):
    known = Known(("car-t-cd19",), {"alpha": "manufacturer", "lab": "both"})
    found = []
    for odd in ODD:
        data = tomllib.loads(ALPHA)
        table = data
        for part in place[:-1]:
            table = table[part]
        table[place[-1]] = odd
        resolver = Resolver(KEY)
        filled = resolver.fill_site(data)
        found += [*resolver.mistakes, *shape_mistakes(SiteFile, data)]
        found += [*plain_secrets("alpha", data), *site_mistakes(filled, known)]
    assert len(found) >= len(ODD) // 2


@pytest.mark.parametrize(
    "written",
    [
        'token = "0123456789abcdef"',
        'password = "hunter2hunter2"',
        'client_secret = "0123456789abcdef"',
        'api_key = "0123456789abcdef"',
        'headers = { X-Api-Key = "0123456789abcdef" }',
        'url = "https://me:0123456789abcdef@redcap.example.org/api/"',
        'url = "postgresql://db.example.org/qc?user=a&password=0123456789abcdef"',
    ],
)
def test_a_secret_written_in_a_file_is_refused_and_not_repeated(tmp_path, written):
    text = ALPHA.replace('token = { env = "TOKEN" }', written)
    text = text.replace('url = "https://redcap.example.org/api/"\n', "")
    problems = check_network(write(tmp_path, alpha=text), KEY)
    told = [p for p in problems if "must not stand in this file" in p.message]
    assert [problem.line for problem in told] == [spot(text, written)]
    assert '= { env = "POCNET_ALPHA_' in told[0].message
    assert "0123456789abcdef" not in "".join(map(str, problems))
    assert "hunter2hunter2" not in "".join(map(str, problems))


def test_a_privacy_key_in_plain_text_is_one_mistake_not_two(tmp_path):
    text = ALPHA.replace('{ env = "KEY_ALPHA" }', '"0123456789abcdef"')
    problems = check_network(write(tmp_path, alpha=text), KEY)
    assert [problem.key for problem in problems] == ["privacy.key"]
    assert "0123456789abcdef" not in str(problems[0])


def test_a_column_of_a_site_may_be_called_token(tmp_path):
    text = ALPHA.replace('"Lote"', '"token"').replace("EC =", "token =")
    assert check_network(write(tmp_path, alpha=text), KEY) == []


def test_text_that_is_no_toml_is_named_with_its_line(tmp_path):
    text = ALPHA.replace('name = "Alpha"', 'name = "Alpha')
    (problem,) = check_network(write(tmp_path, alpha=text, lab=LAB), KEY)
    assert (problem.file, problem.line) == ("sites/alpha.toml", 2)
    assert "not valid TOML" in problem.message


def test_a_file_that_is_not_utf_8_is_named_with_its_line(tmp_path):
    folder = write(tmp_path)
    (folder / "sites" / "alpha.toml").write_bytes(ALPHA.encode("latin-1"))
    (problem,) = check_network(folder, KEY)
    assert problem.line == spot(ALPHA, "Vía")
    assert "UTF-8" in problem.message


def test_a_file_with_a_byte_order_mark_is_read_like_any_other(tmp_path):
    write(tmp_path, alpha="\ufeff" + ALPHA)
    assert load_network(tmp_path, KEY).sites["alpha"].info.name == "Alpha"


def test_a_folder_without_a_network_says_how_to_get_one(tmp_path):
    (problem,) = check_network(tmp_path, {})
    assert problem.file == "network.toml"
    assert "pocnet init" in problem.message


def test_a_product_that_is_listed_twice_is_refused(tmp_path):
    twice = NETWORK + NETWORK[NETWORK.index("[[product]]") :]
    (problem,) = check_network(write(tmp_path, twice), KEY)
    assert (problem.key, problem.line) == ("product[2].product", 10)


def test_a_mistake_in_a_list_is_named_by_its_key_not_by_its_place(tmp_path):
    wrong = NETWORK + '\n[disclosure.public]\ngroups = ["batch"]\n'
    (problem,) = check_network(write(tmp_path, network=wrong), KEY)
    assert problem.key == "disclosure.public.groups[1]"
    assert problem.message.startswith("\"groups\" must be 'batches'")
    assert problem.message.endswith('Did you mean "batches"?')


def test_no_product_may_be_called_all(tmp_path):
    extra = '[[product]]\nproduct = "all"\ntitle = "All"\nproduct_class = "other"\n'
    (problem,) = check_network(write(tmp_path, NETWORK + extra), KEY)
    assert "stands for every product" in problem.message


def test_a_network_file_of_odd_values_ends_in_mistakes_only(tmp_path):
    text = "network = 3\nproduct = [3, {}, {product = []}, {}]\ndisclosure = []\n"
    problems = check_network(write(tmp_path, text), KEY)
    keys = {problem.key for problem in problems if problem.file == "network.toml"}
    assert {"network", "product[1]", "product[2].product", "disclosure"} <= keys


def test_a_file_whose_name_is_no_slug_is_refused(tmp_path):
    problems = check_network(write(tmp_path, Unit_B=ALPHA), KEY)
    assert [problem.file for problem in problems] == ["sites/Unit_B.toml"]
    assert "slug" in problems[0].message


def test_an_entry_that_is_repeated_word_for_word_is_refused(tmp_path):
    entry = ALPHA[
        ALPHA.index('[[dataset]]\nname = "batch"') : ALPHA.rindex("[[dataset]]")
    ]
    problems = check_network(write(tmp_path, alpha=ALPHA + entry), KEY)
    assert [problem.key for problem in problems] == ["dataset[3]"]
    assert "read twice" in problems[0].message


def test_a_dataset_may_come_from_several_places(tmp_path):
    entry = ALPHA[
        ALPHA.index('[[dataset]]\nname = "batch"') : ALPHA.rindex("[[dataset]]")
    ]
    second = entry.replace("lotes_", "batches_")
    network = load_network(write(tmp_path, alpha=ALPHA + second), KEY)
    names = [rules.name for rules in network.sites["alpha"].datasets]
    assert names == ["batch", "result", "batch"]


def test_a_laboratory_has_to_say_whose_results_it_sends(tmp_path):
    text = LAB.replace('site = { column = "client"', 'text = { column = "client"')
    problems = check_network(write(tmp_path, lab=text), KEY)
    assert '"site" of result is not mapped' in problems[0].message


def test_results_may_not_be_given_to_a_site_that_does_not_exist(tmp_path):
    problems = check_network(write(tmp_path, lab=LAB.replace('"alpha"', '"alfa"')), KEY)
    assert [problem.key for problem in problems] == [
        "dataset[1].columns.site.codes.Unit A"
    ]
    assert 'mean "alpha"' in problems[0].message


def test_declared_counts_name_a_dataset_of_the_contract(tmp_path):
    declared = """
[[dataset]]
name = "declared"
source = "main"
from = "declared.csv"
columns = { dataset = { constant = "batches" }, period = "month", expected_rows = "n" }
"""
    (problem,) = check_network(write(tmp_path, alpha=ALPHA + declared), KEY)
    assert 'mean "batch"' in problem.message
    right = ALPHA + declared.replace("batches", "batch")
    assert check_network(write(tmp_path, alpha=right), KEY) == []
