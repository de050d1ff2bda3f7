// The errors of this package that callers catch. Each has a stable `code`.

/** Thrown when a text is not a label set. `message` has the position: `line:column: parse error: why`. */
export class LabelSyntaxError extends SyntaxError {
  readonly code = 'LABEL_SYNTAX'
  /** Offset of the offending character in UTF-16 units. */
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.name = 'LabelSyntaxError'
    this.offset = offset
  }
}

/** Thrown when a push body is incomplete, inconsistent, of an unsupported type or too large. */
export class PushBodyError extends Error {
  readonly code: 'PUSH_BODY_MALFORMED' | 'PUSH_BODY_TOO_LARGE' | 'PUSH_BODY_UNSUPPORTED'

  constructor(message: string, options: ErrorOptions & { readonly code: PushBodyError['code'] }) {
    super(message, options)
    this.name = 'PushBodyError'
    this.code = options.code
  }
}

/** Thrown when another process uses a directory. `message` names both and says what to do. */
export class DirectoryLockedError extends Error {
  readonly code = 'DIRECTORY_LOCKED'

  /** @param what The directory, for example `data directory /var/lib/skald`. */
  constructor(what: string, holder: { readonly pid: number; readonly host: string } | undefined) {
    const who = holder ? `process ${holder.pid} on host ${holder.host}` : 'another process'
    super(`Cannot use the ${what}: ${who} is using it; stop that process, or use another directory`)
    this.name = 'DirectoryLockedError'
  }
}
