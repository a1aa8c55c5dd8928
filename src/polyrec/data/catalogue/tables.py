"""Entries that are no event logs: label tables, graphs, search sessions; fetched and verified."""

from __future__ import annotations

from polyrec.data.catalogue.entry import Entry, File
from polyrec.data.catalogue.sets import OPEN_NE, PLANETOID

OTHERS = (
    Entry(
        name="census-kdd",
        title="Census-Income (KDD): two labels over one population survey",
        address="https://archive.ics.uci.edu/dataset/117/census+income+kdd",
        licence="CC BY 4.0, to be confirmed",
        folder="census",
        files=(
            File(
                "census-income.dev79762.csv",
                "81dbcb50cb486c8a4489cc976fcde9dd02b5ee1a8f1fa853dd44bcc00c480caa",
                41512530,
            ),
        ),
        note="development part of 79,762 rows; the full set has 199,523 + 99,762",
        log=False,
    ),
    Entry(
        name="ibm-hr",
        title="IBM HR attrition (fictional people)",
        address="https://www.kaggle.com/datasets/pavansubhasht/ibm-hr-analytics-attrition-dataset",
        licence="ODbL and DbCL, to be confirmed",
        folder="hr_ibm",
        files=(
            File(
                "data.csv",
                "a5c31e38bd7fafc9bc333884eb181b06b41b8e5e488e8f7ccb27199fb3be7659",
                227977,
            ),
        ),
        note="1,470 rows, 35 columns, 237 leavers; starts with a byte-order mark",
        log=False,
    ),
    Entry(
        name="blogcatalog",
        title="BlogCatalog friendships with interests as labels",
        address=OPEN_NE,
        licence="MIT (the copy)",
        folder="graphs/blogCatalog",
        files=(
            File(
                "bc_adjlist.txt",
                "fe14302346c100862ef151c7e37f6d4aec3d0287f74a6a3a620933578443f811",
                3313581,
            ),
            File(
                "bc_labels.txt",
                "ed974a3f85c6c097c69516fff6f672141db4db696f797f136097c40c6eb41c1f",
                87635,
            ),
        ),
        note="10,312 nodes, 333,983 edges, 39 labels",
        redistributable=True,
        log=False,
    ),
    Entry(
        name="wiki",
        title="Wikipedia pages, links and categories",
        address=OPEN_NE,
        licence="MIT (the copy)",
        folder="graphs/wiki",
        files=(
            File(
                "Wiki_edgelist.txt",
                "72fccd28e5a927a752b6fbf38c971884b0a783dd124c5e8e2c9e27ac7bdd84f5",
                162007,
            ),
            File(
                "Wiki_category.txt",
                "600541ba4563097b1e1796b6b0ffa110f17a0e71b1ac7e5c66dc11c512077774",
                16625,
            ),
            File(
                "wiki_labels.txt",
                "600541ba4563097b1e1796b6b0ffa110f17a0e71b1ac7e5c66dc11c512077774",
                16625,
            ),
        ),
        note="2,405 nodes, 17,981 edges, 17 labels (its own description says 19)",
        redistributable=True,
        log=False,
    ),
    Entry(
        name="cora-edges",
        title="Cora citations as an edge list",
        address=OPEN_NE,
        licence="MIT (the copy)",
        folder="graphs/cora",
        files=(
            File(
                "cora_edgelist.txt",
                "bdab43591bf44e2870280e36bd0f215f04cfcf019c08347d90da4a7a4f5c5775",
                48838,
            ),
            File(
                "cora_labels.txt",
                "f6b5e9a0306dde91f56ce5bfa413b9d7afc7756590a8230f9e5a37ba2581299e",
                17846,
            ),
        ),
        note="2,708 nodes, 5,429 edges, 7 labels",
        redistributable=True,
        log=False,
    ),
    Entry(
        name="karate",
        title="Zachary's karate club",
        address=OPEN_NE,
        licence="MIT (the copy)",
        folder="graphs/karate",
        files=(
            File(
                "karate.edgelist",
                "bcd34897c6728e06902b792a1c5057416a78fcabdab2b28ae7e7668a0e834996",
                405,
            ),
        ),
        note="78 edges",
        redistributable=True,
        log=False,
    ),
    Entry(
        name="planetoid-cora",
        title="Cora with word features and the standard split, as arrays",
        address=PLANETOID,
        licence="MIT (the copy)",
        folder="planetoid",
        files=(
            File(
                "cora.npz",
                "c3ff89bcc606280d974e9b86f1fbd30ce5aed29376b391d8f4fb3e45e9741e0a",
                102369,
            ),
        ),
        note="2,708 x 1,433, 5,278 edges, 140/500/1,000",
        redistributable=True,
        log=False,
    ),
    Entry(
        name="planetoid-citeseer",
        title="Citeseer with word features and the standard split, as arrays",
        address=PLANETOID,
        licence="MIT (the copy)",
        folder="planetoid",
        files=(
            File(
                "citeseer.npz",
                "c2e531338f7d1ad84e666edfbe36a51ae36b2a55c2111566a93531a40c144146",
                203824,
            ),
        ),
        note="3,327 x 3,703, 4,552 edges (124 self loops removed), 120/500/1,000",
        redistributable=True,
        log=False,
    ),
    Entry(
        name="yandex-clicks",
        title="Search sessions with clicks by rank (sample of PyClick)",
        address="https://github.com/markovi/PyClick",
        licence="GPL-3 code; data anonymised",
        folder="yandex_clicks",
        files=(
            File(
                "trainSample",
                "575c1c2de6d00e82df0d5a3010fb8ff68c28e1ecd8f3953de8f14de70d0fe72f",
                3009124,
            ),
        ),
        note="35,064 sessions of 10 results, 20 queries, 995 documents; position bias only",
        log=False,
    ),
)
