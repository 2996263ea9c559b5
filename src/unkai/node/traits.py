"""What a host can do, in the names of os-traits (placement's required and forbidden traits)."""

from collections.abc import Iterable

import os_traits

__all__ = ["CPU_FLAGS", "DRIVER", "cpu_traits"]

# Names of CPU features in libvirt's cpu_map -> traits. PLC-004
CPU_FLAGS: dict[str, str] = {
    "3dnow": "3DNOW",
    "abm": "ABM",
    "aes": "AESNI",
    "amd-no-ssb": "AMD_NO_SSB",
    "amd-ssbd": "AMD_SSBD",
    "amx-bf16": "AMXBF16",
    "amx-int8": "AMXINT8",
    "amx-tile": "AMXTILE",
    "avx": "AVX",
    "avx2": "AVX2",
    "avx512-vpopcntdq": "AVX512VPOPCNTDQ",
    "avx512bitalg": "AVX512BITALG",
    "avx512bw": "AVX512BW",
    "avx512cd": "AVX512CD",
    "avx512dq": "AVX512DQ",
    "avx512er": "AVX512ER",
    "avx512f": "AVX512F",
    "avx512ifma": "AVX512IFMA",
    "avx512pf": "AVX512PF",
    "avx512vbmi": "AVX512VBMI",
    "avx512vbmi2": "AVX512VBMI2",
    "avx512vl": "AVX512VL",
    "avx512vnni": "AVX512VNNI",
    "bmi1": "BMI",
    "bmi2": "BMI2",
    "f16c": "F16C",
    "fma": "FMA3",
    "fma4": "FMA4",
    "gfni": "AVX512GFNI",
    "ibpb": "AMD_IBPB",
    "md-clear": "INTEL_MD_CLEAR",
    "mmx": "MMX",
    "mpx": "MPX",
    "pcid": "INTEL_PCID",
    "pclmuldq": "CLMUL",
    "pclmulqdq": "CLMUL",
    "pdpe1gb": "PDPE1GB",
    "pni": "SSE3",
    "rtm": "TSX",
    "sha-ni": "SHA",
    "spec-ctrl": "INTEL_SPEC_CTRL",
    "ssbd": "INTEL_SSBD",
    "sse": "SSE",
    "sse2": "SSE2",
    "sse3": "SSE3",
    "sse4.1": "SSE41",
    "sse4.2": "SSE42",
    "sse4a": "SSE4A",
    "ssse3": "SSSE3",
    "stibp": "STIBP",
    "svm": "SVM",
    "tbm": "TBM",
    "vaes": "AVX512VAES",
    "virt-ssbd": "AMD_VIRT_SSBD",
    "vmx": "VMX",
    "vpclmulqdq": "AVX512VPCLMULQDQ",
    "xop": "XOP",
}

# What every driver of ours does, whatever the machine. PLC-006
DRIVER = frozenset(
    {
        os_traits.COMPUTE_NODE,
        os_traits.COMPUTE_IMAGE_TYPE_AKI,
        os_traits.COMPUTE_IMAGE_TYPE_AMI,
        os_traits.COMPUTE_IMAGE_TYPE_ARI,
        os_traits.COMPUTE_IMAGE_TYPE_ISO,
        os_traits.COMPUTE_IMAGE_TYPE_QCOW2,
        os_traits.COMPUTE_IMAGE_TYPE_RAW,
    }
)


def cpu_traits(flags: Iterable[str]) -> set[str]:
    """The traits of a CPU with these features, by libvirt's names or /proc/cpuinfo's. Unknown ones have no trait."""
    known = set(os_traits.get_traits("HW_CPU_X86_"))
    names = {CPU_FLAGS[flag.replace("_", ".") if flag.startswith("sse4_") else flag] for flag in _known(flags)}
    return {f"HW_CPU_X86_{name}" for name in names} & known


def _known(flags: Iterable[str]) -> list[str]:
    return [flag for flag in flags if (flag.replace("_", ".") if flag.startswith("sse4_") else flag) in CPU_FLAGS]
