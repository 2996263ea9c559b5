"""Options of the identity room under upstream's groups and names."""

from unkai.kernel.settings import Group, option


class DefaultOptions(Group, name="DEFAULT"):
    max_project_tree_depth: int = option(5, "How many projects may hang below each other within a domain.")
    list_limit: int | None = option(None, "Most entries of one identity list answer; empty means no limit.")
    max_db_limit: int = option(1000, "Largest page that a client may ask for with `limit`.")


class IdentityOptions(Group, name="identity"):
    default_domain_id: str = option("default", "The domain of users, groups and projects that name none.")
    max_password_length: int = option(4096, "Longest password in characters.")


class TokenOptions(Group, name="token"):
    expiration: int = option(3600, "Seconds that a token is valid.")
    allow_expired_window: int = option(
        172800, "Seconds after its end in which a service may still validate a token with allow_expired."
    )
    allow_rescope_scoped_token: bool = option(True, "Whether a scoped token may be exchanged for another scope.")


class FernetOptions(Group, name="fernet_tokens"):
    max_active_keys: int = option(3, "Keys kept in the ring: the newest signs, all of them validate.")


class SecurityOptions(Group, name="security_compliance"):
    lockout_failure_attempts: int | None = option(
        None, "Wrong passwords in a row that lock a user; empty never locks."
    )
    lockout_duration: int = option(1800, "Seconds that a locked user stays locked.")
    password_expires_days: int | None = option(None, "Days that a password is valid; empty means for ever.")
    unique_last_password_count: int = option(
        0, "How many of a user's last passwords, the new one included, must differ when users change theirs."
    )
    minimum_password_age: int = option(0, "Days a user must keep a password before changing it again.")
    password_regex: str | None = option(None, "Regular expression that new passwords must match.")
    password_regex_description: str | None = option(None, "What the expression demands, in words for users.")
    change_password_upon_first_use: bool = option(
        False, "Whether a password set by an administrator must be changed by the user at once."
    )
    disable_user_account_days_inactive: int | None = option(
        None, "Days without authentication after which a user counts as disabled; empty means never."
    )


class ResourceOptions(Group, name="resource"):
    admin_project_name: str | None = option(None, "The project whose tokens are marked is_admin_project.")
    admin_project_domain_name: str | None = option(None, "The domain of that project.")


class ApplicationCredentialOptions(Group, name="application_credential"):
    user_limit: int = option(-1, "Most application credentials of one user; -1 is unlimited.")


class CredentialOptions(Group, name="credential"):
    user_limit: int = option(-1, "Most credentials (EC2, TOTP...) of one user; -1 is unlimited.")


class UnkaiOptions(Group, name="unkai"):
    password_hash_workers: int = option(
        2, "Threads that hash passwords: each needs 19 MiB and a core for about 25 ms a password."
    )
    password_hash_backlog: int = option(500, "Passwords that may wait for hashing; beyond it the answer is 503.")
    token_key_days: int = option(30, "Days after which a new key signs tokens; 0 never changes it.")


class AssignmentOptions(Group, name="assignment"):
    prohibited_implied_role: list[str] = option(["admin"], "Roles that no other role may imply.")
