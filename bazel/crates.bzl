"""What //:tpa is made of."""

TPA_TOP_CRATES = [
    # The API, and with it all crates below.
    "//libs/api",
    # The drivers of every port. Here and not in the crate, so that its own tests link without them.
    "@dpdk",
]

TPA_VERSION = "0.1.0"
