// What a request says about the fields of its documents, by query string or header, under VictoriaLogs' names.

import { BadRequestError } from '../../errors.ts'
import { chosenFieldsMax } from '../../limits.ts'

/** Which fields become what. */
export interface FieldChoice {
  /** Fields that become labels. Absent: the defaults. */
  readonly streamFields: readonly string[] | undefined
  /** Fields that may hold the line, best first. Absent: the defaults. */
  readonly messageFields: readonly string[] | undefined
  readonly timeFields: readonly string[] | undefined
  /** Fields to leave out. A `*` at the end stands for any rest. */
  readonly ignoredFields: readonly string[]
  /** Fields without colours of terminals. */
  readonly decolorizedFields: readonly string[]
  /** Fields that every document gets. */
  readonly extraFields: readonly (readonly [name: string, value: string])[]
}

/** Nothing is chosen. */
export const noChoice: FieldChoice = {
  streamFields: undefined,
  messageFields: undefined,
  timeFields: undefined,
  ignoredFields: [],
  decolorizedFields: [],
  extraFields: [],
}

/** Parameters of VictoriaLogs that would change what is stored, and that Skald does not have. */
const unknownParams = ['debug', 'preserve_json_keys'] as const

/**
 * Reads the choice of a request. The query string wins over headers.
 *
 * @param query Parameters of the URL.
 * @param header Returns the value of a header by its name in lower case.
 * @throws BadRequestError when a parameter cannot be followed.
 */
export function readFieldChoice(
  query: URLSearchParams,
  header: (name: string) => string | undefined,
): FieldChoice {
  for (const name of unknownParams) {
    const value = query.get(name) ?? header(`vl-${name.replaceAll('_', '-')}`)
    if (value && value !== '0' && value !== 'false') {
      throw new BadRequestError(`parameter ${name}: Skald does not have it, so leave it out`)
    }
  }
  const read = (name: string) =>
    query.get(name) ?? header(`vl-${name.replace(/^_/, '').replaceAll('_', '-')}`)
  const list = (name: string) => {
    const items = (read(name) ?? '')
      .split(',')
      .map(item => item.trim())
      .filter(item => item !== '')
    if (items.length > chosenFieldsMax) {
      throw new BadRequestError(`parameter ${name}: more than ${chosenFieldsMax} fields`)
    }
    return items
  }
  const chosen = (name: string) => {
    const items = list(name)
    return items.length > 0 ? items : undefined
  }
  return {
    streamFields: chosen('_stream_fields'),
    messageFields: chosen('_msg_field'),
    timeFields: chosen('_time_field'),
    ignoredFields: list('ignore_fields'),
    decolorizedFields: list('decolorize_fields'),
    extraFields: list('extra_fields').map(readExtra),
  }
}

function readExtra(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  throw new BadRequestError(
    `parameter extra_fields: ${JSON.stringify(text)} is not of the form name=value`,
  )
}
