"""Which archives of DPDK 22.11 are linked, by name. The installed libtpa.pc names the same."""

# Linked whole too: their constructors register tail queues, log types and telemetry commands.
CORE = [
    "ethdev",
    "meter",
    "net",
    "mbuf",
    "mempool",
    "ring",
    "eal",
    "telemetry",
    "kvargs",
]

SYSTEM_LIBRARIES = [
    "-lbsd",
    "-lnuma",
    "-lm",
    "-ldl",
    "-lpthread",
]

MIN_DRIVERS = [
    "bus_vdev",
    "mempool_ring",
    "net_null",
    "net_ring",
]

# The network devices that our users have. Left out on purpose:
# - net_pcap: libpcap brings D-Bus, systemd, gcrypt and four compressors into every program.
#   Captures are made by our own middleware.
# - net_failsafe, net_vdev_netvsc: net_netvsc drives Azure's VF and its synthetic path itself.
# - drivers for NPUs and NICs of which we know no user (dpaa, cnxk, sfc, nfp, qede, ...): each one
#   is a name in this list away.
DRIVERS = [
    # Buses.
    "bus_auxiliary",
    "bus_pci",
    "bus_vmbus",
    # Pools.
    "mempool_stack",
    # Virtual: packet sockets, AF_XDP, TAP, shared memory, virtio, vhost, bonds of ports.
    "net_af_packet",
    "net_af_xdp",
    "net_bond",
    "net_memif",
    "net_tap",
    "net_vhost",
    "net_virtio",
    # Hypervisors and clouds: VMware, Hyper-V and Azure, AWS, Google.
    "net_ena",
    "net_gve",
    "net_netvsc",
    "net_vmxnet3",
    # NICs: Intel, Broadcom, NVIDIA.
    "common_iavf",
    "net_e1000",
    "net_i40e",
    "net_iavf",
    "net_ice",
    "net_igc",
    "net_ixgbe",
    "net_bnxt",
    "common_mlx5",
    "net_mlx4",
    "net_mlx5",
]

# Libraries the drivers call; the linker takes from them what it needs.
DRIVER_HELPERS = [
    "vhost",
    "cryptodev",
    "dmadev",
    "gso",
    "hash",
    "pci",
    "rcu",
    "security",
    "stack",
    "timer",
]

# mlx4 and mlx5 work through the kernel's verbs, AF_XDP through libxdp and libbpf. They are shared
# libraries: all that a program linked with DRIVERS has on top of the C library, libnuma and libbsd.
DRIVER_SYSTEM_LIBRARIES = [
    "-lmlx5",
    "-lmlx4",
    "-libverbs",
    "-lxdp",
    "-lbpf",
]

def _archive(name):
    return "-l:librte_%s.a" % name

def whole(names):
    """Linker options that take each of these archives with all its objects."""
    return ["-Wl,--whole-archive"] + [_archive(name) for name in names] + ["-Wl,--no-whole-archive"]

def archives(names):
    """Linker options that take from these archives what is referred to, in any order."""
    return ["-Wl,--start-group"] + [_archive(name) for name in names] + ["-Wl,--end-group"]
