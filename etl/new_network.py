"""The network folder that `pocnet init` writes: two files that explain themselves."""

import json
from pathlib import Path
from typing import Final

from connectors import ConfigError, kinds
from etl.contract.vocabulary import VOCABULARIES
from etl.network import NETWORK_FILE, SITES_FOLDER
from etl.roles import ROLES

NETWORK: Final = """\
# A network of sites that make cell therapies: what they agreed, and what they make.
# Each site has a file of its own in sites/. `pocnet config check` reads all of them.

[network]
name = {name}
# today = 2026-11-16         # only for made-up networks: the day it is there

[reporting]
period = "month"             # how often sites report
days = 14                    # agreed reporting days after the period's end
completeness = 0.8           # a site below this share is not compared

# What readers see of small counts: those under `threshold` are suppressed (zero is
# shown), the others rounded to a multiple of `rounding`. lead, authority and site see
# everything unless they have a table here too.
# [disclosure]
# dominance = 0.75           # the most that one site may have of what a pool is told

[disclosure.public]
threshold = 5
rounding = 5
# groups = ["batches"]       # shown of others: batches, capacity, deviations, criteria
# since = "2025-01"          # the first month that is shown of others

# How a site is shown its peers one by one, unnamed; without this table, by z.
# [blinding]
# way = "z"                  # pool: not one by one; bands: with a band of volume
# bands = 2                  # in how many bands of volume, if in any

# Until when each site signs what others see of it; without this table nobody has to.
# [sign_off]
# deadline_days = 28         # after a month's end
# effect = "mark"            # publish: nothing; mark: say so; withhold: show no other

# After a pull that finds something new to look at, an e-mail with this link and no
# data. Without this table there is none.
# [signals]
# host = "smtp.example.org"
# port = 587                 # 465: encrypted from the start
# sender = "pocnet@example.org"
# recipients = ["quality@example.org"]
# link = "https://pocnet.example.org/"
# user = {{ env = "POCNET_SIGNALS_USER" }}         # both, or neither
# password = {{ env = "POCNET_SIGNALS_PASSWORD" }}

# Rules between datasets of which one broken row is no failure yet; one table for each.
# A change holds at once, without another pull.
# [[check]]
# rule = "result_without_batch"
# threshold = 0.02           # the share of rows that may break it

# Where what the sites sent is kept, if not in data/archive: another folder, or a bucket
# that speaks S3, whose versions are best switched off.
# [archive]
# address = "s3://pocnet/archive"
# endpoint = "https://s3.example.org"              # without it, Amazon's
# region = "us-east-1"
# ca_file = "store-authority.pem"                  # of a store with its own authority
# access_key = {{ env = "POCNET_ARCHIVE_ACCESS_KEY" }}
# secret_key = {{ env = "POCNET_ARCHIVE_SECRET_KEY" }}

# Without this table only this machine looks, and whoever is there chooses as whom.
# [sign_in]
# address = "https://pocnet.example.org"
# idle_minutes = 30
# hours = 12
# public = false             # true: strangers see what the public may see
# [sign_in.provider]         # OpenID Connect, besides `pocnet user add`
# issuer = "https://login.example.org"
# client_id = "pocnet"
# client_secret = {{ env = "POCNET_PROVIDER_SECRET" }}
# title = "Sign in with your institution"
# scope = "openid profile email"
# groups = "groups"          # the claim that lists them
# [[sign_in.provider.group]]
# group = "pocnet-leads"
# role = "lead"              # {roles}
# region = "ES-CT"           # an authority's; site = "…", a site's

# The trail of who did what; its key is made in data/audit.key unless it is named.
# [audit]
# key = {{ env = "POCNET_AUDIT_KEY" }}
# checkpoints = "/mnt/elsewhere/pocnet-checkpoints"

# One table for each product. `product` is the slug that sites map to.
[[product]]
product = "car-t-cd19"
title = "CD19 CAR-T cells"
product_class = "car_t"      # {product_class}
source = "autologous"        # {product_source}
tissue = "apheresis"         # {tissue}
format = "cryopreserved"     # {format}
gene_transfer = "lentiviral" # {gene_transfer}
indication = "B-cell acute lymphoblastic leukaemia"
"""

