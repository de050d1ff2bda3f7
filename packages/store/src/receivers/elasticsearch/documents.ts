// Documents of an index as entries. An id that the sender set is part of an entry's identity, as structured metadata
// `_id`, so that a document that is sent again is stored once.

import { documentIdBytesMax, indexNameBytesMax } from '../../limits.ts'
import { entryOfDocument } from '../document/document-entry.ts'
import { fieldsOf } from '../document/document-fields.ts'
import { isJsonObject, parseDocument } from '../document/exact-json.ts'
import type { FieldChoice } from '../document/field-choice.ts'
import type { ReceivedEntry } from '../entry-batch.ts'
import type { ReceiverParts } from '../receiver-route.ts'
import type { BulkItem } from './bulk-body.ts'
import { indexLabel } from './index-label.ts'

/** Turns the documents of one request into entries. */
export class IndexedDocuments {
  readonly #choice: FieldChoice
  readonly #tenant: string
  readonly #allowsMetadata: boolean
  readonly #arrivals: ReceiverParts['arrivals']
  /** Index → its label. A request mostly has one. */
  readonly #labels = new Map<string, string>()

  constructor(
    choice: FieldChoice,
    tenant: string,
    { limitsOf, arrivals }: Pick<ReceiverParts, 'limitsOf' | 'arrivals'>,
  ) {
    this.#choice = choice
    this.#tenant = tenant
    this.#arrivals = arrivals
    this.#allowsMetadata = limitsOf(tenant).allowStructuredMetadata
  }

  /**
   * @throws SyntaxError when the document is not an object of JSON, its time cannot be read, or a name is too long.
   */
  entryOf({ index, id, source }: Pick<BulkItem, 'index' | 'id' | 'source'>): ReceivedEntry {
    checkLength('the name of the index', index, indexNameBytesMax)
    if (id !== undefined) checkLength('the id', id, documentIdBytesMax)
    const document = parseDocument(source)
    if (!isJsonObject(document)) throw new SyntaxError('it is not a JSON object')
    return entryOfDocument({
      fields: fieldsOf(document),
      source,
      choice: this.#choice,
      labels: { index: this.#labelOf(index) },
      fallbackLabels: {},
      metadata: id === undefined ? [] : [{ name: '_id', value: id }],
      arrival: () =>
        id === undefined
          ? this.#arrivals.next()
          : this.#arrivals.of(`${this.#tenant}\0${index}\0${id}`),
      allowsMetadata: this.#allowsMetadata,
    })
  }

  #labelOf(index: string): string {
    let label = this.#labels.get(index)
    if (label === undefined) {
      label = indexLabel(index)
      this.#labels.set(index, label)
    }
    return label
  }
}

function checkLength(what: string, text: string, bytesMax: number): void {
  if (Buffer.byteLength(text) <= bytesMax) return
  throw new SyntaxError(`${what} is longer than ${bytesMax} bytes`)
}
