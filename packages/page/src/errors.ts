// The page's errors that it tells apart.

/** Why a request failed. `status` is 0 if the store did not answer. */
export class StoreError extends Error {
  readonly code = 'STORE_REQUEST'
  readonly status: number
  /** Whether the store wants to know who asks. */
  readonly needsSignIn: boolean

  constructor(
    message: string,
    status: number,
    options: ErrorOptions & { readonly needsSignIn?: boolean } = {},
  ) {
    super(message, options)
    this.status = status
    this.needsSignIn = options.needsSignIn ?? false
  }
}
