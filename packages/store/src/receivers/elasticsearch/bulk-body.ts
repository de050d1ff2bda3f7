// The body of Elasticsearch's bulk API: a line that says what to do, then the document, and so on.
//
//   {"index": {"_index": "logs", "_id": "1"}}
//   {"@timestamp": "2026-11-30T12:00:00Z", "message": "hello"}

import { PushBodyError } from '@skald/wire'
import { documentBytesMax, documentIdBytesMax, requestEntriesMax } from '../../limits.ts'
import { isJsonObject, type JsonObject, parseDocument } from '../document/exact-json.ts'

/** What a bulk request may ask for. Skald stores what `index` and `create` bring. */
export const bulkActions = ['index', 'create', 'update', 'delete'] as const
export type BulkAction = (typeof bulkActions)[number]

/** One item of a bulk request. */
export interface BulkItem {
  readonly action: BulkAction
  readonly index: string
  /** Absent if Elasticsearch would make one up. */
  readonly id: string | undefined
  /** The document as sent; empty for `delete`. */
  readonly source: string
}

/** Thrown when a bulk body cannot be divided into items. Nothing of it is stored. */
export class BulkSyntaxError extends SyntaxError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BulkSyntaxError'
  }
}

const lineFeed = 0x0a
/** Most items have two lines. */
const linesMax = 2 * requestEntriesMax

/**
 * Divides a bulk body into items.
 *
 * @param defaultIndex Index of the URL, for items that name none.
 * @throws BulkSyntaxError with the number of the line; PushBodyError when there are too many.
 */
export function* parseBulkBody(body: Buffer, defaultIndex = ''): Generator<BulkItem> {
  let lineNumber = 0
  let at = 0
  const nextLine = (): string => {
    if (at >= body.length) {
      throw new BulkSyntaxError(`Line [${lineNumber + 1}] is missing: a document`)
    }
    if (lineNumber >= linesMax) {
      throw new PushBodyError(
        `request body too large: more than ${linesMax} lines; send several requests`,
        { code: 'PUSH_BODY_TOO_LARGE' },
      )
    }
    const feed = body.indexOf(lineFeed, at)
    // Unlike Elasticsearch, the last line may end without a line feed.
    const end = feed < 0 ? body.length : feed
    if (end - at > documentBytesMax) {
      const max = `${documentBytesMax} bytes`
      throw new BulkSyntaxError(`Line [${lineNumber + 1}] is longer than ${max}`)
    }
    lineNumber++
    const text = body.toString('utf8', at, end)
    at = end + 1
    return text.endsWith('\r') ? text.slice(0, -1) : text
  }
  while (at < body.length) {
    const text = nextLine()
    if (text.trim() === '') continue
    const { action, settings } = parseAction(text, lineNumber)
    const index = textOf(settings, '_index', lineNumber) ?? defaultIndex
    if (index === '') throw new BulkSyntaxError(`Line [${lineNumber}]: index is missing`)
    const id = textOf(settings, '_id', lineNumber)
    if (id !== undefined && Buffer.byteLength(id) > documentIdBytesMax) {
      const max = `must be no longer than ${documentIdBytesMax} bytes`
      throw new BulkSyntaxError(`Line [${lineNumber}]: id is too long, ${max}`)
    }
    yield { action, index, id, source: action === 'delete' ? '' : nextLine() }
  }
}

function parseAction(
  text: string,
  lineNumber: number,
): { readonly action: BulkAction; readonly settings: JsonObject } {
  const malformed = (why: string, cause?: unknown) =>
    new BulkSyntaxError(`Malformed action/metadata line [${lineNumber}]: ${why}`, { cause })
  let value: ReturnType<typeof parseDocument>
  try {
    value = parseDocument(text)
  } catch (cause) {
    throw malformed(`it is not JSON: ${(cause as Error).message}`, cause)
  }
  // winston-elasticsearch writes more behind the action, and Elasticsearch 8 takes it.
  const [name = ''] = isJsonObject(value) ? Object.keys(value) : []
  const action = bulkActions.find(known => known === name)
  const settings = isJsonObject(value) ? value[name] : undefined
  if (!action || !isJsonObject(settings)) {
    throw malformed(`expected one of ${bulkActions.join(', ')} with an object`)
  }
  return { action, settings }
}

function textOf(settings: JsonObject, name: string, lineNumber: number): string | undefined {
  const value = settings[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value === '' ? undefined : value
  throw new BulkSyntaxError(`Malformed action/metadata line [${lineNumber}]: ${name} is no text`)
}
