// File modes for everything a process stores. Logs contain secrets that nobody meant to log.

/** Mode of files that a store or an agent creates: only its own user may read them. */
export const privateFileMode = 0o600
/** Mode of directories that a store or an agent creates. */
export const privateDirectoryMode = 0o700
