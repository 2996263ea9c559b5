"""Options of Compute under upstream's groups and names."""

from unkai.kernel.settings import Group, option


class ComputeOptions(Group, name="DEFAULT"):
    instance_name_template: str = option(
        "instance-%08x", "Name of a guest's domain: %d or %x is the server's number, %(uuid)s its id."
    )
    default_schedule_zone: str | None = option(None, "Zone of servers whose request names none.")
    instance_build_timeout: int = option(3600, "Seconds after which a build that has not ended is undone.")
    shutdown_timeout: int = option(60, "Seconds a guest has to power off by itself before its power is taken.")
    vif_plugging_timeout: int = option(300, "Seconds to wait for a new guest's ports to be plugged; 0 does not wait.")
    vif_plugging_is_fatal: bool = option(True, "Whether a build fails whose ports are not plugged in time.")
    password_length: int = option(12, "Length of generated administrator passwords.")
    force_config_drive: bool = option(False, "Give every server a config drive.")
    max_local_block_devices: int = option(3, "Local disks a request may map; -1 for any number, 0 for none at all.")
    default_ephemeral_format: str | None = option(None, "File system on ephemeral disks; none leaves them ext4.")


class ApiOptions(Group, name="api"):
    max_limit: int = option(1000, "Most items in one answer to a list request.")
    compute_link_prefix: str = option("", "Base URL in links instead of the one that was asked.")
    enable_instance_password: bool = option(True, "Answer a create request with the administrator password.")
    dhcp_domain: str = option("novalocal", "Domain appended to host names in metadata; empty for none.")


class QuotaOptions(Group, name="quota"):
    instances: int = option(10, "Servers of a project; -1 is unlimited, here and below.")
    cores: int = option(20, "Virtual CPUs of a project's servers.")
    ram: int = option(50 * 1024, "MiB of memory of a project's servers.")
    metadata_items: int = option(128, "Metadata items of a server.")
    injected_files: int = option(5, "Files in a create request.")
    injected_file_content_bytes: int = option(10 * 1024, "Bytes of one injected file.")
    injected_file_path_length: int = option(255, "Bytes of an injected file's path.")
    key_pairs: int = option(100, "Key pairs of a user.")
    server_groups: int = option(10, "Server groups of a project.")
    server_group_members: int = option(10, "Servers of a server group.")


class BuildOptions(Group, name="scheduler"):
    max_attempts: int = option(3, "Hosts on which the building of a server is tried at most.")


class LibvirtRebootOptions(Group, name="libvirt"):
    wait_soft_reboot_seconds: int = option(120, "Seconds a guest has for a soft reboot before it becomes a hard one.")
