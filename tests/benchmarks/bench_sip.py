"""How fast SIPs are read and checked, against lxml parsing alone.

usage: bench_sip.py [--rounds 7] [--documents 300]

Reading means everything: safe parsing, schema, all rules of content and the values. lxml's
parsing of the same bytes to a tree, which every reader has to pay, is the limit; xmlschema on
the same tree, schema alone, is the peer. One thread, one process, the example documents and
one with a history of 200 steps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files

import xmlschema
from lxml import etree

from awlta import schemas
from awlta.archive.sip import Identifier, ProcessInput, RelatedProduct, Sip, read_sip, write_sip
from awlta.archive.sip_parse import parse

SCHEMA = xmlschema.XMLSchema(schemas.SIP_SCHEMA.read_text())


def rate(work: Callable[[], object], n_documents: int) -> float:
    """Return documents per second."""
    begin = time.perf_counter()
    for _ in range(n_documents):
        work()
    return n_documents / (time.perf_counter() - begin)


def with_history(sip: Sip, n_steps: int) -> Sip:
    """Return the SIP with a chain of processes in place of its history."""
    steps = [Identifier("step", str(n)) for n in range(n_steps)]
    runs = tuple(
        replace(sip.processes[0], identifier=Identifier("run", str(n)), inputs=(ProcessInput(s),))
        for n, s in enumerate(steps)
    )
    related = [
        RelatedProduct(step, process=run.identifier)
        for step, run in zip(steps, runs[1:], strict=False)
    ]
    related.append(RelatedProduct(steps[-1]))
    product = replace(sip.product, process=runs[0].identifier)
    return replace(sip, product=product, processes=runs, related_products=tuple(related))


def documents() -> dict[str, bytes]:
    """Return the documents that are measured, by name."""
    folder = files("awlta.schemas")
    named = {name[8:-4]: folder.joinpath(name).read_bytes() for name in schemas.EXAMPLES}
    named["history_200"] = write_sip(with_history(read_sip(named["pipeline"]), 200))
    return named


def one_round(document: bytes, n: int) -> dict[str, float]:
    """Time all ways once, in turn, so that all see the same machine."""
    sip, tree = read_sip(document), parse(document)
    return {
        "parse alone": rate(lambda: etree.fromstring(document), n),
        "read": rate(lambda: read_sip(document), n),
        "write": rate(lambda: write_sip(sip), max(1, n // 4)),
        "xmlschema": rate(lambda: list(SCHEMA.iter_errors(tree)), max(1, n // 30)),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--documents", type=int, default=300, help="documents a round")
    options = parser.parse_args()
    print(f"Documents a second, one thread, medians of {options.rounds}")
    print(f"{'':14}{'bytes':>8}{'parse alone':>13}{'read':>9}{'write':>9}{'xmlschema':>11}"
          f"{'read/parse':>12}")  # fmt: skip
    records = []
    for name, document in documents().items():
        n = max(1, options.documents * 4000 // max(4000, len(document)))
        runs = [one_round(document, n) for _ in range(options.rounds)]
        rates = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        share = rates["read"] / rates["parse alone"]
        print(
            f"{name:14}{len(document):8}{rates['parse alone']:13.0f}{rates['read']:9.0f}"
            f"{rates['write']:9.0f}{rates['xmlschema']:11.0f}{share:12.3f}"
        )
        records.append(
            {
                "figure": f"sip_read_{name}",
                "value": round(rates["read"], 1),
                "unit": "documents/s",
                "peer": "xmlschema iter_errors on the parsed tree, schema alone",
                "peer_value": round(rates["xmlschema"], 1),
                "ratio": round(rates["read"] / rates["xmlschema"], 2),
                "limit": "lxml parse alone",
                "limit_value": round(rates["parse alone"], 1),
                "limit_share": round(share, 3),
            }
        )
    for record in records:
        print(json.dumps(record))


if __name__ == "__main__":
    main()