SITE: Final = """\
# One site. The name of this file is its slug; copy the file to add a site.

[site]
name = "Example site"
country = "ES"               # ISO 3166-1
region = "ES-CT"             # NUTS 2 or ISO 3166-2; what an authority sees by name
latitude = 41.39
longitude = 2.15
kind = "manufacturer"        # {site_kind}
stage = "active"             # {site_stage}
joined = 2026-01-01
nominal_capacity = 120       # products a year the site is built for
laboratories = []            # testing laboratories (slugs) that may send its results

# Where its data are: one table for each system, under the site's own name for it.
# kind is one of {kinds}. Paths start from this file's folder.
# A secret is never written here: token = {{ env = "NAME" }} takes it from the
# environment variable NAME, or from the file that NAME_FILE names.
[source.main]
kind = "files"
folder = "../drops/example-site"

# How the site writes. A single column may differ (see below).
[style]
decimal = ","                # or "."
dates = "dmy"                # iso, dmy, mdy, ymd, or excel (day numbers)
time_zone = "Europe/Madrid"  # for moments written without one
language = "es"

# Batch and order numbers leave the site only as pseudonyms made with this key.
[privacy]
key = {{ env = "{variable}" }}
key_id = "k1"                # change it whenever the key changes
coarsen = "day"              # week: the network gets the Monday of each date
# free_text = true           # texts of more than twelve words may leave
# [[privacy.former]]         # a key before this one: what it was sent under stays so
# key = {{ env = "POCNET_FORMER_KEY" }}
# key_id = "k0"

# A site that lets nobody in sends for itself, with `pocnet agent` at the site.
# [agent]
# public_key = "…"           # `pocnet keys FILE` makes it; the hub needs this line only
# signing_key = {{ env = "POCNET_SIGNING_KEY" }}   # POCNET_SIGNING_KEY_FILE=FILE
# send = "https://hub.example.org"               # or sftp://…, or a folder
# host_key = "SHA256:…"      # sftp: of the hub's key
# login_key = {{ env = "POCNET_LOGIN_KEY" }}       # sftp: of the account there
# share = "batches"          # aggregates: counts by stratum leave, and no batch

# What is read: one table for each dataset, as many as needed. A name may repeat, when
# the data are in several places. `columns` says: contract column = column at the site.
# A column that is not named here is never read into the network.
[[dataset]]
name = "batch"
source = "main"              # not needed while there is only one source
from = "lotes_*.csv"         # for a workbook: "lotes.xlsx#Sheet"
read = {{ delimiter = ";", encoding = "utf-8" }}
[dataset.columns]
batch = "Nº de lote"
product = {{ constant = "car-t-cd19" }}
started = "Inicio"
harvested = "Cosecha"
infused = {{ column = "Infusión", dates = "iso" }}
cells_final = {{ column = "Células", decimal = "." }}
# doses_made = {{ column = "Dosis (miles)", power = 3 }}   # 2,5 means 2500
# codes: the site's word = the contract's word; "" means that nothing was said.
[dataset.columns.pathway]
column = "Vía"
codes = {{ EC = "clinical_trial", EH = "hospital_exemption" }}

# A wide table, one column for each test: each [[dataset.each]] makes one contract row
# of a record, where the source column `when` holds something.
[[dataset]]
name = "result"
source = "main"
from = "qc_*.csv"
[dataset.columns]
batch = "Lote"
sampled = "Fecha"
stage = {{ constant = "final_product" }}
[[dataset.each]]
when = "Viab (%)"
[dataset.each.columns]
parameter = {{ constant = "viability" }}
population = {{ constant = "cd45_cd3" }}
unit = {{ constant = "%" }}
value = "Viab (%)"
[[dataset.each]]
when = "CAR+"
[dataset.each.columns]
parameter = {{ constant = "car_positive" }}
population = {{ constant = "cd3" }}
unit = {{ constant = "%" }}
value = {{ column = "CAR+", fraction = true }}   # 0,97 means 97 %
"""
KEY_VARIABLE: Final = "POCNET_KEY_EXAMPLE_SITE"


def write_network(folder: Path, name: str) -> tuple[Path, ...]:
    """The files of a new network folder, written and ready to be changed.

    They pass `check_network` as they are once the variable KEY_VARIABLE is set. What is
    already there is never overwritten: ConfigError, and nothing is written.
    """
    words = {key: ", ".join(words) for key, words in VOCABULARIES.items()}
    words["roles"] = ", ".join(ROLES)
    # A JSON text is a TOML text too.
    network = NETWORK.format(name=json.dumps(name, ensure_ascii=False), **words)
    site = SITE.format(kinds=", ".join(kinds()), variable=KEY_VARIABLE, **words)
    texts = {
        folder / NETWORK_FILE: network,
        folder / SITES_FOLDER / "example-site.toml": site,
    }
    for path in texts:
        if path.exists():
            raise ConfigError(
                f"{path} is already there and is left as it is. "
                "Choose another folder, or move it away first."
            )
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return tuple(texts)
