# What the guest builds share. Sourced, never run.
# shellcheck shell=bash

# Progress goes to stderr: the path of the result is what callers read.
say() { printf 'guests: %s\n' "$*" >&2; }
die() {
    printf 'guests: error: %s\n' "$*" >&2
    exit 1
}

# need PROGRAM=PACKAGE...: all that are missing in one message.
need() {
    local pair missing=()
    for pair; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} = 0 ] || die "programs are missing: apt-get install ${missing[*]}"
}

# candidates PACKAGE...: one NAME=VERSION a line, what apt would install now.
candidates() {
    local found
    found=$(apt-cache policy "$@" | awk '
        /^[^ ]/ { name = substr($1, 1, length($1) - 1) }
        $1 == "Candidate:" && $2 != "(none)" { print name "=" $2 }')
    [ "$(wc -l <<<"$found")" = $# ] ||
        die "apt does not know all of these packages (has apt-get update run?): $*"
    printf '%s\n' "$found"
}

# kernel_of META: the kernel package that a linux-image-* metapackage stands for.
kernel_of() { apt-cache depends "$1" | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }'; }

# fetch NAME=VERSION...: into $DEBS, each once; older versions of the same package go.
fetch() {
    local one version file missing=()
    for one; do
        # apt writes a version's epoch as 1%3a
        version=${one#*=}
        file=$DEBS/${one%%=*}_${version//:/%3a}
        [ -e "$file"_amd64.deb ] || [ -e "$file"_all.deb ] || {
            rm -f "$DEBS/${one%%=*}_"*
            missing+=("$one")
        }
    done
    [ ${#missing[@]} = 0 ] || (cd "$DEBS" && apt-get -q -o APT::Sandbox::User=root download "${missing[@]}" >/dev/null)
}

# unpack DIR NAME...: the files of fetched packages.
unpack() {
    local dir=$1 name
    shift
    mkdir -p "$dir"
    for name; do
        dpkg-deb -x "$DEBS/${name}_"*.deb "$dir"
    done
}

# file_system IMAGE MEGABYTES LABEL DIR [mke2fs option...]: an ext4 image with DIR's files.
file_system() {
    local image=$1 size=$2 label=$3 dir=$4
    shift 4
    rm -f "$image"
    truncate -s "${size}M" "$image"
    mke2fs -q -t ext4 -L "$label" -m 1 "$@" -d "$dir" "$image"
}

# disk RESULT KERNEL INITRD ROOT_IMAGE COMMAND_LINE BOOT_MEGABYTES: a bootable qcow2 with an MBR, a FAT partition with
# syslinux, kernel and initial RAM disk, and the root file system as the last partition, so that it can grow. Written
# into plain files at offsets: no loop device.
disk() {
    local result=$1 kernel=$2 initrd=$3 root=$4 command_line=$5 boot_size=$6
    local raw=$result.raw boot=$result.boot root_size
    root_size=$(($(stat -c %s "$root") / 1048576))
    rm -f "$raw" "$boot"
    truncate -s "${boot_size}M" "$boot"
    mkfs.fat -F 16 -n BOOT "$boot" >/dev/null
    printf 'DEFAULT guest\nPROMPT 0\nTIMEOUT 0\nLABEL guest\n LINUX /vmlinuz\n INITRD /initrd\n APPEND %s\n' \
        "$command_line" >"$result.cfg"
    mcopy -i "$boot" "$kernel" ::/vmlinuz
    mcopy -i "$boot" "$initrd" ::/initrd
    mcopy -i "$boot" "$result.cfg" ::/syslinux.cfg
    syslinux --install "$boot"

    truncate -s "$((1 + boot_size + root_size))M" "$raw"
    printf 'label: dos\nstart=2048, size=%d, type=e, bootable\nstart=%d, type=83\n' \
        $((boot_size * 2048)) $(((1 + boot_size) * 2048)) | sfdisk -q "$raw"
    dd if=/usr/lib/syslinux/mbr/mbr.bin of="$raw" bs=440 count=1 conv=notrunc status=none
    dd if="$boot" of="$raw" bs=1M seek=1 conv=notrunc,sparse status=none
    dd if="$root" of="$raw" bs=1M seek=$((1 + boot_size)) conv=notrunc,sparse status=none
    qemu-img convert -O qcow2 -c -o compression_type=zstd "$raw" "$result"
    rm -f "$raw" "$boot" "$result.cfg"
}
