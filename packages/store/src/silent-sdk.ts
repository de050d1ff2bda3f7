// The logger that the AWS SDK gets. Without one, it writes warnings to the console.

const nothing = () => undefined

/** Drops everything. Errors reach the log through the caller. */
export const silentSdk = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
}
