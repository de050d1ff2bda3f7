// Tells a damaged catalog from one that cannot be used for another reason.

import { UpkeepError } from '../errors.ts'

/**
 * Returns what is wrong with a catalog that could not be read.
 * @throws UpkeepError when the file itself is sound, as far as this program can tell.
 */
export function faultOfCatalog(error: unknown, path: string): string {
  const { code = '', message } = error as Error & { readonly code?: string }
  if (/^SQLITE_(CORRUPT|NOTADB|IOERR|ERROR)/.test(code)) return message
  if (error instanceof RangeError)
    throw new UpkeepError(message, { code: 'UPKEEP_PATH', cause: error })
  if (!code.startsWith('SQLITE_')) throw error
  throw new UpkeepError(`Cannot read the catalog ${path}: ${message}`, {
    code: 'UPKEEP_PATH',
    cause: error,
  })
}
