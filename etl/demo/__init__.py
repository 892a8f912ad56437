"""A made-up network with planted truths: nobody needs real data to try pocnet.

`generate` draws every dataset of the contract for a set of invented sites;
`write_network` puts them into the sites' own kinds of system, with the mappings that
read them back; `truths` says what was planted and how surely it can be seen.
"""

from etl.demo.truth import truths
from etl.demo.world import Part, Plan, World, generate
from etl.demo.writing import demo_environ, standin_sites, write_network

__all__ = [
    "Part",
    "Plan",
    "World",
    "demo_environ",
    "generate",
    "standin_sites",
    "truths",
    "write_network",
]
