"""The entries. A count or hash of 0 or "" is open: it was not verified on a copy at hand.

Official addresses are to be opened once before a release; direct addresses of files are given
only where the publisher offers the very file that is read.
"""

from __future__ import annotations

from polyrec.data.catalogue.entry import Entry, File
from polyrec.data.readers.options import ReadOptions

AMAZON = "https://jmcauley.ucsd.edu/data/amazon"
AMAZON_TERMS = "none stated; cite He & McAuley 2016, McAuley et al. 2015"
LENS = "https://grouplens.org/datasets/movielens"
LENS_TERMS = "GroupLens: research, acknowledgement, no redistribution"
LENS_FILES = "https://files.grouplens.org/datasets/movielens"
OPEN_NE = "https://github.com/thunlp/OpenNE"
PLANETOID = "https://github.com/kimiyoung/planetoid"
LIGHTGCN = "https://github.com/kuandeng/LightGCN"
NOT_A_LOG = "read by the rooms of its family, not as an event log"

LOGS = (
    Entry(
        name="ml-100k",
        title="MovieLens 100K with features and links to a knowledge graph, RecBole atomic files",
        address=LENS,
        licence=LENS_TERMS,
        folder="ml-100k",
        main="ml-100k.inter",
        files=(
            File(
                "ml-100k.inter",
                "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
                1979230,
            ),
            File(
                "ml-100k.item",
                "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
                66632,
            ),
            File(
                "ml-100k.user",
                "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
                22697,
            ),
            File(
                "ml-100k.kg",
                "200a0636fa07c218119a42e5bac7aa3e26e3665a6f919c1b22909bd412b14779",
                3515608,
            ),
            File(
                "ml-100k.link",
                "524dca2c3d62619688ab99b3ec53ea2acb9b64d38eafec3e02bdd0dc6bb7d948",
                21507,
            ),
        ),
        actors=943,
        targets=1682,
        events=100_000,
        note="91,631 triples, 1,598 links",
    ),
    Entry(
        name="ml-1m",
        title="MovieLens 1M",
        address=LENS,
        licence=LENS_TERMS,
        files=(File("ratings.dat"), File("users.dat"), File("movies.dat")),
        actors=6040,
        targets=3706,
        events=1_000_209,
        note="unpack ml-1m.zip into the folder; counts from the literature",
    ),
    Entry(
        name="ml-20m",
        title="MovieLens 20M",
        address=LENS,
        licence=LENS_TERMS,
        files=(File("ratings.csv"), File("movies.csv")),
        actors=138_493,
        targets=26_744,
        events=20_000_263,
        note="unpack ml-20m.zip into the folder; counts from the literature",
    ),
    Entry(
        name="beauty-seq",
        title="Amazon Beauty 5-core as sequence lists (S3-Rec, ICLRec)",
        address=AMAZON,
        licence=AMAZON_TERMS,
        folder="amazon_seq",
        main="Beauty.txt",
        files=(
            File(
                "Beauty.txt",
                "226cce9c3105299ca0db9615d7d3fb32b3175e90da43100ae352599f0f0107b8",
                1090094,
            ),
        ),
        options=ReadOptions(reader="sequences"),
        actors=22_363,
        targets=12_101,
        events=198_502,
        split="leave-one-out",
        note="inside one day the raw file is in catalogue order: 43.5% of users have their "
        "validation and test item on the same day, so absolute numbers are inflated",
    ),
    Entry(
        name="sports-seq",
        title="Amazon Sports and Outdoors 5-core as sequence lists (S3-Rec, ICLRec)",
        address=AMAZON,
        licence=AMAZON_TERMS,
        folder="amazon_seq",
        main="Sports_and_Outdoors.txt",
        files=(
            File(
                "Sports_and_Outdoors.txt",
                "2a095e0648872beb9982408958290f5d655db5be2911c3756b5446de9f0b8de2",
                1707483,
            ),
        ),
        options=ReadOptions(reader="sequences"),
        actors=35_598,
        targets=18_357,
        events=296_337,
        split="leave-one-out",
        note="order inside one day as for beauty-seq",
    ),
    Entry(
        name="books-2014-5core",
        title="Amazon Books reviews, 5-core, 2014 edition: the log of ComiRec's Books",
        address=AMAZON,
        licence=AMAZON_TERMS,
        main="reviews_Books_5.json",
        files=(
            File(
                "reviews_Books_5.json",
                url="http://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
                "reviews_Books_5.json.gz",
            ),
        ),
        options=ReadOptions(reader="reviews"),
        actors=603_668,
        targets=367_982,
        events=8_898_041,
        split="by-user",
        edition="the 2023 edition of the Books log is another data set",
        note="counts after --min-count 5,5",
    ),
    Entry(
        name="taobao-behavior",
        title="Taobao user behaviour: the log of ComiRec's Taobao",
        address="https://tianchi.aliyun.com/dataset/649",
        licence="Tianchi terms: registration, research",
        main="UserBehavior.csv",
        files=(File("UserBehavior.csv"),),
        options=ReadOptions(reader="taobao"),
        actors=976_779,
        targets=1_708_530,
        events=85_384_110,
        split="by-user",
        note="counts after --kinds pv --min-count 5,5",
    ),
    Entry(
        name="gowalla-lightgcn",
        title="Gowalla check-ins, the split of NGCF and LightGCN",
        address="https://snap.stanford.edu/data/loc-gowalla.html",
        licence="SNAP: cite; the split's authors state none",
        folder="gowalla",
        files=(
            File(
                "train.txt",
                "0f086326b28a56c2e6dcb81d86ee72d4ccb7eed3a8d26788392356d8f51111cc",
                4633414,
            ),
            File(
                "test.txt",
                "099a2a73924e4b754dc6efd730d764f492321b53c38eb93298850c83acf57be3",
                1372559,
            ),
        ),
        options=ReadOptions(reader="lightgcn"),
        actors=29_858,
        targets=40_981,
        events=1_027_370,
        split="given",
        note="no times and no validation part: cut one from train",
    ),
    Entry(
        name="yelp2018-lightgcn",
        title="Yelp 2018, the split of LightGCN",
        address=LIGHTGCN,
        licence="Yelp data set terms: no redistribution",
        files=(File("train.txt"), File("test.txt")),
        options=ReadOptions(reader="lightgcn"),
        actors=31_668,
        targets=38_048,
        events=1_561_406,
        split="given",
        note="counts from the literature",
    ),
    Entry(
        name="amazon-book-lightgcn",
        title="Amazon Book, the split of LightGCN",
        address=LIGHTGCN,
        licence=AMAZON_TERMS,
        files=(File("train.txt"), File("test.txt")),
        options=ReadOptions(reader="lightgcn"),
        actors=52_643,
        targets=91_599,
        events=2_984_108,
        split="given",
        note="counts from the literature",
    ),
    Entry(
        name="lastfm-social",
        title="Last.fm listening counts with trust edges (HetRec 2011), split of LightGCN-PyTorch: "
        "train 1,878 / 4,476 / 42,135",
        address="https://grouplens.org/datasets/hetrec-2011",
        licence="non-commercial, cite HetRec 2011",
        folder="lastfm",
        main="data1.txt",
        files=(
            File(
                "data1.txt",
                "c82af3228cbbda2f55a39244de09ed93292894f1d0d9f1908ebb57e27598fded",
                579727,
            ),
            File(
                "test1.txt",
                "de4417c0e6123284ce59a0934bcf5288ec1ec8774a18a1eef453c9952dfa48f9",
                144867,
            ),
            File(
                "trustnetwork.txt",
                "5b5bd7cbe4d22f3cd333dbfc7ec4b995cb2bdb28d95b0e9c5fc5607079f7b69e",
                249214,
            ),
        ),
        options=ReadOptions(
            reader="delimited",
            header=False,
            columns=("user", "item", "weight"),
            weight="weight",
            test="test1.txt",
        ),
        actors=1_880,
        targets=4_489,
        events=52_668,
        split="given",
        note="train 42,135 events (1,878 users, 4,476 items), test 10,533, 25,434 trust edges",
    ),
    Entry(
        name="jobviews",
        title="Job views with work experience and positions of interest",
        address="https://www.kaggle.com/datasets/kandij/job-recommendation-datasets",
        licence="none stated; pseudonymous: for tests only",
        folder="jobviews",
        main="Job_Views.csv",
        files=(
            File(
                "Job_Views.csv",
                "5b4dac198aa16c0af60ea5abe46a0ab208b3051178e7a59237ede2c6e30a86ae",
                3291093,
            ),
            File(
                "Experience.csv",
                "8a47bb7222f5b3b6c0d3fb502503ab107da1e51dad5217094b06469513f01c1a",
                2836104,
            ),
            File(
                "Positions_Of_Interest.csv",
                "7d393ded1cb3d38ac13938a0022e29c093263fcc2a1525436aab3b53e77b5f49",
                478462,
            ),
        ),
        options=ReadOptions(actor="Applicant.ID", target="Job.ID", time="View.Start"),
        actors=3448,
        targets=7047,
        events=12_370,
        note="8,920 distinct pairs",
    ),
)
