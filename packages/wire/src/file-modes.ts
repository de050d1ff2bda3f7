// Who may read what a process keeps: logs hold secrets that nobody meant to log.

/** Mode of files that a store or an agent makes: for its own user alone. */
export const privateFileMode = 0o600
/** Mode of directories that a store or an agent makes. */
export const privateDirectoryMode = 0o700
