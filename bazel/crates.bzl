"""What //:tpa is made of."""

# Together with all crates below them.
TPA_TOP_CRATES = [
    "//libs/event",
    "//libs/timer",
]

TPA_VERSION = "0.1.0"
